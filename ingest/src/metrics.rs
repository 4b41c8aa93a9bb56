//! What came in, what went out, and every reason in between.
//!
//! Each stage keeps the accounting identity: what it received is what it
//! settled, by outcome, plus what is in flight. Work is counted by guards
//! ([`Metrics::batch_received`], [`Metrics::batch_opened`]): a batch that is
//! dropped unsettled counts itself as abandoned, so nothing disappears.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// How receive answered a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
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

/// What became of a batch in store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Fate {
    /// Its rows are in ClickHouse; single bad rows are in a dead letter.
    Stored,
    /// A dead letter holds it whole.
    Rejected,
    /// A newer format, kept for a newer store.
    Parked,
    /// Given back unacknowledged when the store stopped; it comes again.
    Abandoned,
}

/// One label: why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Few fixed words.
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: Fate,
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
        self.received
            == self.stored + self.rejected + self.duplicate + self.returned + self.in_flight
    }
}

/// All metrics of ingest; clones share their values.
#[derive(Debug, Clone)]
pub struct Metrics {
    received_batches: Counter,
    received_bytes: Counter,
    answered: Family<AnswerLabel, Counter>,
    in_flight: Gauge,
    pub(crate) refused: Family<Reason, Counter>,
    pub(crate) denied: Family<Reason, Counter>,
    pub(crate) broken: Family<Reason, Counter>,
    pub(crate) streams: Gauge,
    pub(crate) clones: Counter,
    opened_batches: Counter,
    settled_batches: Family<FateLabel, Counter>,
    open_batches: Gauge,
    opened_events: Counter,
    stored_events: Counter,
    rejected_events: Counter,
    duplicate_events: Counter,
    parked_events: Counter,
    abandoned_events: Counter,
    open_events: Gauge,
    pub(crate) letters: Family<Reason, Counter>,
    pub(crate) facts: Counter,
    pub(crate) facts_rejected: Counter,
    pub(crate) presence_rows: Counter,
    pub(crate) presence_lost: Counter,
    pub(crate) inserts: Counter,
    pub(crate) insert_retries: Counter,
    pub(crate) insert_seconds: Histogram,
    pub(crate) kafka_lag: Gauge,
    pub(crate) commits: Counter,
    pub(crate) commit_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            received_batches: Counter::default(),
            received_bytes: Counter::default(),
            answered: Family::default(),
            in_flight: Gauge::default(),
            refused: Family::default(),
            denied: Family::default(),
            broken: Family::default(),
            streams: Gauge::default(),
            clones: Counter::default(),
            opened_batches: Counter::default(),
            settled_batches: Family::default(),
            open_batches: Gauge::default(),
            opened_events: Counter::default(),
            stored_events: Counter::default(),
            rejected_events: Counter::default(),
            duplicate_events: Counter::default(),
            parked_events: Counter::default(),
            abandoned_events: Counter::default(),
            open_events: Gauge::default(),
            letters: Family::default(),
            facts: Counter::default(),
            facts_rejected: Counter::default(),
            presence_rows: Counter::default(),
            presence_lost: Counter::default(),
            inserts: Counter::default(),
            insert_retries: Counter::default(),
            insert_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            kafka_lag: Gauge::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
        }
    }
}

impl Metrics {
    /// Puts every metric into a registry that a /metrics page encodes.
    pub fn register(&self, registry: &mut Registry) {
        self.register_receive(registry.sub_registry_with_prefix("kbwatch_receive"));
        self.register_store(registry.sub_registry_with_prefix("kbwatch_store"));
    }

    fn register_receive(&self, registry: &mut Registry) {
        let own = self.clone();
        registry.register("batches", "Batches received", own.received_batches);
        registry.register("payload_bytes", "Sealed bytes received", own.received_bytes);
        registry.register("answers", "Batches answered, by answer", own.answered);
        registry.register(
            "in_flight_batches",
            "Batches not answered yet",
            own.in_flight,
        );
        registry.register("refusals", "Batches refused, by reason", own.refused);
        registry.register("denials", "Streams denied, by reason", own.denied);
        registry.register("broken_streams", "Streams ended by an error", own.broken);
        registry.register("streams", "Open streams", own.streams);
        registry.register(
            "clones",
            "Identities seen from two peers at once",
            own.clones,
        );
    }

    fn register_store(&self, registry: &mut Registry) {
        let own = self.clone();
        registry.register(
            "batches",
            "Batches taken from the journal",
            own.opened_batches,
        );
        registry.register("settled_batches", "Batches by fate", own.settled_batches);
        registry.register(
            "in_flight_batches",
            "Batches not settled yet",
            own.open_batches,
        );
        registry.register("events", "Events unpacked", own.opened_events);
        registry.register("stored_events", "Events inserted", own.stored_events);
        registry.register(
            "rejected_events",
            "Events in dead letters",
            own.rejected_events,
        );
        registry.register("duplicate_events", "Events met twice", own.duplicate_events);
        registry.register(
            "parked_events",
            "Events of newer formats, as declared",
            own.parked_events,
        );
        registry.register(
            "abandoned_events",
            "Events given back at the end",
            own.abandoned_events,
        );
        registry.register(
            "in_flight_events",
            "Events not settled yet",
            own.open_events,
        );
        registry.register("dead_letters", "Dead letters written, by kind", own.letters);
        registry.register("facts", "Revisions of device facts stored", own.facts);
        registry.register(
            "rejected_facts",
            "Revisions of device facts rejected",
            own.facts_rejected,
        );
        registry.register("presence_rows", "Presence rows written", own.presence_rows);
        registry.register(
            "presence_lost_rows",
            "Presence rows given up",
            own.presence_lost,
        );
        registry.register("inserts", "Inserts that succeeded", own.inserts);
        registry.register("insert_retries", "Inserts tried again", own.insert_retries);
        registry.register(
            "insert_seconds",
            "Duration of an insert",
            own.insert_seconds,
        );
        registry.register(
            "kafka_lag_records",
            "Records not consumed yet",
            own.kafka_lag,
        );
        registry.register("commits", "Offset commits", own.commits);
        registry.register(
            "commit_failures",
            "Offset commits that failed",
            own.commit_failures,
        );
    }

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
        let answered = |answer| self.answered.get_or_create(&AnswerLabel { answer }).get();
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
        let settled = |fate| {
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

    /// Batches refused by receive for one reason.
    pub fn refused(&self, reason: &'static str) -> u64 {
        self.refused.get_or_create(&Reason { reason }).get()
    }

    /// Streams denied by receive for one reason.
    pub fn denied(&self, reason: &'static str) -> u64 {
        self.denied.get_or_create(&Reason { reason }).get()
    }

    /// Streams ended by an error of one kind.
    pub fn broken(&self, reason: &'static str) -> u64 {
        self.broken.get_or_create(&Reason { reason }).get()
    }

    /// Dead letters of one kind: `batch`, `rows` or `parked`.
    pub fn letters(&self, reason: &'static str) -> u64 {
        self.letters.get_or_create(&Reason { reason }).get()
    }

    /// Identities seen from two peers at once.
    pub fn clones(&self) -> u64 {
        self.clones.get()
    }

    /// Inserts that had to be tried again.
    pub fn insert_retries(&self) -> u64 {
        self.insert_retries.get()
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
        let label = AnswerLabel {
            answer: self.answer,
        };
        self.metrics.answered.get_or_create(&label).inc();
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
        let counter: &Counter<u64, AtomicU64> = match self.fate {
            Fate::Stored => &self.metrics.stored_events,
            Fate::Rejected => &self.metrics.rejected_events,
            Fate::Parked => &self.metrics.parked_events,
            Fate::Abandoned => &self.metrics.abandoned_events,
        };
        counter.inc_by(events);
        let label = FateLabel { fate: self.fate };
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

    #[test]
    fn every_metric_is_on_the_page() {
        let mut registry = Registry::default();
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        metrics.batch_received(10).answered(Answer::Durable);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert!(page.contains("kbwatch_receive_batches_total 1"), "{page}");
        assert!(page.contains("kbwatch_receive_answers_total{answer=\"Durable\"} 1"));
    }
}
