//! `kbwatch-ingest topics`: the topic of sealed batches, for people.

use std::io::Write;

use kbwatch_ingest::config::{ConfigError, KafkaConfig};
use kbwatch_ingest::journal::{describe, ensure_topic, lag};

use crate::Outcome;
use crate::cli::Topics;

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

pub(crate) async fn run(command: &Topics, config: &KafkaConfig) -> Outcome {
    if !config.is_set() {
        return Err(Box::new(ConfigError::Impossible {
            key: "kafka.brokers",
            value: "\"\"".to_owned(),
            remedy: "name the brokers; without Kafka there is no topic",
        }));
    }
    if matches!(command, Topics::Create(_)) {
        ensure_topic(config).await?;
    }
    let state = describe(config).await?;
    let kept = state.retention_ms.map_or_else(
        || "for ever".to_owned(),
        |kept| format!("{} hours", kept / HOUR_MS),
    );
    let asked = config.clone();
    let behind = tokio::task::spawn_blocking(move || lag(&asked)).await?;
    let behind = match behind {
        Ok(behind) => format!("{behind} batches"),
        Err(error) => error.to_string(),
    };
    let mut text = format!(
        "topic                 {}\n\
         partitions            {} (as many stores share the work at most)\n\
         replicas              {}\n\
         min.insync.replicas   {}\n\
         kept for              {kept}\n\
         max.message.bytes     {}\n\
         cleanup.policy        {}\n\
         stores are behind by  {behind}\n",
        config.topic,
        state.partitions,
        state.replicas,
        state.min_insync,
        state.max_message_bytes,
        state.cleanup,
    );
    if let Some(weakness) = state.weakness(config) {
        text = format!("{text}weak: {weakness}\n");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(state.check(config)?)
}
