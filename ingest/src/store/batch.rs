//! Group commit: batches of many devices become one insert, and are answered
//! together.
//!
//! A group is closed by rows, bytes or age. Its rows go in the table's own
//! order, each event once.

use std::time::Duration;

use prost::bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::acknowledge::Ack;
use super::columns::events_block;
use super::months::parted;
use super::opened::Opened;
use super::order::in_order;
use crate::config::StoreConfig;

/// A group that is no smaller than this part of a full one when it is due waits
/// on while batches keep coming: large inserts cost ClickHouse less.
const BUSY_PART: usize = 16;

/// Ages that a busy group reaches at most.
const BUSY_AGES: u32 = 4;

/// Quiet, as a part of a group's age, that closes a busy group.
const QUIET_PART: u32 = 10;

/// Bytes that a batch takes in a group besides its rows and its letter, about:
/// what it says of its device, its facts and its ack.
const BATCH_LEN: usize = 1024;

/// Batches that are to be inserted together.
#[derive(Debug)]
pub(crate) struct Group {
    batches: Vec<Opened>,
    acks: Vec<Ack>,
    rows: usize,
    bytes: usize,
    opened_at: Instant,
    grew_at: Instant,
}

/// A group whose rows are ready to be sent, as often as it takes.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) batches: Vec<Opened>,
    pub(crate) acks: Vec<Ack>,
    /// Rows of `update_events`.
    pub(crate) rows: usize,
    /// They, in blocks that are inserted one after the other.
    pub(crate) parts: Vec<Part>,
    /// The group's name, for as long as it is tried.
    number: u128,
    /// The right to be written, until it is.
    _turn: OwnedSemaphorePermit,
}

/// Rows that are inserted together.
#[derive(Debug)]
pub(crate) struct Part {
    /// Their columns, and the block of them.
    pub(crate) columns: Vec<&'static str>,
    pub(crate) block: Vec<Bytes>,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            batches: Vec::new(),
            acks: Vec::new(),
            rows: 0,
            bytes: 0,
            opened_at: Instant::now(),
            grew_at: Instant::now(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether nothing more may be added.
    pub(crate) fn is_full(&self, config: &StoreConfig) -> bool {
        self.rows >= config.group_rows || self.bytes >= config.group_bytes
    }

    /// When the group has waited long enough.
    pub(crate) fn due_at(&self, config: &StoreConfig) -> Instant {
        let age = Duration::from_millis(config.group_age_ms);
        let due = self.opened_at + age;
        if self.rows < config.group_rows / BUSY_PART {
            return due;
        }
        due.max(self.grew_at + age / QUIET_PART)
            .min(self.opened_at + age * BUSY_AGES)
    }

    pub(crate) fn add(&mut self, opened: Opened, ack: Ack) {
        self.grew_at = Instant::now();
        if self.is_empty() {
            self.opened_at = self.grew_at;
        }
        self.rows += opened.block.rows.len();
        self.bytes += opened.bytes + BATCH_LEN + opened.letter_len();
        self.batches.push(opened);
        self.acks.push(ack);
    }

    /// Puts the rows in order, keeps each event once, and builds the blocks.
    pub(crate) fn close(mut self, turn: OwnedSemaphorePermit) -> Closed {
        let order = in_order(&mut self.batches, self.rows);
        let rows = order.len();
        let parts = parted(order).into_iter().filter(|part| !part.is_empty());
        let parts = parts.map(|part| {
            let (columns, block) = events_block(&self.batches, &part);
            Part { columns, block }
        });
        let parts = parts.collect();
        for batch in &mut self.batches {
            batch.block = kbwatch_proto::batch::Block::default();
        }
        Closed {
            batches: self.batches,
            acks: self.acks,
            rows,
            parts,
            number: fastrand::u128(..),
            _turn: turn,
        }
    }
}

impl Closed {
    /// Names the group for ClickHouse, so that another try of the same group is
    /// known as one. At random, since no other group may ever bear the name: its
    /// rows would be taken for a repetition and dropped. Rows that another
    /// process stores again are recognised by their event ids alone.
    pub(crate) fn token(&self) -> String {
        format!("{:032x}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kbwatch_proto::batch::{Contents, pack};
    use kbwatch_proto::event::UpdateEvent;
    use kbwatch_proto::ids::EventId;
    use kbwatch_proto::journal::{self, JournalRecord};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::Metrics;
    use crate::metrics::Fate;
    use crate::store::acknowledge::Progress;
    use crate::store::unpack::open;

    fn opened(device_id: &str, completeness: u32, metrics: &Metrics) -> Opened {
        let event = UpdateEvent {
            event_id: EventId([7; 16]),
            completeness,
            ..UpdateEvent::default()
        };
        let contents = Contents {
            events: vec![event],
            ..Contents::default()
        };
        let record = JournalRecord {
            version: journal::VERSION,
            batch: Some(pack(&contents).unwrap()),
            device_id: device_id.to_owned(),
            ..JournalRecord::default()
        };
        open(&record, None, metrics)
    }

    fn closed(group: Group) -> Closed {
        let turns = Arc::new(Semaphore::new(1));
        group.close(turns.try_acquire_owned().unwrap())
    }

    #[test]
    fn batches_without_rows_fill_a_group_too() {
        let metrics = Metrics::default();
        let config = StoreConfig {
            group_bytes: 10 * BATCH_LEN,
            ..StoreConfig::default()
        };
        let mut group = Group::new();
        for number in 0..10 {
            assert!(!group.is_full(&config), "after {number}");
            let empty = JournalRecord {
                version: journal::VERSION,
                batch: Some(pack(&Contents::default()).unwrap()),
                device_id: "pc-1".to_owned(),
                ..JournalRecord::default()
            };
            group.add(open(&empty, None, &metrics), Ack::Nobody);
        }
        assert!(group.is_full(&config));
    }

    #[test]
    fn an_event_met_twice_is_kept_once_in_its_fullest_reading() {
        let metrics = Metrics::default();
        let mut group = Group::new();
        for completeness in [3, 5, 4] {
            group.add(opened("pc-1", completeness, &metrics), Ack::Nobody);
        }
        let order = in_order(&mut group.batches, 3);
        assert_eq!(order.len(), 1);
        assert_eq!(order[0].batch, 1, "the fullest");
        for batch in group.batches {
            batch.counted.settled(Fate::Stored);
        }
        let events = metrics.store_events();
        assert_eq!((events.stored, events.duplicate), (1, 2));
        assert!(events.balances());
    }

    #[test]
    fn an_id_of_another_device_displaces_nothing() {
        let metrics = Metrics::default();
        let mut group = Group::new();
        group.add(opened("pc-1", 3, &metrics), Ack::Nobody);
        group.add(opened("pc-2", 9, &metrics), Ack::Nobody);
        assert_eq!(closed(group).rows, 2);
    }

    #[test]
    fn every_group_has_a_name_of_its_own_and_keeps_it() {
        let metrics = Metrics::default();
        let mut groups = [Group::new(), Group::new()];
        for group in &mut groups {
            let ack = Ack::Offset {
                progress: Arc::new(Progress::new("batches")),
                partition: 3,
                offset: 4,
            };
            group.add(opened("pc-1", 1, &metrics), ack);
        }
        let [first, other] = groups.map(closed);
        assert_eq!(first.token(), first.token());
        assert_ne!(
            first.token(),
            other.token(),
            "though their positions are the same"
        );
    }

    #[test]
    fn a_busy_group_waits_on_while_batches_come_and_a_quiet_one_does_not() {
        let metrics = Metrics::default();
        let config = StoreConfig {
            group_rows: BUSY_PART * 2,
            ..StoreConfig::default()
        };
        let mut group = Group::new();
        group.add(opened("pc-1", 3, &metrics), Ack::Nobody);
        let age = Duration::from_millis(config.group_age_ms);
        group.grew_at = group.opened_at + age;
        assert_eq!(group.due_at(&config), group.opened_at + age);
        group.rows = 2;
        assert_eq!(group.due_at(&config), group.grew_at + age / QUIET_PART);
        group.grew_at = group.opened_at + age * 9;
        assert_eq!(group.due_at(&config), group.opened_at + age * BUSY_AGES);
    }
}
