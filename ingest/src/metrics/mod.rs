//! What came in, what went out, and every reason in between.

mod accounts;
mod sources;

pub use accounts::{Account, Answer, Fate, OpenBatch, ReceivedBatch};

use std::ops::Deref;
use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use self::sources::SourceCounts;

/// One label: why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Few fixed words.
    pub reason: &'static str,
}

/// One label: how it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `done` or `failed`.
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    fate: &'static str,
}

/// All metrics of ingest; clones share their values, and cost one count of
/// references.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Counts>);

impl Deref for Metrics {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}

/// What is counted.
#[derive(Debug, Clone)]
pub struct Counts {
    received_batches: Counter,
    received_bytes: Counter,
    answered: Family<AnswerLabel, Counter>,
    durable: Counter,
    in_flight: Gauge,
    pub(crate) refused: Family<Reason, Counter>,
    pub(crate) denied: Family<Reason, Counter>,
    pub(crate) broken: Family<Reason, Counter>,
    pub(crate) streams: Gauge,
    pub(crate) clones: Counter,
    pub(crate) throttled: Counter,
    pub(crate) tls_reloads: Family<Outcome, Counter>,
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
    sources: SourceCounts,
    pub(crate) inserts: Counter,
    pub(crate) insert_retries: Counter,
    pub(crate) insert_seconds: Histogram,
    pub(crate) kafka_lag: Gauge,
    pub(crate) lost_records: Counter,
    pub(crate) commits: Counter,
    pub(crate) commit_failures: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let answered = Family::<AnswerLabel, Counter>::default();
        let answer = Answer::Durable.as_str();
        Self {
            received_batches: Counter::default(),
            received_bytes: Counter::default(),
            // By far the most frequent, and not looked up each time.
            durable: answered.get_or_create_owned(&AnswerLabel { answer }),
            answered,
            in_flight: Gauge::default(),
            refused: Family::default(),
            denied: Family::default(),
            broken: Family::default(),
            streams: Gauge::default(),
            clones: Counter::default(),
            throttled: Counter::default(),
            tls_reloads: Family::default(),
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
            sources: SourceCounts::default(),
            inserts: Counter::default(),
            insert_retries: Counter::default(),
            insert_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            kafka_lag: Gauge::default(),
            lost_records: Counter::default(),
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
        let own = Counts::clone(self);
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
        let throttled = "Batches put off because their sender sends too much";
        registry.register("throttled_batches", throttled, own.throttled);
        let reloads = "Changes of certificate files, by whether they were taken up";
        registry.register("tls_reloads", reloads, own.tls_reloads);
    }

    fn register_store(&self, registry: &mut Registry) {
        self.register_settled(registry);
        self.register_written(registry);
        self.register_kafka(registry);
    }

    fn register_settled(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        let batches = "Batches taken from the journal";
        registry.register("batches", batches, own.opened_batches);
        registry.register("settled_batches", "Batches by fate", own.settled_batches);
        let in_flight = "Batches not settled yet";
        registry.register("in_flight_batches", in_flight, own.open_batches);
        registry.register("events", "Events unpacked", own.opened_events);
        registry.register("stored_events", "Events inserted", own.stored_events);
        let rejected = "Events in dead letters";
        registry.register("rejected_events", rejected, own.rejected_events);
        registry.register("duplicate_events", "Events met twice", own.duplicate_events);
        let parked = "Events of newer formats, as declared";
        registry.register("parked_events", parked, own.parked_events);
        let abandoned = "Events given back unacknowledged";
        registry.register("abandoned_events", abandoned, own.abandoned_events);
        let open = "Events not settled yet";
        registry.register("in_flight_events", open, own.open_events);
    }

    fn register_written(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        registry.register("dead_letters", "Dead letters written, by kind", own.letters);
        registry.register("facts", "Revisions of device facts stored", own.facts);
        let rejected = "Revisions of device facts rejected";
        registry.register("rejected_facts", rejected, own.facts_rejected);
        registry.register("presence_rows", "Presence rows written", own.presence_rows);
        let lost = "Presence rows given up";
        registry.register("presence_lost_rows", lost, own.presence_lost);
        own.sources.register(registry);
        registry.register("inserts", "Inserts that succeeded", own.inserts);
        registry.register("insert_retries", "Inserts tried again", own.insert_retries);
        let seconds = "Duration of an insert";
        registry.register("insert_seconds", seconds, own.insert_seconds);
    }

    fn register_kafka(&self, registry: &mut Registry) {
        let own = Counts::clone(self);
        let behind = "Records not consumed yet";
        registry.register("kafka_lag_records", behind, own.kafka_lag);
        let lost = "Records that Kafka removed before a store took them";
        registry.register("lost_records", lost, own.lost_records);
        registry.register("commits", "Offset commits", own.commits);
        let failed = "Offset commits that failed";
        registry.register("commit_failures", failed, own.commit_failures);
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

    /// Dead letters of one kind: `batch`, `rows`, `parked`, `unparked` or
    /// `replayed`.
    pub fn letters(&self, reason: &'static str) -> u64 {
        self.letters.get_or_create(&Reason { reason }).get()
    }

    /// Identities seen from two peers at once.
    pub fn clones(&self) -> u64 {
        self.clones.get()
    }

    /// Batches put off because their sender sends too much.
    pub fn throttled(&self) -> u64 {
        self.throttled.get()
    }

    /// Changes of certificate files that were taken up (`done`) or not
    /// (`failed`).
    pub fn tls_reloads(&self, outcome: &'static str) -> u64 {
        self.tls_reloads.get_or_create(&Outcome { outcome }).get()
    }

    /// Records that Kafka removed before a store took them.
    pub fn lost_records(&self) -> u64 {
        self.lost_records.get()
    }

    /// Revisions of device facts that were rejected.
    pub fn rejected_facts(&self) -> u64 {
        self.facts_rejected.get()
    }

    /// Inserts that had to be tried again.
    pub fn insert_retries(&self) -> u64 {
        self.insert_retries.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_on_the_page() {
        let mut registry = Registry::default();
        let metrics = Metrics::default();
        metrics.register(&mut registry);
        metrics.batch_received(10).answered(Answer::Durable);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert!(page.contains("kbwatch_receive_batches_total 1"), "{page}");
        assert!(page.contains("kbwatch_receive_answers_total{answer=\"durable\"} 1"));
    }
}
