//! What the store takes, and from where: the journal, and beside it what an
//! older store parked.

use std::sync::Arc;

use kbwatch_proto::journal::JournalRecord;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::acknowledge::Ack;
use super::dead_letter::Parked;
use crate::journal::Entry;
use crate::trace::Span;

/// What the journal gives to the store.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) content: Content,
    pub(crate) ack: Ack,
    /// Until it is acknowledged.
    pub(crate) span: Span,
    /// Its share of what may wait to be opened; a batch from memory has its share
    /// of what receive may hold instead.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// A record, or what is left of one.
#[derive(Debug)]
pub(crate) enum Content {
    /// A record of this process.
    Record(Box<JournalRecord>),
    /// A record as it lay in Kafka. Not read earlier than it is opened: read, it
    /// takes its place in memory twice.
    Bytes(Raw),
    /// A record that an older store parked.
    Parked(Box<JournalRecord>, Parked),
}

/// A message of Kafka.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    /// Under what it is filed there; not trusted.
    pub(crate) key: Vec<u8>,
    pub(crate) written_at_ms: i64,
}

impl From<Entry> for Taken {
    fn from(entry: Entry) -> Self {
        Self {
            span: entry.span.part("store"),
            content: Content::Record(Box::new(entry.record)),
            _room: None,
            ack: Ack::Receipt {
                waiting: entry.durable,
                room: entry.room,
                journal: entry.span,
            },
        }
    }
}

/// Bytes are counted by so many.
const KIB: usize = 1_024;

/// What may wait to be opened, so that a store that is behind takes no more
/// memory than it may.
#[derive(Debug)]
pub(crate) struct Room {
    left: Arc<Semaphore>,
    all: u32,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        let all = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        Self {
            left: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// The share of a record, unless too much waits; one that is larger than all
    /// of it waits alone.
    pub(crate) fn share(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let needed = u32::try_from(bytes / KIB + 1).unwrap_or(u32::MAX);
        let left = self.left.clone();
        left.try_acquire_many_owned(needed.min(self.all)).ok()
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
    pub(super) async fn next(&mut self) -> Option<Taken> {
        tokio::select! {
            taken = self.journal.next() => taken,
            Some(taken) = self.parked.recv() => Some(taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_wait_within_their_bytes_and_one_that_is_larger_waits_alone() {
        let room = Room::of(8 * 1_024 * 1_024);
        let two_mebibytes = 2 * 1_024 * 1_024 - 1;
        let waiting: Vec<_> = (0..4).map(|_| room.share(two_mebibytes).unwrap()).collect();
        assert!(room.share(1).is_none());
        drop(waiting);
        let large = room.share(usize::MAX).unwrap();
        assert!(room.share(1).is_none());
        drop(large);
        assert!(room.share(1).is_some());
    }
}
