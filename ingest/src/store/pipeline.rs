//! The steps of store, in flow order: take, open, group, write, acknowledge.
//!
//! Opening and writing overlap: while groups are on their way to ClickHouse the
//! next one fills. When ClickHouse is slow, the open group grows up to its
//! bounds, then nothing more is taken, and the journal holds the senders back.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use kbwatch_proto::journal::JournalRecord;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::info;

use super::acknowledge::Ack;
use super::batch::{Closed, Group};
use super::dead_letter::{DeadLetter, Parked};
use super::insert::{GaveUp, Writer};
use super::patience::Patience;
use super::presence::Presence;
use super::unpack::{Opened, open, open_parked, open_unreadable};
use super::unpark::take_up_parked;
use crate::Metrics;
use crate::config::StoreConfig;
use crate::journal::Entry;
use crate::metrics::Fate;

/// What the journal gives to the store.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) content: Content,
    pub(crate) ack: Ack,
}

/// A record, or what is left of one.
#[derive(Debug)]
pub(crate) enum Content {
    /// A record, and its bytes where it came in bytes.
    Record(Box<JournalRecord>, Option<Vec<u8>>),
    /// A record that an older store parked.
    Parked(Box<JournalRecord>, Parked),
    /// Bytes that are no record.
    Unreadable(DeadLetter),
}

impl From<Entry> for Taken {
    fn from(entry: Entry) -> Self {
        Self {
            content: Content::Record(Box::new(entry.record), None),
            ack: Ack::Receipt {
                waiting: entry.durable,
                room: entry.room,
            },
        }
    }
}

/// Where batches come from: the journal, and beside it what was parked.
pub(crate) struct Source {
    pub(crate) journal: JournalEnd,
    pub(crate) parked: mpsc::Receiver<Taken>,
}

/// The store's end of the journal.
pub(crate) enum JournalEnd {
    Memory(mpsc::Receiver<Entry>),
    Consumer(mpsc::Receiver<Taken>),
}

impl JournalEnd {
    async fn next(&mut self) -> Option<Taken> {
        match self {
            Self::Memory(entries) => entries.recv().await.map(Taken::from),
            Self::Consumer(taken) => taken.recv().await,
        }
    }
}

impl Source {
    /// Ends with the journal: what is still parked then waits for the next
    /// start.
    async fn next(&mut self) -> Option<Taken> {
        tokio::select! {
            taken = self.journal.next() => taken,
            Some(taken) = self.parked.recv() => Some(taken),
        }
    }
}

/// A store that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// ClickHouse did not take the last groups before the grace period ended;
    /// nothing of them was acknowledged, so they come again.
    #[error("stop the store: {batches} batches were left unacknowledged")]
    GaveUp {
        /// Batches that were not acknowledged.
        batches: usize,
        /// The last refusal.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The task that opens batches ended by a panic.
    #[error("open batches")]
    Opening(#[source] tokio::task::JoinError),
    /// The task that writes a group ended by a panic.
    #[error("write a group")]
    Writing(#[source] tokio::task::JoinError),
    /// Kafka cannot be used.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// The consumer's thread ended by a panic.
    #[error("consume batches: the consumer's thread broke")]
    Consumer,
}

/// Runs until the source is exhausted.
pub(crate) async fn run_pipeline(
    config: StoreConfig,
    journal: JournalEnd,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let (taken, parked) = mpsc::channel(1);
    let source = Source { journal, parked };
    let limit = Duration::from_millis(config.insert_deadline_ms);
    let unparking = {
        let client = client.clone();
        tokio::spawn(async move { take_up_parked(&client, taken, limit).await })
    };
    let outcome = run_steps(config, source, client, metrics, shutdown).await;
    unparking.await.map_err(StoreError::Opening)?;
    outcome
}

/// Opens, groups, writes and acknowledges until the source is exhausted.
pub(crate) async fn run_steps(
    config: StoreConfig,
    source: Source,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    // A group is closed when it may be written: it never waits here.
    let (groups, written) = mpsc::channel(1);
    let opening = tokio::spawn(open_and_group(
        config.clone(),
        source,
        groups,
        metrics.clone(),
    ));
    let patience = Patience::new(shutdown, Duration::from_millis(config.grace_ms));
    let writer = Writer {
        client,
        config,
        metrics,
    };
    let outcome = write_groups(&writer, written, patience).await;
    opening.await.map_err(StoreError::Opening)?;
    outcome
}

/// Opens batches and closes groups by rows, bytes or age; ends with its source,
/// or when nobody takes groups any more.
async fn open_and_group(
    config: StoreConfig,
    mut source: Source,
    groups: mpsc::Sender<Closed>,
    metrics: Metrics,
) {
    let turns = Arc::new(Semaphore::new(config.inserts_in_flight));
    let mut group = Group::new();
    let mut exhausted = false;
    while !exhausted || !group.is_empty() {
        let due_at = group.due_at(&config);
        let full = group.is_full(&config);
        let ready = full || exhausted || (!group.is_empty() && Instant::now() >= due_at);
        tokio::select! {
            biased;
            Ok(turn) = turns.clone().acquire_owned(), if ready => {
                let closed = std::mem::replace(&mut group, Group::new()).close(turn);
                if groups.send(closed).await.is_err() {
                    return;
                }
            }
            () = groups.closed() => return,
            taken = source.next(), if !full && !exhausted => match taken {
                Some(Taken { content, ack }) if ack.is_given_up() => pass_over(&content, &metrics),
                Some(Taken { content, ack }) => group.add(opened(content, &metrics), ack),
                None => exhausted = true,
            },
            () = sleep_until(due_at), if !ready && !group.is_empty() => {}
        }
    }
}

/// Counts a batch that nobody waits for any more: its sender was asked to come
/// again with it.
fn pass_over(content: &Content, metrics: &Metrics) {
    let mut counted = metrics.batch_opened();
    if let Content::Record(record, _) = content {
        let events = record.batch.as_ref().map_or(0, |batch| batch.event_count);
        counted.unpacked(events as usize);
    }
    counted.settled(Fate::Abandoned);
}

fn opened(content: Content, metrics: &Metrics) -> Opened {
    match content {
        Content::Record(record, raw) => open(&record, raw, metrics),
        Content::Parked(record, parked) => open_parked(&record, parked, metrics),
        Content::Unreadable(letter) => open_unreadable(letter, metrics),
    }
}

/// A group, and what became of its insert.
type Written = (Closed, Result<(), GaveUp>);

/// Writes groups, several at once, and acknowledges each when it is written; in
/// between, presence.
async fn write_groups(
    writer: &Writer,
    mut groups: mpsc::Receiver<Closed>,
    mut patience: Patience,
) -> Result<(), StoreError> {
    let mut presence = Presence::default();
    let mut flush = interval(Duration::from_millis(writer.config.presence_flush_ms));
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    let mut ended = false;
    while !ended || !under_way.is_empty() {
        tokio::select! {
            group = groups.recv(), if !ended => match group {
                Some(group) => {
                    under_way.spawn(write(writer.clone(), group, patience.clone()));
                }
                None => ended = true,
            },
            Some(written) = under_way.join_next() => {
                let (group, written) = written.map_err(StoreError::Writing)?;
                if let Err(failure) = written {
                    let gave_up = gave_up(group, under_way, groups, &mut presence, failure).await;
                    presence.give_up(&writer.metrics);
                    return Err(gave_up);
                }
                acknowledge(group, &mut presence);
            }
            _ = flush.tick() => presence.flush(writer, &mut patience).await,
        }
    }
    presence.flush(writer, &mut patience).await;
    presence.give_up(&writer.metrics);
    Ok(())
}

async fn write(writer: Writer, group: Closed, mut patience: Patience) -> Written {
    let written = writer.write(&group, &mut patience).await;
    (group, written)
}

/// Tells everyone whose batch is durable now, all at once.
fn acknowledge(group: Closed, presence: &mut Presence) {
    let (batches, rows) = (group.batches.len(), group.rows);
    for (mut batch, ack) in group.batches.into_iter().zip(group.acks) {
        if let Some(heard) = batch.heard.take() {
            presence.note(heard);
        }
        batch.counted.settled(batch.fate);
        ack.durable();
    }
    tracing::debug!(batches, rows, "stored a group");
}

/// Waits for what else is under way, whose patience ends as well, and counts
/// what is left; dropping it gives it back unacknowledged.
async fn gave_up(
    group: Closed,
    mut under_way: JoinSet<Written>,
    mut groups: mpsc::Receiver<Closed>,
    presence: &mut Presence,
    failure: GaveUp,
) -> StoreError {
    let mut batches = group.batches.len();
    groups.close();
    while let Some(left) = groups.recv().await {
        batches += left.batches.len();
    }
    while let Some(written) = under_way.join_next().await {
        match written {
            Ok((group, Ok(()))) => acknowledge(group, presence),
            Ok((group, Err(_))) => batches += group.batches.len(),
            Err(broken) => return StoreError::Writing(broken),
        }
    }
    info!(batches, "the store stops with batches unacknowledged");
    StoreError::GaveUp {
        batches,
        source: Box::new(failure),
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::telemetry::Batch;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_batch_that_nobody_waits_for_any_more_is_passed_over_and_counted() {
        let (given, entries) = mpsc::channel(2);
        let record = |device_id: &str| JournalRecord {
            device_id: device_id.to_owned(),
            batch: Some(Batch {
                event_count: 5,
                ..Batch::default()
            }),
            ..JournalRecord::default()
        };
        let mut waits = None;
        for device_id in ["gone", "here"] {
            let (durable, told) = oneshot::channel();
            let record = record(device_id);
            given
                .try_send(Entry {
                    record,
                    durable,
                    room: None,
                })
                .unwrap();
            // The one before it gives up.
            waits = Some(told);
        }
        drop(given);
        let metrics = Metrics::default();
        let (groups, mut written) = mpsc::channel(1);
        let source = Source {
            journal: JournalEnd::Memory(entries),
            parked: mpsc::channel(1).1,
        };
        open_and_group(StoreConfig::default(), source, groups, metrics.clone()).await;
        let group = written.recv().await.unwrap();
        assert_eq!(group.batches.len(), 1);
        assert_eq!(&*group.batches[0].device_id, "here");
        let (batches, events) = (metrics.store_batches(), metrics.store_events());
        assert_eq!((batches.received, batches.returned), (2, 1));
        assert_eq!(events.returned, 5);
        assert!(batches.balances() && events.balances());
        drop(waits);
    }
}
