//! Opens dead letters again: with a newer store more of them can be read.
//!
//! Rows that are stored already are met by their event ids, so a letter may be
//! replayed as often as one likes. It is marked only after its rows are stored.

use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::acknowledge::Ack;
use super::dead_letter::Parked;
use super::letters::Wanted;
use super::pipeline::{StoreError, run_steps};
use super::taken::{Content, JournalEnd, Source, Taken};
use super::unpark::{Held, held};
use crate::config::StoreConfig;
use crate::trace::Span;
use crate::{Metrics, stopped};

/// Letters that are read at once.
const PAGE: usize = 16;

/// Time for ClickHouse to answer a question.
const ANSWER: Duration = Duration::from_mins(1);

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
    /// It was asked to stop; what was opened by then is stored.
    #[error("stopped after {opened} letters; the others stay as they are")]
    Stopped {
        /// Letters that were opened again.
        opened: u64,
    },
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
    let reading = tokio::spawn(send(
        client.clone(),
        wanted.clone(),
        sender,
        shutdown.clone(),
    ));
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
    if sent.is_stopped {
        return Err(ReplayError::Stopped {
            opened: sent.opened,
        });
    }
    Ok(Replayed {
        whole: metrics.letters("replayed") + metrics.letters("unparked"),
        events: metrics.store_events().stored,
        ..sent.counted()
    })
}

/// What was sent so far.
#[derive(Default)]
struct Sent {
    opened: u64,
    unreadable: u64,
    too_new: u64,
    is_stopped: bool,
}

impl Sent {
    fn counted(&self) -> Replayed {
        Replayed {
            opened: self.opened,
            unreadable: self.unreadable,
            too_new: self.too_new,
            ..Replayed::default()
        }
    }
}

/// Sends what can be opened, and counts it beside what cannot; ends when it is
/// asked to stop.
async fn send(
    client: Client,
    wanted: Wanted,
    taken: mpsc::Sender<Taken>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<Sent, Error> {
    let mut sent = Sent::default();
    let sending = send_all(&client, &wanted, &taken, &mut sent);
    let outcome = tokio::select! {
        biased;
        () = stopped(&mut shutdown) => None,
        outcome = sending => Some(outcome),
    };
    match outcome {
        Some(outcome) => outcome?,
        None => sent.is_stopped = true,
    }
    Ok(sent)
}

async fn send_all(
    client: &Client,
    wanted: &Wanted,
    taken: &mpsc::Sender<Taken>,
    sent: &mut Sent,
) -> Result<(), Error> {
    // Whole records are asked for a few at a time: ClickHouse would sort all of
    // them in memory.
    let ids = wanted.ask(client, "toString(device_id), lower(hex(letter_id))");
    let ids: Vec<(String, String)> = in_time(ids.fetch_all()).await?;
    for page in ids.chunks(PAGE) {
        let (devices, ids): (Vec<&str>, Vec<&str>) = page
            .iter()
            .map(|(device, id)| (device.as_str(), id.as_str()))
            .unzip();
        let letters = client
            .query(
                "SELECT letter_id, device_id, toUnixTimestamp64Milli(received_at) AS received_at,
                     event_count, kind, hex(record) AS record_hex
                 FROM dead_letters FINAL WHERE device_id IN ? AND lower(hex(letter_id)) IN ?",
            )
            .bind(devices)
            .bind(ids);
        for letter in in_time(letters.fetch_all::<Parked>()).await? {
            if !send_one(letter, taken, sent).await {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Sends a letter that can be opened; false when nobody takes any more.
async fn send_one(letter: Parked, taken: &mpsc::Sender<Taken>, sent: &mut Sent) -> bool {
    let record = match held(&letter) {
        Held::Known(record) => record,
        Held::TooNew => {
            sent.too_new += 1;
            return true;
        }
        Held::Nothing => {
            // One that was replayed before keeps no batch.
            sent.unreadable += u64::from(!letter.record_hex.is_empty());
            return true;
        }
    };
    let batch = Taken {
        content: Content::Parked(record, letter),
        ack: Ack::Nobody,
        span: Span::default(),
        _room: None,
    };
    let is_taken = taken.send(batch).await.is_ok();
    sent.opened += u64::from(is_taken);
    is_taken
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ANSWER, answer)
        .await
        .unwrap_or(Err(Error::TimedOut))
}
