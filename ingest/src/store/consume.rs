//! Takes batches from Kafka and commits their offsets after they are durable.
//!
//! librdkafka is polled on a thread of its own and never left unpolled: when
//! the store is behind, partitions are paused. Before a partition goes to
//! another store, what is in flight of it is finished and committed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kbwatch_proto::journal::JournalRecord;
use prost::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, Statistics, TopicPartitionList};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::acknowledge::{Ack, Progress};
use super::dead_letter::DeadLetter;
use super::pipeline::{Content, Taken};
use crate::Metrics;
use crate::config::{KafkaConfig, StoreConfig};
use crate::journal::JournalError;
use crate::kafka::{client_config, log};

/// Longest time between two looks at what became durable.
const POLL: Duration = Duration::from_millis(20);

/// Time without a sign of life after which a store's partitions go to others.
const SESSION_TIMEOUT_MS: &str = "10000";

/// Bytes fetched ahead, in KiB.
const FETCHED_AHEAD_KIB: &str = "32768";

/// A running consumer.
pub(crate) struct Consuming {
    pub(crate) taken: mpsc::Receiver<Taken>,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) progress: Arc<Progress>,
}

/// Joins the group of stores and starts taking.
pub(crate) fn consume(
    kafka: &KafkaConfig,
    store: &StoreConfig,
    metrics: &Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<Consuming, JournalError> {
    let (sender, taken) = mpsc::channel(store.queue_batches);
    let context = Handover {
        progress: Arc::new(Progress::new(&kafka.topic)),
        patience: Duration::from_millis(store.grace_ms),
        metrics: metrics.clone(),
        revoked: Mutex::default(),
    };
    let failed = |source| JournalError::new("join the group of stores", kafka, source);
    let consumer: BaseConsumer<Handover> = client_config(kafka, "kbwatch-store")
        .set("group.id", &kafka.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", SESSION_TIMEOUT_MS)
        .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB)
        .set("statistics.interval.ms", "2000")
        .create_with_context(context)
        .map_err(failed)?;
    consumer.subscribe(&[&kafka.topic]).map_err(failed)?;
    let progress = consumer.context().progress.clone();
    let taking = Loop {
        progress: progress.clone(),
        consumer,
        sender,
        waiting: VecDeque::new(),
        paused: false,
        shutdown,
    };
    let thread = std::thread::Builder::new()
        .name("kbwatch-consume".to_owned())
        .spawn(move || taking.run())
        .map_err(|source| failed(KafkaError::ClientCreation(source.to_string())))?;
    Ok(Consuming {
        taken,
        thread,
        progress,
    })
}

/// What librdkafka calls while it is polled, on the same thread.
struct Handover {
    progress: Arc<Progress>,
    patience: Duration,
    metrics: Metrics,
    /// Partitions taken away since the loop last looked.
    revoked: Mutex<Vec<i32>>,
}

impl ClientContext for Handover {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "kafka client");
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics
            .topics
            .values()
            .flat_map(|topic| topic.partitions.values());
        let behind = partitions
            .map(|partition| partition.consumer_lag.max(0))
            .sum();
        self.metrics.kafka_lag.set(behind);
    }
}

impl ConsumerContext for Handover {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(partitions) = rebalance else {
            return;
        };
        let numbers: Vec<i32> = partitions
            .elements()
            .iter()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
            .collect();
        if !self.progress.wait_until_settled(&numbers, self.patience) {
            warn!(
                ?numbers,
                "partitions go while batches are in flight; they come again"
            );
        }
        commit(consumer, &self.progress, &self.metrics);
        self.progress.forget(&numbers);
        info!(partitions = ?numbers, "gave partitions back");
        self.revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(numbers);
    }
}

/// Commits what became durable since the last time. What fails stays due: it
/// is tried again, or the partition's next owner takes it again.
fn commit(consumer: &BaseConsumer<Handover>, progress: &Progress, metrics: &Metrics) {
    let due = progress.committable();
    if due.is_empty() {
        return;
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, next) in &due {
        let added =
            offsets.add_partition_offset(progress.topic(), *partition, Offset::Offset(*next));
        debug_assert!(added.is_ok(), "an offset that was read can be committed");
    }
    match consumer.commit(&offsets, CommitMode::Sync) {
        Ok(()) => {
            progress.committed(&due);
            metrics.commits.inc();
        }
        Err(error) => {
            metrics.commit_failures.inc();
            warn!(%error, "a commit failed and is tried again");
        }
    }
}

/// The consumer's thread.
struct Loop {
    consumer: BaseConsumer<Handover>,
    progress: Arc<Progress>,
    sender: mpsc::Sender<Taken>,
    /// Taken while the store is behind: a few at most, since all partitions
    /// are paused then.
    waiting: VecDeque<(i32, i64, Content)>,
    paused: bool,
    shutdown: watch::Receiver<bool>,
}

impl Loop {
    fn run(mut self) {
        while !*self.shutdown.borrow() && self.hand_on() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let taken = (message.partition(), message.offset(), read(&message));
                    self.waiting.push_back(taken);
                }
                Some(Err(error)) => warn!(%error, "reading from Kafka"),
                None => {}
            }
            self.forget_revoked();
            let metrics = &self.consumer.context().metrics;
            commit(&self.consumer, &self.progress, metrics);
        }
        self.leave();
    }

    /// Hands on what the store has room for; false when there is no store.
    fn hand_on(&mut self) -> bool {
        while let Some((partition, offset, content)) = self.waiting.pop_front() {
            let place = match self.sender.clone().try_reserve_owned() {
                Ok(place) => place,
                Err(TrySendError::Full(_)) => {
                    self.waiting.push_front((partition, offset, content));
                    self.pause();
                    return true;
                }
                Err(TrySendError::Closed(_)) => return false,
            };
            self.progress.given(partition, offset);
            let ack = Ack::Offset {
                progress: self.progress.clone(),
                partition,
                offset,
            };
            place.send(Taken { content, ack });
        }
        self.resume();
        true
    }

    /// Also pauses partitions that came meanwhile.
    fn pause(&mut self) {
        let paused = self
            .consumer
            .assignment()
            .and_then(|assignment| self.consumer.pause(&assignment));
        match paused {
            Ok(()) => self.paused = true,
            Err(error) => warn!(%error, "pausing partitions"),
        }
    }

    fn resume(&mut self) {
        if !self.paused {
            return;
        }
        let resumed = self
            .consumer
            .assignment()
            .and_then(|assignment| self.consumer.resume(&assignment));
        match resumed {
            Ok(()) => self.paused = false,
            Err(error) => warn!(%error, "resuming partitions"),
        }
    }

    /// Drops what waits of partitions that went to others.
    fn forget_revoked(&mut self) {
        let context = self.consumer.context();
        let mut revoked = context
            .revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for partition in revoked.drain(..) {
            self.waiting.retain(|(waits, _, _)| *waits != partition);
        }
    }

    /// Lets the store finish, commits, and leaves the group.
    fn leave(self) {
        let Self {
            consumer,
            progress,
            sender,
            ..
        } = self;
        drop(sender);
        let context = consumer.context().clone();
        let settled = progress.wait_until_settled(&progress.partitions(), context.patience);
        commit(&consumer, &progress, &context.metrics);
        info!(settled, "left the group of stores");
    }
}

/// Reads a message; what is no record becomes a dead letter.
fn read(message: &BorrowedMessage<'_>) -> Content {
    let bytes = message.payload().unwrap_or_default();
    match JournalRecord::decode(bytes) {
        Ok(record) => Content::Record(Box::new(record), Some(bytes.to_vec())),
        Err(error) => {
            let key = message.key().unwrap_or_default();
            let written_at_ms = message.timestamp().to_millis().unwrap_or_default();
            let reason = format!("no journal record: {error}");
            Content::Unreadable(DeadLetter::of_bytes(bytes, key, written_at_ms, reason))
        }
    }
}
