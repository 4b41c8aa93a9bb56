//! `kbwatch-ingest dead-letters`: what could not be stored, for people.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use clickhouse::Client;
use kbwatch_ingest::config::{ConfigError, IngestConfig};
use kbwatch_ingest::store::letters::{Letter, MOST_SHOWN, Wanted, beyond, envelope, list};
use kbwatch_ingest::store::replay;
use tokio::sync::watch;

use crate::Outcome;
use crate::cli::{DeadLetters, Letters};

/// Characters of an id that a list shows: enough to name it by.
const SHORT_ID: usize = 12;

/// Time for ClickHouse to say what is asked.
const DEADLINE: Duration = Duration::from_mins(1);

/// What is printed, or why not.
type Told = Result<String, Box<dyn Error + Send + Sync>>;

/// Nothing can be told of dead letters.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// ClickHouse hangs.
    #[error(
        "read dead letters: ClickHouse did not answer within a minute; kbwatch-ingest check says more"
    )]
    InTime,
    /// Somebody did not want to wait.
    #[error("read dead letters: stopped before ClickHouse answered")]
    Stopped,
}

pub(crate) fn arguments(command: &DeadLetters) -> &Letters {
    match command {
        DeadLetters::List(letters) | DeadLetters::Show(letters) | DeadLetters::Replay(letters) => {
            letters
        }
    }
}

pub(crate) async fn run(
    command: &DeadLetters,
    config: IngestConfig,
    shutdown: watch::Receiver<bool>,
) -> Outcome {
    let asked = arguments(command);
    // What is replayed was named, and is replayed whole.
    let no_limit = asked.all || matches!(command, DeadLetters::Replay(_));
    let wanted = Wanted {
        ids: asked.ids.clone(),
        device: asked.device.clone(),
        kind: asked.kind.clone(),
        limit: if no_limit { u64::MAX } else { MOST_SHOWN },
    };
    let client = config.clickhouse.client();
    let text = match command {
        DeadLetters::List(_) => answered(shutdown, listed(&client, &wanted)).await?,
        DeadLetters::Show(_) => answered(shutdown, shown(&client, &wanted)).await?,
        DeadLetters::Replay(_) => {
            let named = !asked.ids.is_empty() || asked.device.is_some() || asked.kind.is_some();
            if !named && !asked.all {
                return Err(Box::new(ConfigError::Impossible {
                    key: "dead-letters replay",
                    value: String::new(),
                    remedy: "name letters, --device, --kind, or --all",
                }));
            }
            let done = replay(config.store, &client, &wanted, shutdown).await?;
            format!(
                "opened {} letters: {} events stored, {} letters stored whole, {} of no batch, \
                 {} still too new\n",
                done.opened, done.events, done.whole, done.unreadable, done.too_new
            )
        }
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Waits for what only reads, until it is asked to stop or the time is over.
async fn answered(
    mut shutdown: watch::Receiver<bool>,
    reading: impl Future<Output = Told>,
) -> Told {
    tokio::select! {
        read = tokio::time::timeout(DEADLINE, reading) => read.map_err(|_| Unanswered::InTime)?,
        // Also when nobody is left who could ask.
        _ = shutdown.wait_for(|stop| *stop) => Err(Box::new(Unanswered::Stopped)),
    }
}

async fn listed(client: &Client, wanted: &Wanted) -> Told {
    let letters = list(client, wanted).await?;
    let more = beyond(client, wanted, letters.len()).await?;
    Ok(format!("{}{}", table(&letters), more_told(more)))
}

async fn shown(client: &Client, wanted: &Wanted) -> Told {
    let mut text = String::new();
    let letters = list(client, wanted).await?;
    for letter in &letters {
        let sealed = envelope(client, letter).await?;
        write!(text, "{}", whole(letter))?;
        if let Some(sealed) = sealed {
            writeln!(text, "{sealed:#?}")?;
        }
        writeln!(text)?;
    }
    let more = beyond(client, wanted, letters.len()).await?;
    text.push_str(&more_told(more));
    Ok(text)
}

fn table(letters: &[Letter]) -> String {
    if letters.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let head = format!(
        "{:SHORT_ID$}  {:23}  {:20}  {:8}  {:>6}  {:>5}  reason\n",
        "id", "received", "device", "kind", "events", "rows"
    );
    let lines = letters.iter().map(|letter| {
        format!(
            "{:.SHORT_ID$}  {:23}  {:20}  {:8}  {:>6}  {:>5}  {}\n",
            letter.id,
            letter.received_at,
            printable(&letter.device_id),
            letter.kind,
            letter.event_count,
            letter.rows.len(),
            printable(&letter.reason),
        )
    });
    std::iter::once(head).chain(lines).collect()
}

fn more_told(more: u64) -> String {
    match more {
        0 => String::new(),
        more => format!("and {more} more: name a device or a kind, or --all\n"),
    }
}

fn whole(letter: &Letter) -> String {
    let head = format!(
        "letter    {}\ndevice    {}\nreceived  {}\nkind      {}\nevents    {}\nrecord    {} bytes\nreason    {}\n",
        letter.id,
        printable(&letter.device_id),
        letter.received_at,
        letter.kind,
        letter.event_count,
        letter.record_bytes,
        printable(&letter.reason),
    );
    let rows = letter.rows.iter();
    let lines = rows.map(|(row, reason)| format!("  row {row}: {}\n", printable(reason)));
    std::iter::once(head).chain(lines).collect()
}

/// What a device may have worded itself must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_cannot_steer_the_terminal() {
        assert_eq!(printable("red\u{1b}[31m\nline"), "red?[31m?line");
    }
}
