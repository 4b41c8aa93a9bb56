//! Takes up what older stores parked: batches of formats that this code knows.
//!
//! Runs once at the start, and again until ClickHouse has told all that is parked,
//! beside the journal, which never waits for it. A
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

/// First pause after parked batches could not be read.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest one.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Sends every parked record that can be opened by now. Where they cannot be read
/// back, each row within `limit`, it begins anew after a pause that grows up to
/// `most`; what is left when nobody takes any more stays parked.
pub(crate) async fn take_up_parked(
    client: &Client,
    taken: mpsc::Sender<Taken>,
    limit: Duration,
    most: Duration,
) {
    let sending = async {
        let mut pause = FIRST_PAUSE.min(most);
        while let Err(failure) = send_parked(client, &taken, limit).await {
            warn!(%failure, "parked batches cannot be read yet; it is tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(most);
        }
    };
    tokio::select! {
        () = sending => {}
        () = taken.closed() => {}
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_parked_is_asked_for_again_until_clickhouse_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::default()
            .with_url(format!("http://{}", listener.local_addr().unwrap()))
            .with_validation(false);
        let (taken, _batches) = mpsc::channel(1);
        let second = Duration::from_secs(1);
        let asking = take_up_parked(&client, taken, second, Duration::from_millis(5));
        let answering = async {
            for _ in 0..3 {
                // It hangs up without an answer.
                drop(listener.accept().await.unwrap());
            }
            let (mut line, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4_096];
            assert!(line.read(&mut asked).await.unwrap() > 0);
            let empty = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            line.write_all(empty).await.unwrap();
        };
        let both = async { tokio::join!(asking, answering) };
        tokio::time::timeout(second * 20, both).await.unwrap();
    }
}
