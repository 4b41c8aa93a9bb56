//! Group commit: batches of many devices become one insert, and are answered
//! together.
//!
//! A group is closed by rows, bytes or age. Inside a group an event is kept
//! once: the fuller reading wins, the other is counted as met twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use tokio::time::Instant;

use super::acknowledge::Ack;
use super::rows::version;
use super::unpack::Opened;
use crate::config::StoreConfig;

/// One event and the batch of the group that it came with.
#[derive(Debug)]
pub(crate) struct GroupedEvent {
    pub(crate) batch: usize,
    pub(crate) event: UpdateEvent,
}

/// Batches that are inserted together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) batches: Vec<Opened>,
    pub(crate) acks: Vec<Ack>,
    pub(crate) events: Vec<GroupedEvent>,
    seen: HashMap<(Arc<str>, EventId), usize>,
    bytes: usize,
    opened_at: Instant,
    /// The group's name, for as long as it is tried.
    number: u128,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            batches: Vec::new(),
            acks: Vec::new(),
            events: Vec::new(),
            seen: HashMap::new(),
            bytes: 0,
            opened_at: Instant::now(),
            number: fastrand::u128(..),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether nothing more may be added.
    pub(crate) fn is_full(&self, config: &StoreConfig) -> bool {
        self.events.len() >= config.group_rows || self.bytes >= config.group_bytes
    }

    /// When the group has waited long enough.
    pub(crate) fn due_at(&self, config: &StoreConfig) -> Instant {
        self.opened_at + Duration::from_millis(config.group_age_ms)
    }

    pub(crate) fn add(&mut self, mut opened: Opened, ack: Ack) {
        if self.is_empty() {
            self.opened_at = Instant::now();
        }
        let number = self.batches.len();
        let events = std::mem::take(&mut opened.events);
        self.bytes += opened.bytes;
        self.batches.push(opened);
        self.acks.push(ack);
        for event in events {
            self.add_event(number, event);
        }
    }

    fn add_event(&mut self, batch: usize, event: UpdateEvent) {
        // An id alone would let one device displace another's event.
        let device_id = self.batches[batch].device_id.clone();
        match self.seen.entry((device_id, event.event_id)) {
            Entry::Vacant(place) => {
                place.insert(self.events.len());
                self.events.push(GroupedEvent { batch, event });
            }
            Entry::Occupied(place) => {
                let held = &mut self.events[*place.get()];
                let mut loser = batch;
                if version(&event) > version(&held.event) {
                    loser = held.batch;
                    *held = GroupedEvent { batch, event };
                }
                self.batches[loser].counted.duplicate(1);
            }
        }
    }

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
    use kbwatch_proto::batch::{Contents, pack};
    use kbwatch_proto::journal::{self, JournalRecord};

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

    #[test]
    fn an_event_met_twice_is_kept_once_in_its_fullest_reading() {
        let metrics = Metrics::default();
        let mut group = Group::new();
        for completeness in [3, 5, 4] {
            group.add(opened("pc-1", completeness, &metrics), Ack::Nobody);
        }
        assert_eq!(group.events.len(), 1);
        assert_eq!(group.events[0].event.completeness, 5);
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
        assert_eq!(group.events.len(), 2);
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
        let [first, other] = groups;
        assert_eq!(first.token(), first.token());
        assert_ne!(
            first.token(),
            other.token(),
            "though their positions are the same"
        );
    }
}
