//! Takes batches from Kafka and commits their offsets after they are durable.
//!
//! librdkafka is polled on a thread of its own and never left unpolled: when
//! the store is behind, partitions are paused. Before a partition goes to
//! another store, what is in flight of it is finished and committed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::acknowledge::{Ack, Progress};
use super::gaps::Expected;
use super::handover::{Handover, commit};
use super::read::{Read, read};
use super::taken::{Content, Room, Taken};
use crate::Metrics;
use crate::config::{KafkaConfig, StoreConfig};
use crate::journal::JournalError;
use crate::kafka::client_config;

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
        room: Room::of(store.queue_bytes),
        waiting: VecDeque::new(),
        expected: Expected::default(),
        paused: false,
        held: Vec::new(),
        in_trouble: false,
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

/// The consumer's thread.
struct Loop {
    consumer: BaseConsumer<Handover>,
    progress: Arc<Progress>,
    sender: mpsc::Sender<Taken>,
    /// What may wait to be opened.
    room: Room,
    /// Taken while the store is behind: a few at most, since all partitions
    /// are paused then.
    waiting: VecDeque<Read>,
    expected: Expected,
    paused: bool,
    /// Partitions that are paused because they were stopped.
    held: Vec<i32>,
    in_trouble: bool,
    shutdown: watch::Receiver<bool>,
}

impl Loop {
    fn run(mut self) {
        while !*self.shutdown.borrow() && self.hand_on() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let read = read(&message);
                    drop(message);
                    self.recovered();
                    let (partition, offset) = (read.partition, read.offset);
                    self.expected.look(&self.consumer, partition, offset);
                    self.waiting.push_back(read);
                }
                Some(Err(error)) => self.troubled(&error),
                None => {}
            }
            self.forget_revoked();
            self.hold_stopped();
            let metrics = &self.consumer.context().metrics;
            commit(&self.consumer, &self.progress, metrics);
        }
        self.leave();
    }

    /// Says once that brokers are in trouble: the client tries on by itself, and
    /// says so several times a second.
    fn troubled(&mut self, error: &KafkaError) {
        if std::mem::replace(&mut self.in_trouble, true) {
            debug!(%error, "reading from Kafka");
        } else {
            warn!(%error, "reading from Kafka fails and is tried again");
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.in_trouble) {
            info!("reading from Kafka again");
        }
    }

    /// Hands on what the store has room for; false when there is no store.
    fn hand_on(&mut self) -> bool {
        // With nothing to hand on, nobody else would notice.
        if self.sender.is_closed() {
            return false;
        }
        while let Some(read) = self.waiting.pop_front() {
            let (place, room) = match (
                self.sender.clone().try_reserve_owned(),
                self.room.share(read.content.bytes.len()),
            ) {
                (Ok(place), Some(room)) => (place, room),
                (Err(TrySendError::Closed(_)), _) => return false,
                _ => {
                    self.waiting.push_front(read);
                    self.pause();
                    return true;
                }
            };
            let Read {
                partition,
                offset,
                content,
                traced,
            } = read;
            self.progress.given(partition, offset);
            let tracer = &self.consumer.context().metrics.tracer;
            let span = tracer.follow("store", traced);
            let ack = Ack::Offset {
                progress: self.progress.clone(),
                partition,
                offset,
            };
            place.send(Taken {
                content: Content::Bytes(content),
                ack,
                span,
                _room: Some(room),
            });
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
        self.held = Vec::new();
    }

    /// Keeps partitions paused that were stopped.
    fn hold_stopped(&mut self) {
        let stopped = self.progress.stopped();
        if stopped == self.held {
            return;
        }
        let mut list = TopicPartitionList::new();
        for partition in &stopped {
            list.add_partition(self.progress.topic(), *partition);
        }
        match self.consumer.pause(&list) {
            Ok(()) => self.held = stopped,
            Err(error) => warn!(%error, "pausing partitions that were stopped"),
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
            self.waiting.retain(|read| read.partition != partition);
            self.expected.forget(partition);
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_consumer_ends_with_its_store_though_nothing_is_to_be_read() {
        let kafka = KafkaConfig {
            // Nobody listens: nothing will ever be read.
            brokers: "127.0.0.1:1".to_owned(),
            ..KafkaConfig::default()
        };
        let (_stop, shutdown) = watch::channel(false);
        let store = StoreConfig::default();
        let Consuming { taken, thread, .. } =
            consume(&kafka, &store, &Metrics::default(), shutdown).unwrap();
        drop(taken);
        let end = Instant::now() + Duration::from_secs(20);
        while !thread.is_finished() {
            assert!(Instant::now() < end, "it runs on without a store");
            std::thread::sleep(POLL);
        }
        thread.join().unwrap();
    }
}
