//! `kbwatch-ingest migrate` and `rebuild`: the tables, for people.

use std::io::Write;

use kbwatch_ingest::config::{ConfigError, IngestConfig};
use kbwatch_ingest::migrate::schema;
use kbwatch_ingest::rebuild::{differing, rebuild as make_anew};

use crate::Outcome;

/// There is something to do, and it was only asked after.
#[derive(Debug, thiserror::Error)]
#[error("there is something to do")]
pub(crate) struct ToDo;

pub(crate) async fn migrate(dry_run: bool, config: &IngestConfig) -> Outcome {
    let client = config.clickhouse.client();
    let schema = schema(&config.clickhouse.cluster);
    if !dry_run {
        return Ok(schema.apply(&client).await?);
    }
    let steps = schema.plan(&client).await?;
    let mut text: String = steps.iter().map(ToString::to_string).collect();
    if steps.is_empty() {
        text.push_str("-- nothing to do\n");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    if steps.is_empty() {
        return Ok(());
    }
    Err(Box::new(ToDo))
}

pub(crate) async fn rebuild(check: bool, config: &IngestConfig) -> Outcome {
    if !config.clickhouse.cluster.is_empty() {
        return Err(Box::new(ConfigError::Impossible {
            key: "rebuild with clickhouse.cluster",
            value: config.clickhouse.cluster.clone(),
            remedy: "tables are rebuilt on one server only so far",
        }));
    }
    let client = config.clickhouse.client();
    let different = differing(&client).await?;
    let mut text = format!(
        "codes_seen: of {} codes it knows less than update_events, of {} it knows more (removed \
         rows, earlier readings)\n",
        different.missing, different.beyond
    );
    if !check {
        let codes = make_anew(&client).await?;
        text = format!("{text}codes_seen: made anew with {codes} codes\n");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    if check && different.missing > 0 {
        return Err(Box::new(ToDo));
    }
    Ok(())
}
