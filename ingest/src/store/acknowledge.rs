//! Who is told that a batch is durable.
//!
//! A batch from memory answers its stream; a batch from Kafka moves its
//! partition's progress, which the consumer commits. What is dropped without
//! being told stays unacknowledged and comes again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::trace::Span;

/// How one batch is acknowledged.
#[derive(Debug)]
pub(crate) enum Ack {
    /// A stream waits for its receipt.
    Receipt {
        waiting: oneshot::Sender<()>,
        /// The batch's share of receive's memory, until it is durable.
        room: Option<OwnedSemaphorePermit>,
        /// The journal's part of its way, which ends here.
        journal: Span,
    },
    /// An offset of Kafka.
    Offset {
        progress: Arc<Progress>,
        partition: i32,
        offset: i64,
    },
    /// Nobody waits: a parked letter.
    Nobody,
}

impl Ack {
    /// Tells that the batch is durable.
    pub(crate) fn durable(self) {
        match self {
            // The stream may be gone: then its device sends the batch again.
            Self::Receipt {
                waiting,
                room: _room,
                journal: _journal,
            } => drop(waiting.send(())),
            Self::Offset {
                progress,
                partition,
                offset,
            } => progress.settled(partition, offset),
            Self::Nobody => {}
        }
    }

    /// The partition that a batch came from, and its progress.
    pub(crate) fn source(&self) -> Option<(&Progress, i32)> {
        match self {
            Self::Offset {
                progress,
                partition,
                ..
            } => Some((progress, *partition)),
            _ => None,
        }
    }

    /// Whether whoever waited has given up: the sender has the batch and sends
    /// it again.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(self, Self::Receipt { waiting, .. } if waiting.is_closed())
    }
}

/// How far each partition of a topic is durable; shared by the consumer's
/// thread and the store.
#[derive(Debug)]
pub(crate) struct Progress {
    topic: String,
    partitions: Mutex<BTreeMap<i32, Partition>>,
    changed: Condvar,
    /// Nothing will become durable any more.
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Partition {
    /// Handed to the store and not durable yet.
    in_flight: BTreeSet<i64>,
    /// Where reading would go on if everything given were durable.
    next: i64,
    committed: i64,
    /// Nothing more of it is taken until a person has looked.
    is_stopped: bool,
}

impl Partition {
    /// The first offset that is not durable.
    fn commit_at(&self) -> i64 {
        self.in_flight.first().copied().unwrap_or(self.next)
    }
}

impl Progress {
    pub(crate) fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions: Mutex::default(),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Notes that an offset goes to the store.
    pub(crate) fn given(&self, partition: i32, offset: i64) {
        let mut partitions = self.lock();
        let partition = partitions.entry(partition).or_default();
        partition.in_flight.insert(offset);
        partition.next = partition.next.max(offset + 1);
    }

    /// Notes that an offset is durable.
    pub(crate) fn settled(&self, partition: i32, offset: i64) {
        if let Some(partition) = self.lock().get_mut(&partition) {
            partition.in_flight.remove(&offset);
        }
        self.changed.notify_all();
    }

    /// Partitions whose durable end moved since their last commit.
    pub(crate) fn committable(&self) -> Vec<(i32, i64)> {
        self.lock()
            .iter()
            .filter(|(_, partition)| partition.commit_at() > partition.committed)
            .map(|(number, partition)| (*number, partition.commit_at()))
            .collect()
    }

    /// Stops a partition: what is in flight of it stays, and comes again.
    pub(crate) fn stop(&self, partition: i32) {
        let mut partitions = self.lock();
        partitions.entry(partition).or_default().is_stopped = true;
    }

    pub(crate) fn is_stopped(&self, partition: i32) -> bool {
        let partitions = self.lock();
        partitions.get(&partition).is_some_and(|own| own.is_stopped)
    }

    /// Partitions that are stopped.
    pub(crate) fn stopped(&self) -> Vec<i32> {
        let partitions = self.lock();
        let stopped = partitions.iter().filter(|(_, own)| own.is_stopped);
        stopped.map(|(number, _)| *number).collect()
    }

    /// Notes what was committed.
    pub(crate) fn committed(&self, offsets: &[(i32, i64)]) {
        let mut partitions = self.lock();
        for (number, offset) in offsets {
            if let Some(partition) = partitions.get_mut(number) {
                partition.committed = *offset;
            }
        }
    }

    /// Ends all waiting: the store is gone, and what is in flight with it.
    pub(crate) fn end(&self) {
        let partitions = self.lock();
        self.ended.store(true, Ordering::SeqCst);
        drop(partitions);
        self.changed.notify_all();
    }

    /// Waits until nothing of these partitions is in flight; says whether that
    /// came in time.
    pub(crate) fn wait_until_settled(&self, numbers: &[i32], patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut partitions = self.lock();
        while numbers.iter().any(|number| {
            partitions
                .get(number)
                .is_some_and(|own| !own.is_stopped && !own.in_flight.is_empty())
        }) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.ended.load(Ordering::SeqCst) {
                return false;
            }
            partitions = self
                .changed
                .wait_timeout(partitions, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Forgets partitions that belong to someone else now.
    pub(crate) fn forget(&self, numbers: &[i32]) {
        self.lock().retain(|number, _| !numbers.contains(number));
    }

    /// All partitions that something was read from.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.lock().keys().copied().collect()
    }

    // Every change under the lock is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Partition>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_committed_only_after_all_before_it_are_durable() {
        let progress = Progress::new("batches");
        for offset in [10, 11, 12] {
            progress.given(0, offset);
        }
        progress.settled(0, 11);
        assert_eq!(progress.committable(), [(0, 10)]);
        progress.committed(&[(0, 10)]);
        progress.settled(0, 10);
        assert_eq!(progress.committable(), [(0, 12)]);
        progress.settled(0, 12);
        assert_eq!(progress.committable(), [(0, 13)]);
        progress.committed(&[(0, 13)]);
        assert_eq!(progress.committable(), []);
    }

    #[test]
    fn a_batch_that_is_dropped_untold_is_never_committed() {
        let progress = Arc::new(Progress::new("batches"));
        progress.given(0, 5);
        drop(Ack::Offset {
            progress: progress.clone(),
            partition: 0,
            offset: 5,
        });
        progress.committed(&[(0, 5)]);
        assert_eq!(progress.committable(), []);
        assert!(!progress.wait_until_settled(&[0], Duration::ZERO));
    }

    #[test]
    fn a_partition_that_is_stopped_is_not_committed_further_and_not_waited_for() {
        let progress = Progress::new("batches");
        for offset in [5, 6] {
            progress.given(0, offset);
        }
        progress.settled(0, 5);
        progress.stop(0);
        assert_eq!(progress.stopped(), [0]);
        assert_eq!(progress.committable(), [(0, 6)]);
        assert!(progress.wait_until_settled(&[0], Duration::from_hours(1)));
        progress.forget(&[0]);
        assert!(progress.stopped().is_empty());
    }

    #[test]
    fn nobody_waits_for_a_store_that_ended() {
        let progress = Progress::new("batches");
        progress.given(0, 5);
        progress.end();
        let patience = Duration::from_hours(1);
        assert!(!progress.wait_until_settled(&[0], patience));
    }

    #[test]
    fn a_partition_that_was_taken_away_is_not_committed_any_more() {
        let progress = Progress::new("batches");
        progress.given(0, 5);
        progress.forget(&[0]);
        progress.settled(0, 5);
        assert_eq!(progress.committable(), []);
        assert!(progress.wait_until_settled(&[0], Duration::ZERO));
    }
}
