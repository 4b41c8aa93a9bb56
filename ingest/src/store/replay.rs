//! Opens dead letters again: with a newer store more of them can be read.
//!
//! Rows that are stored already are met by their event ids, so a letter may be
//! replayed as often as one likes. It is marked only after its rows are stored.

use clickhouse::Client;
use clickhouse::error::Error;
use tokio::sync::{mpsc, watch};

use super::acknowledge::Ack;
use super::dead_letter::Parked;
use super::letters::Wanted;
use super::pipeline::{StoreError, run_steps};
use super::taken::{Content, JournalEnd, Source, Taken};
use super::unpark::{Held, held};
use crate::Metrics;
use crate::config::StoreConfig;
use crate::trace::Span;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Letters that were opened again.
    pub opened: u64,
    /// Of these, stored whole by now.
    pub whole: u64,
    /// Events written; those among them that were stored before count once.
    pub events: u64,
    /// Letters that hold no batch.
    pub unreadable: u64,
    /// Letters of a newer version or format, left just as they are.
    pub too_new: u64,
}

/// Letters that stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The letters cannot be read.
    #[error("read dead letters")]
    Read(#[source] Error),
    /// What was opened cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task that reads ended by a panic.
    #[error("read dead letters")]
    Reading(#[source] tokio::task::JoinError),
}

/// Opens the letters that are meant, stores what can be stored by now, and
/// writes anew why the rest cannot.
///
/// # Errors
/// See [`ReplayError`]; replaying again does no harm.
pub async fn replay(
    config: StoreConfig,
    client: &Client,
    wanted: &Wanted,
    shutdown: watch::Receiver<bool>,
) -> Result<Replayed, ReplayError> {
    let metrics = Metrics::default();
    let (sender, taken) = mpsc::channel(4);
    let reading = tokio::spawn(send(client.clone(), wanted.clone(), sender));
    let source = Source {
        journal: JournalEnd::Consumer(taken),
        parked: mpsc::channel(1).1,
    };
    let stored = run_steps(config, source, client.clone(), metrics.clone(), shutdown).await;
    let sent = reading
        .await
        .map_err(ReplayError::Reading)?
        .map_err(ReplayError::Read)?;
    stored?;
    Ok(Replayed {
        whole: metrics.letters("replayed") + metrics.letters("unparked"),
        events: metrics.store_events().stored,
        ..sent
    })
}

/// Sends what can be opened, and counts it beside what cannot.
async fn send(
    client: Client,
    wanted: Wanted,
    taken: mpsc::Sender<Taken>,
) -> Result<Replayed, Error> {
    let columns = "letter_id, device_id, toUnixTimestamp64Milli(received_at) AS received_at,
        event_count, kind, hex(record) AS record_hex";
    let mut letters = wanted.ask(&client, columns).fetch::<Parked>()?;
    let mut sent = Replayed::default();
    while let Some(letter) = letters.next().await? {
        let record = match held(&letter) {
            Held::Known(record) => record,
            Held::TooNew => {
                sent.too_new += 1;
                continue;
            }
            Held::Nothing => {
                // One that was replayed before keeps no batch.
                sent.unreadable += u64::from(!letter.record_hex.is_empty());
                continue;
            }
        };
        let content = Content::Parked(record, letter);
        let (ack, span) = (Ack::Nobody, Span::default());
        if taken.send(Taken { content, ack, span }).await.is_err() {
            break;
        }
        sent.opened += 1;
    }
    Ok(sent)
}
