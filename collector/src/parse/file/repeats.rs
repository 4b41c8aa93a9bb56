//! Which events of a file are told more than once, in bounded memory.
//!
//! Promise: an event that is told twice is never overlooked, as long as no
//! more than [`MAX_SUSPECTS`] of a file's events are; what is beyond that is
//! told again under its own id.

use std::collections::{HashMap, HashSet};

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;

/// Bits that note which ids were seen: with four of them an id, of a million
/// events about two hundred come under a false suspicion.
const BITS: usize = 1 << 25;

/// Ids that may be kept apart, some 6 MiB.
const MAX_SUSPECTS: usize = 100_000;

/// Notes ids as they come, and suspects those that may have come before.
pub(super) struct Seen {
    bits: Vec<u64>,
    suspects: HashSet<EventId>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            // Zeroed by the system: memory only where ids fall.
            bits: vec![0; BITS / 64],
            suspects: HashSet::new(),
        }
    }

    /// Takes note of an event.
    pub(super) fn note(&mut self, id: EventId) {
        let mut is_new = false;
        for part in id.0.chunks_exact(4) {
            let hash = part
                .iter()
                .fold(0, |hash, byte| hash << 8 | usize::from(*byte));
            let (word, bit) = (hash % BITS / 64, 1_u64 << (hash % 64));
            is_new |= self.bits[word] & bit == 0;
            self.bits[word] |= bit;
        }
        if !is_new && self.suspects.len() < MAX_SUSPECTS {
            self.suspects.insert(id);
        }
    }

    /// Events that may have been told before.
    pub(super) fn into_suspects(self) -> Repeats {
        let suspects = self.suspects.into_iter();
        Repeats(suspects.map(|id| (id, Tellings::default())).collect())
    }
}

/// Tellings of one event, by their number in the file.
#[derive(Debug, Clone, Copy, Default)]
struct Tellings {
    count: u32,
    /// The first one: there the event belongs.
    first: u64,
    /// The fullest one: that is the event.
    fullest: u64,
    completeness: u32,
}

/// The events that are told more than once.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<EventId, Tellings>);

impl Repeats {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note of the telling with this number; the place of the event, if
    /// this telling is fuller than those before.
    pub(super) fn note(&mut self, number: u64, event: &UpdateEvent) -> Option<u64> {
        let tellings = self.0.get_mut(&event.event_id)?;
        tellings.count += 1;
        if tellings.count == 1 {
            tellings.first = number;
        } else if event.completeness <= tellings.completeness {
            return None;
        }
        tellings.fullest = number;
        tellings.completeness = event.completeness;
        Some(tellings.first)
    }

    /// Forgets the events that were under a false suspicion.
    pub(super) fn clear_suspicions(&mut self) {
        self.0.retain(|_, tellings| tellings.count > 1);
    }

    /// Place of an event in the order of first tellings; `None` for a telling
    /// that is not the fullest.
    pub(super) fn place(&self, number: u64, event: &UpdateEvent) -> Option<u64> {
        match self.0.get(&event.event_id) {
            Some(tellings) => (tellings.fullest == number).then_some(tellings.first),
            None => Some(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u32, completeness: u32) -> UpdateEvent {
        let mut id = [0; 16];
        for (place, part) in (1_u32..).zip(id.chunks_exact_mut(4)) {
            part.copy_from_slice(&(n * place).wrapping_mul(0x9e37_79b1).to_be_bytes());
        }
        UpdateEvent {
            event_id: EventId(id),
            completeness,
            ..UpdateEvent::default()
        }
    }

    #[test]
    fn of_several_tellings_the_fullest_one_counts_in_the_place_of_the_first() {
        let told = [(1, 2), (2, 5), (1, 4), (1, 4), (3, 1), (1, 3)].map(|(n, full)| event(n, full));
        let mut seen = Seen::new();
        for event in &told {
            seen.note(event.event_id);
        }
        let mut repeats = seen.into_suspects();
        for (number, event) in (0..).zip(&told) {
            repeats.note(number, event);
        }
        repeats.clear_suspicions();
        let places: Vec<_> = (0..)
            .zip(&told)
            .map(|(number, event)| repeats.place(number, event))
            .collect();
        assert_eq!(places, [None, Some(1), Some(0), None, Some(4), None]);
    }

    #[test]
    fn few_of_many_different_events_come_under_suspicion() {
        let mut seen = Seen::new();
        for n in 1..200_000 {
            seen.note(event(n, 0).event_id);
        }
        assert!(seen.suspects.len() < 1_000, "{}", seen.suspects.len());
    }
}
