//! Sealed batches that wait for their receipt.
//!
//! A batch leaves when its receipt says so and never before: after a broken
//! connection the same bytes go out again. The outbox is bounded; when it is
//! full the logs themselves are the buffer.

use std::collections::VecDeque;

use kbwatch_proto::telemetry::Batch;

use crate::spool::Worth;

/// What a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cargo {
    /// Nothing but how the collector is doing: a later one replaces it.
    Health,
    /// Facts of the device.
    Facts,
    /// Events.
    Events(Worth),
    /// Events that lie in the spool, under this number, until the receipt.
    Spooled(u64),
}

/// A batch and how far it got.
#[derive(Debug)]
struct Waiting {
    batch: Batch,
    cargo: Cargo,
    under_way: bool,
}

/// Batches without a receipt, oldest first.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
    last_seq: u64,
    max_batches: usize,
    max_bytes: usize,
    max_under_way: usize,
}

impl Outbox {
    pub(crate) fn new(max_batches: u32, max_bytes: u32, max_under_way: u32) -> Self {
        Self {
            waiting: VecDeque::new(),
            last_seq: 0,
            max_batches: max_batches as usize,
            max_bytes: max_bytes as usize,
            max_under_way: max_under_way as usize,
        }
    }

    /// Numbers a batch and keeps it; the number is returned.
    pub(crate) fn push(&mut self, mut batch: Batch, cargo: Cargo) -> u64 {
        self.last_seq += 1;
        batch.batch_seq = self.last_seq;
        self.waiting.push_back(Waiting {
            batch,
            cargo,
            under_way: false,
        });
        self.last_seq
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= self.max_batches || self.bytes() >= self.max_bytes
    }

    /// Whether there is room to spare for what lies in the spool.
    pub(crate) fn has_room_to_spare(&self) -> bool {
        self.waiting.len() < self.max_batches / 2 && self.bytes() < self.max_bytes / 2
    }

    fn bytes(&self) -> usize {
        self.waiting.iter().map(|one| one.batch.payload.len()).sum()
    }

    /// Whether a batch of the spool is here under this number.
    pub(crate) fn holds_spooled(&self, number: u64) -> bool {
        let cargo = Cargo::Spooled(number);
        self.waiting.iter().any(|one| one.cargo == cargo)
    }

    /// Forgets a heartbeat that nobody has taken: a newer one follows.
    /// Returns whether there was one.
    pub(crate) fn drop_stale_health(&mut self) -> bool {
        let before = self.waiting.len();
        self.waiting
            .retain(|one| one.cargo != Cargo::Health || one.under_way);
        self.waiting.len() < before
    }

    /// Forgets heartbeats, those under way too: whoever stops waits no longer.
    pub(crate) fn drop_health(&mut self) {
        self.waiting.retain(|one| one.cargo != Cargo::Health);
    }

    /// The oldest batch of events that is not under way.
    pub(crate) fn oldest_events(&self) -> Option<(&Batch, Worth)> {
        self.waiting.iter().find_map(|one| match one.cargo {
            Cargo::Events(worth) if !one.under_way => Some((&one.batch, worth)),
            _ => None,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a batch could be sent now.
    pub(crate) fn has_unsent(&self) -> bool {
        self.under_way() < self.max_under_way && self.waiting.iter().any(|one| !one.under_way)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.waiting.iter().filter(|one| one.under_way).count()
    }

    /// Events in batches that are nowhere but here.
    pub(crate) fn events(&self) -> u64 {
        let own = |one: &&Waiting| !matches!(one.cargo, Cargo::Spooled(_));
        let counts = self.waiting.iter().filter(own);
        counts.map(|one| u64::from(one.batch.event_count)).sum()
    }

    /// The oldest batch that is not under way, stamped with the time of
    /// sending; `None` while the window is full.
    pub(crate) fn next(&mut self, now_ms: i64) -> Option<Batch> {
        if self.under_way() >= self.max_under_way {
            return None;
        }
        let one = self.waiting.iter_mut().find(|one| !one.under_way)?;
        one.under_way = true;
        one.batch.sent_at_ms = now_ms;
        Some(one.batch.clone())
    }

    /// The connection is gone: whatever was under way must go again.
    pub(crate) fn rewind(&mut self) {
        for one in &mut self.waiting {
            one.under_way = false;
        }
    }

    /// This one must go again.
    pub(crate) fn send_again(&mut self, seq: u64) {
        let found = self
            .waiting
            .iter_mut()
            .find(|one| one.batch.batch_seq == seq);
        if let Some(one) = found {
            one.under_way = false;
        }
    }

    /// Takes out a batch that has its final answer.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<(Batch, Cargo)> {
        let at = self
            .waiting
            .iter()
            .position(|one| one.batch.batch_seq == seq)?;
        self.waiting.remove(at).map(|one| (one.batch, one.cargo))
    }

    /// Number of the last batch made.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Every batch up to this number has its final answer.
    pub(crate) fn answered_up_to(&self) -> u64 {
        self.waiting
            .front()
            .map_or(self.last_seq, |one| one.batch.batch_seq - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(batches: u32) -> Outbox {
        let mut outbox = Outbox::new(4, 1_000, 2);
        for _ in 0..batches {
            outbox.push(Batch::default(), Cargo::Events(Worth::Essential));
        }
        outbox
    }

    #[test]
    fn no_more_batches_are_under_way_than_the_window_allows() {
        let mut outbox = outbox(3);
        assert_eq!(outbox.next(1).unwrap().batch_seq, 1);
        assert_eq!(outbox.next(1).unwrap().batch_seq, 2);
        assert!(outbox.next(1).is_none());
        outbox.remove(1);
        assert_eq!(outbox.next(1).unwrap().batch_seq, 3);
    }

    #[test]
    fn a_late_batch_holds_back_the_ones_answered_before_it() {
        let mut outbox = outbox(3);
        outbox.remove(2);
        assert_eq!(outbox.answered_up_to(), 0);
        outbox.remove(1);
        assert_eq!(outbox.answered_up_to(), 2);
        outbox.remove(3);
        assert_eq!(outbox.answered_up_to(), 3);
    }

    #[test]
    fn after_a_broken_connection_the_same_payloads_go_again() {
        let mut outbox = outbox(2);
        outbox.next(1).unwrap();
        outbox.next(1).unwrap();
        outbox.rewind();
        let again = outbox.next(9).unwrap();
        assert_eq!((again.batch_seq, again.sent_at_ms), (1, 9));
    }

    #[test]
    fn a_full_outbox_says_so_until_a_receipt_comes() {
        let mut outbox = outbox(4);
        assert!(outbox.is_full());
        outbox.remove(1);
        assert!(!outbox.is_full());
    }

    #[test]
    fn an_outbox_is_full_by_bytes_too() {
        let mut outbox = outbox(1);
        let fat = Batch {
            payload: vec![0; 1_000],
            ..Batch::default()
        };
        assert!(!outbox.is_full());
        outbox.push(fat, Cargo::Facts);
        assert!(outbox.is_full());
    }

    #[test]
    fn a_heartbeat_that_nobody_took_makes_room_for_the_next() {
        let mut outbox = outbox(0);
        outbox.push(Batch::default(), Cargo::Health);
        assert!(outbox.drop_stale_health());
        outbox.push(Batch::default(), Cargo::Health);
        outbox.next(0).unwrap();
        assert!(!outbox.drop_stale_health());
        assert_eq!(outbox.len(), 1);
        outbox.drop_health();
        assert_eq!(outbox.len(), 0);
    }
}
