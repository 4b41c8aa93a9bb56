//! Takes up what older stores parked: batches of formats that this code knows.
//!
//! Runs once at the start, beside the journal, which never waits for it. A
//! letter is marked as taken up after its rows are stored; a crash in between
//! stores them again, which doubles nothing.

use std::future::Future;
use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use kbwatch_proto::batch::FORMAT;
use kbwatch_proto::journal::{self, JournalRecord};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use super::acknowledge::Ack;
use super::dead_letter::Parked;
use super::taken::{Content, Taken};
use crate::trace::Span;

/// Sends every parked record that can be opened by now. What cannot be read
/// back, each row within `limit`, stays parked for the next start; so does what
/// is left when nobody takes any more.
pub(crate) async fn take_up_parked(client: &Client, taken: mpsc::Sender<Taken>, limit: Duration) {
    let sent = tokio::select! {
        sent = send_parked(client, &taken, limit) => sent,
        () = taken.closed() => return,
    };
    if let Err(failure) = sent {
        warn!(%failure, "parked batches stay parked until the next start");
    }
}

async fn send_parked(
    client: &Client,
    taken: &mpsc::Sender<Taken>,
    limit: Duration,
) -> Result<(), Error> {
    let mut parked = client
        .query(
            "SELECT letter_id, device_id, toUnixTimestamp64Milli(received_at) AS received_at,
                    event_count, kind, hex(record) AS record_hex
             FROM dead_letters FINAL WHERE kind = 'parked'",
        )
        .fetch::<Parked>()?;
    let mut count = 0_u64;
    while let Some(letter) = in_time(limit, parked.next()).await? {
        let Held::Known(record) = held(&letter) else {
            continue;
        };
        count += 1;
        let sent = taken.send(Taken {
            content: Content::Parked(record, letter),
            ack: Ack::Nobody,
            span: Span::default(),
            _room: None,
        });
        if sent.await.is_err() {
            break;
        }
    }
    if count > 0 {
        info!(batches = count, "took up parked batches");
    }
    Ok(())
}

async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(limit, answer).await.unwrap_or(Err(Error::TimedOut))
}

/// What this code makes of the bytes of a letter.
pub(super) enum Held {
    /// A batch that can be opened.
    Known(Box<JournalRecord>),
    /// Of a newer version or format: its fields are not all known here.
    TooNew,
    /// No batch at all.
    Nothing,
}

/// Looks at a letter without opening its batch.
pub(super) fn held(letter: &Parked) -> Held {
    let bytes = letter.record().unwrap_or_default();
    let Ok(record) = JournalRecord::decode(bytes.as_slice()) else {
        return Held::Nothing;
    };
    if record.version > journal::VERSION {
        return Held::TooNew;
    }
    match record.batch.as_ref().map(|batch| batch.format) {
        None => Held::Nothing,
        Some(format) if format > FORMAT => Held::TooNew,
        Some(_) => Held::Known(Box::new(record)),
    }
}
