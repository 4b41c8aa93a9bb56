//! Opens batches and gathers them into groups, until a group may be written.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::acknowledge::Ack;
use super::batch::{Closed, Group};
use super::in_vain::InVain;
use super::opened::Opened;
use super::opening::open_any;
use super::refused::Refused;
use super::taken::{Content, Source};
use crate::Metrics;
use crate::config::StoreConfig;
use crate::metrics::Fate;
use crate::trace::Span;

/// Opens batches and closes groups by rows, bytes or age; ends with its source,
/// or when nobody takes groups any more.
pub(super) async fn open_and_group(
    config: StoreConfig,
    mut source: Source,
    groups: mpsc::Sender<Closed>,
    mut refused: Refused,
    metrics: Metrics,
) {
    let turns = Arc::new(Semaphore::new(config.inserts_in_flight));
    let mut group = Group::new();
    let mut exhausted = false;
    let mut in_vain = InVain::default();
    while !exhausted || !group.is_empty() {
        let due_at = group.due_at(&config);
        let full = group.is_full(&config);
        let ready = full || exhausted || (!group.is_empty() && Instant::now() >= due_at);
        tokio::select! {
            biased;
            Ok(turn) = turns.clone().acquire_owned(), if ready && !refused.any() => {
                let closed = std::mem::replace(&mut group, Group::new()).close(turn);
                if groups.send(closed).await.is_err() {
                    return;
                }
            }
            () = groups.closed() => return,
            () = refused.changed(), if ready => {}
            taken = source.next(), if !full && !exhausted => match taken {
                Some(taken) if taken.ack.is_given_up() => pass_over(&taken.content, &metrics),
                // It stays unacknowledged, and comes again.
                Some(taken) if is_stopped(&taken.ack) => pass_over(&taken.content, &metrics),
                Some(taken) => {
                    let opened = opened(taken.content, taken.span, &metrics);
                    if !stops(&opened, &taken.ack, &mut in_vain, &metrics) {
                        group.add(opened, taken.ack);
                    }
                }
                None => exhausted = true,
            },
            () = sleep_until(due_at), if !ready && !group.is_empty() => {}
        }
    }
}

fn is_stopped(ack: &Ack) -> bool {
    let source = ack.source();
    source.is_some_and(|(progress, partition)| progress.is_stopped(partition))
}

/// Whether a batch is one too many that cannot be opened, and so the first of its
/// partition that is left where it lies.
fn stops(opened: &Opened, ack: &Ack, in_vain: &mut InVain, metrics: &Metrics) -> bool {
    let Some((progress, partition)) = ack.source() else {
        return false;
    };
    let is_rejected = opened.fate == Fate::Rejected;
    if !in_vain.met(partition, &opened.sender, is_rejected) {
        return false;
    }
    progress.stop(partition);
    metrics.stopped_partitions.set(count(&progress.stopped()));
    error!(
        partition,
        "nothing of a partition can be opened any more: it is stopped until this store starts \
         anew; look at dead-letters list, and at the versions of gateway and store"
    );
    true
}

fn count(partitions: &[i32]) -> i64 {
    i64::try_from(partitions.len()).unwrap_or(i64::MAX)
}

/// Counts a batch that nobody waits for any more: its sender was asked to come
/// again with it.
fn pass_over(content: &Content, metrics: &Metrics) {
    let mut counted = metrics.batch_opened();
    if let Content::Record(record) = content {
        let events = record.batch.as_ref().map_or(0, |batch| batch.event_count);
        counted.unpacked(events as usize);
    }
    counted.settled(Fate::Abandoned);
}

fn opened(content: Content, span: Span, metrics: &Metrics) -> Opened {
    let unpacking = span.part("unpack");
    let mut opened = open_any(content, metrics);
    drop(unpacking);
    opened.span = span;
    opened
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::journal::JournalRecord;
    use kbwatch_proto::telemetry::Batch;
    use tokio::sync::oneshot;

    use super::*;
    use crate::journal::Entry;
    use crate::store::taken::JournalEnd;

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
                    span: Span::default(),
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
        let (config, refused) = (StoreConfig::default(), Refused::new(&metrics));
        open_and_group(config, source, groups, refused, metrics.clone()).await;
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
