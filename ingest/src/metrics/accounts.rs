//! The accounting identity: what a stage received is what it settled, by
//! outcome, plus what is in flight.
//!
//! Work is counted by guards ([`Metrics::batch_received`],
//! [`Metrics::batch_opened`]): a batch that is dropped unsettled counts itself
//! as abandoned, so nothing disappears.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::{AnswerLabel, FateLabel, Metrics};

/// How receive answered a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// With a receipt: it survives the death of any process.
    Durable,
    /// Asked to come again.
    Retry,
    /// Never: the collector keeps it aside.
    Refused,
    /// The sender may not say this; its stream ended.
    Denied,
    /// Not at all: the sender or the gateway went away first.
    Abandoned,
}

impl Answer {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Retry => "retry",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What became of a batch in store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Its rows are in ClickHouse; single bad rows are in a dead letter.
    Stored,
    /// A dead letter holds it whole.
    Rejected,
    /// A newer format, kept for a newer store.
    Parked,
    /// Given back unacknowledged, because the store stopped or because nobody
    /// waited any more; it comes again.
    Abandoned,
}

impl Fate {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Rejected => "rejected",
            Self::Parked => "parked",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a stage received and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Everything that came in.
    pub received: u64,
    /// Made durable.
    pub stored: u64,
    /// Turned away or put into dead letters.
    pub rejected: u64,
    /// Met twice.
    pub duplicate: u64,
    /// Given back to the sender, which sends it again.
    pub returned: u64,
    /// Not settled yet.
    pub in_flight: u64,
}

impl Account {
    /// Whether everything received is accounted for.
    pub fn balances(&self) -> bool {
        self.unaccounted() == 0
    }

    /// How much was received and is nowhere; below zero, how much is somewhere
    /// and was never received.
    pub fn unaccounted(&self) -> i64 {
        let found = self.stored + self.rejected + self.duplicate + self.returned + self.in_flight;
        self.received
            .cast_signed()
            .wrapping_sub(found.cast_signed())
    }
}

impl Metrics {
    /// Counts a batch into receive; the guard counts it out.
    pub fn batch_received(&self, payload_len: usize) -> ReceivedBatch {
        self.received_batches.inc();
        self.received_bytes.inc_by(payload_len as u64);
        self.in_flight.inc();
        ReceivedBatch {
            metrics: self.clone(),
            answer: Answer::Abandoned,
        }
    }

    /// Counts a batch into store; the guard counts it and its events out.
    pub fn batch_opened(&self) -> OpenBatch {
        self.opened_batches.inc();
        self.open_batches.inc();
        OpenBatch {
            metrics: self.clone(),
            events: 0,
            fate: Fate::Abandoned,
        }
    }

    /// Batches of receive.
    pub fn receive_batches(&self) -> Account {
        let answered = |answer: Answer| {
            let answer = answer.as_str();
            self.answered.get_or_create(&AnswerLabel { answer }).get()
        };
        Account {
            received: self.received_batches.get(),
            stored: answered(Answer::Durable),
            rejected: answered(Answer::Refused) + answered(Answer::Denied),
            duplicate: 0,
            returned: answered(Answer::Retry) + answered(Answer::Abandoned),
            in_flight: gauge(&self.in_flight),
        }
    }

    /// Batches of store.
    pub fn store_batches(&self) -> Account {
        let settled = |fate: Fate| {
            let fate = fate.as_str();
            self.settled_batches
                .get_or_create(&FateLabel { fate })
                .get()
        };
        Account {
            received: self.opened_batches.get(),
            stored: settled(Fate::Stored),
            rejected: settled(Fate::Rejected) + settled(Fate::Parked),
            duplicate: 0,
            returned: settled(Fate::Abandoned),
            in_flight: gauge(&self.open_batches),
        }
    }

    /// Events of store, counted after unpacking; those of a batch that cannot
    /// be opened count as its envelope declares them.
    pub fn store_events(&self) -> Account {
        Account {
            received: self.opened_events.get(),
            stored: self.stored_events.get(),
            rejected: self.rejected_events.get() + self.parked_events.get(),
            duplicate: self.duplicate_events.get(),
            returned: self.abandoned_events.get(),
            in_flight: gauge(&self.open_events),
        }
    }
}

fn gauge(gauge: &Gauge) -> u64 {
    u64::try_from(gauge.get()).unwrap_or(0)
}

/// A batch that receive has not answered yet.
#[derive(Debug)]
pub struct ReceivedBatch {
    metrics: Metrics,
    answer: Answer,
}

impl ReceivedBatch {
    /// Counts the batch out.
    pub fn answered(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for ReceivedBatch {
    fn drop(&mut self) {
        if self.answer == Answer::Durable {
            self.metrics.durable.inc();
        } else {
            let answer = self.answer.as_str();
            let answered = &self.metrics.answered;
            answered.get_or_create(&AnswerLabel { answer }).inc();
        }
        self.metrics.in_flight.dec();
    }
}

/// A batch that store has not settled yet, with its events.
#[derive(Debug)]
pub struct OpenBatch {
    metrics: Metrics,
    events: u64,
    fate: Fate,
}

impl OpenBatch {
    /// Counts events found inside.
    pub fn unpacked(&mut self, events: usize) {
        self.events += events as u64;
        self.metrics.opened_events.inc_by(events as u64);
        self.metrics.open_events.inc_by(signed(events));
    }

    /// Counts some of the events as rejected, by row.
    pub fn rejected(&mut self, events: usize) {
        let events = self.take(events);
        self.metrics.rejected_events.inc_by(events);
    }

    /// Counts some of the events as met twice.
    pub fn duplicate(&mut self, events: usize) {
        let events = self.take(events);
        self.metrics.duplicate_events.inc_by(events);
    }

    /// Counts the batch and the events that remain out.
    pub fn settled(mut self, fate: Fate) {
        self.fate = fate;
    }

    fn take(&mut self, events: usize) -> u64 {
        let events = self.events.min(events as u64);
        self.events -= events;
        self.metrics
            .open_events
            .dec_by(i64::try_from(events).unwrap_or(i64::MAX));
        events
    }
}

impl Drop for OpenBatch {
    fn drop(&mut self) {
        let events = self.take(usize::MAX);
        let counter: &Counter = match self.fate {
            Fate::Stored => &self.metrics.stored_events,
            Fate::Rejected => &self.metrics.rejected_events,
            Fate::Parked => &self.metrics.parked_events,
            Fate::Abandoned => &self.metrics.abandoned_events,
        };
        counter.inc_by(events);
        let label = FateLabel {
            fate: self.fate.as_str(),
        };
        self.metrics.settled_batches.get_or_create(&label).inc();
        self.metrics.open_batches.dec();
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_dropped_unsettled_counts_itself() {
        let metrics = Metrics::default();
        let mut open = metrics.batch_opened();
        open.unpacked(5);
        open.rejected(2);
        assert_eq!(metrics.store_events().in_flight, 3);
        drop(open);
        let events = metrics.store_events();
        assert_eq!(
            (events.rejected, events.returned, events.in_flight),
            (2, 3, 0)
        );
        assert!(events.balances() && metrics.store_batches().balances());
    }
}
