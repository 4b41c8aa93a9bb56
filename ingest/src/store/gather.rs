//! Opens batches and gathers them into groups, until a group may be written.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::batch::{Closed, Group};
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
                Some(taken) => {
                    group.add(opened(taken.content, taken.span, &metrics), taken.ack);
                }
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
