//! What came in, what went out, and every reason in between.

mod accounts;
mod minutes;
mod names;
mod sources;

pub use accounts::{Account, Answer, Fate, OpenBatch, ReceivedBatch};
pub use minutes::{Keeping, keep_accounts};

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use self::sources::SourceCounts;
use crate::kafka::Link;
use crate::trace::Tracer;

/// One label: why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Few fixed words.
    pub reason: &'static str,
}

/// One label: how it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `done`, `failed` or `again`.
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
    pub(crate) throttled: Family<Reason, Counter>,
    pub(crate) enrolled: Family<Outcome, Counter>,
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
    /// What does not add up: batches of receive, batches and events of store.
    unaccounted: [Gauge; 3],
    pub(crate) letters: Family<Reason, Counter>,
    pub(crate) facts: Counter,
    pub(crate) facts_rejected: Counter,
    pub(crate) presence_rows: Counter,
    pub(crate) presence_lost: Counter,
    sources: SourceCounts,
    pub(crate) inserts: Counter,
    pub(crate) insert_retries: Counter,
    pub(crate) refused_groups: Gauge,
    pub(crate) insert_seconds: Histogram,
    pub(crate) kafka_lag: Gauge,
    pub(crate) kafka_link: Arc<Link>,
    pub(crate) lost_records: Counter,
    pub(crate) stopped_partitions: Gauge,
    pub(crate) certificates_end: Gauge,
    pub(crate) commits: Counter,
    pub(crate) commit_failures: Counter,
    lost_spans: Counter,
    pub(crate) tracer: Tracer,
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
            throttled: Family::default(),
            enrolled: Family::default(),
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
            unaccounted: Default::default(),
            letters: Family::default(),
            facts: Counter::default(),
            facts_rejected: Counter::default(),
            presence_rows: Counter::default(),
            presence_lost: Counter::default(),
            sources: SourceCounts::default(),
            inserts: Counter::default(),
            insert_retries: Counter::default(),
            refused_groups: Gauge::default(),
            insert_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            kafka_lag: Gauge::default(),
            kafka_link: Arc::new(Link::new(Instant::now())),
            lost_records: Counter::default(),
            stopped_partitions: Gauge::default(),
            certificates_end: Gauge::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            lost_spans: Counter::default(),
            tracer: Tracer::default(),
        }
    }
}

impl Metrics {
    /// Metrics of stages that trace batches too.
    pub(crate) fn traced(tracer: Tracer, lost_spans: Counter) -> Self {
        Self(Arc::new(Counts {
            lost_spans,
            tracer,
            ..Counts::default()
        }))
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

    /// Batches put off because too much is sent, by whom: `device`, `branch` or
    /// `all`.
    pub fn throttled(&self, by: &'static str) -> u64 {
        self.throttled.get_or_create(&Reason { reason: by }).get()
    }

    /// Certificates given for tokens: `done`, or `again` to the same key.
    pub fn enrolled(&self, outcome: &'static str) -> u64 {
        self.enrolled.get_or_create(&Outcome { outcome }).get()
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

    /// Groups that ClickHouse refuses at this moment.
    pub fn refused_groups(&self) -> i64 {
        self.refused_groups.get()
    }

    /// What is in the way of a store, as `/ready` says it: groups that ClickHouse
    /// refuses, and, where batches come from there, a Kafka that is away.
    pub fn store_trouble(&self, from_kafka: bool) -> Option<&'static str> {
        if self.refused_groups() > 0 {
            return Some("ClickHouse refuses what is written\n");
        }
        if self.stopped_partitions() > 0 {
            return Some("a partition is stopped: nothing of it can be opened\n");
        }
        let kafka = from_kafka.then(|| self.kafka_link.trouble(Instant::now()));
        kafka.flatten()
    }

    /// Partitions of which nothing can be opened any more.
    pub fn stopped_partitions(&self) -> i64 {
        self.stopped_partitions.get()
    }

    /// Inserts that had to be tried again.
    pub fn insert_retries(&self) -> u64 {
        self.insert_retries.get()
    }
}
