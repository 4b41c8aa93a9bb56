//! What lies between receive and store: memory on one machine, Kafka on
//! several.
//!
//! Appending ends when the batch is durable: on the direct way after the
//! INSERT, in Kafka after all in-sync replicas have it. Until then the sender
//! owns the batch.

use std::time::Duration;

use kbwatch_proto::journal::JournalRecord;
use prost::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

pub use crate::kafka::{JournalError, TopicState, await_topic, describe, ensure_topic, lag};

use crate::config::KafkaConfig;
use crate::kafka::{Logged, MAX_RECORD_LEN, client_config};
use crate::trace::{Context, Span, TRACEPARENT};

/// Bytes that the producer may hold, in KiB: as much as receive lets wait.
const PRODUCER_QUEUE_KIB: &str = "262144";

/// Where receive puts batches; clones are the same journal.
#[derive(Clone)]
pub enum Journal {
    /// Straight to the store of this process.
    Direct(mpsc::Sender<Entry>),
    /// To a topic of Kafka.
    Kafka(KafkaJournal),
}

/// One batch on its way to the store of this process.
#[derive(Debug)]
pub struct Entry {
    /// The batch and its sender.
    pub record: JournalRecord,
    /// Told when the batch is durable; dropped untold when it is not.
    pub durable: oneshot::Sender<()>,
    /// The batch's share of what may wait; given back when the batch is durable
    /// or dropped, and not when whoever waited for it gives up.
    pub room: Option<OwnedSemaphorePermit>,
    /// Until the batch is durable; empty unless it is traced.
    pub span: Span,
}

/// The producing end of the topic of batches.
#[derive(Clone)]
pub struct KafkaJournal {
    producer: FutureProducer<Logged>,
    topic: String,
}

/// A batch that did not become durable. The sender has to come again, except
/// with one that is too large.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Too much is waiting already.
    #[error("append to the journal: it is full")]
    Full,
    /// The other side stopped before the batch was durable.
    #[error("append to the journal: the store stopped first")]
    Stopped,
    /// The brokers never take a batch of this size.
    #[error("append to the journal: the batch is larger than its topic allows")]
    TooLarge,
    /// The brokers did not take the batch.
    #[error("append to the journal: {0}")]
    Broker(#[source] KafkaError),
}

impl Journal {
    /// A journal in memory; `queue` batches may wait in it.
    pub fn direct(queue: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (tx, rx) = mpsc::channel(queue);
        (Self::Direct(tx), rx)
    }

    /// The journal in Kafka; creates its topic unless it is there.
    ///
    /// # Errors
    /// No broker answers, or the topic is refused.
    pub async fn kafka(config: &KafkaConfig) -> Result<Self, JournalError> {
        ensure_topic(config).await?;
        KafkaJournal::open(config).map(Self::Kafka)
    }

    /// Hands a batch on and returns once it is durable.
    ///
    /// # Errors
    /// Any error means: not known to be durable. All but
    /// [`AppendError::TooLarge`] may pass: send it again.
    pub async fn append(&self, record: JournalRecord) -> Result<(), AppendError> {
        self.append_in(record, None, Span::default()).await
    }

    /// Hands a batch on within its share of what may wait: in memory the batch
    /// keeps it, even when the waiting is given up.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_in(
        &self,
        record: JournalRecord,
        room: Option<OwnedSemaphorePermit>,
        mut span: Span,
    ) -> Result<(), AppendError> {
        match self {
            Self::Direct(entries) => append_direct(entries, record, room, span).await,
            Self::Kafka(journal) => {
                let appended = journal.append(&record, span.context()).await;
                if let Err(error) = &appended {
                    span.fail(error);
                }
                drop(room);
                appended
            }
        }
    }
}

async fn append_direct(
    entries: &mpsc::Sender<Entry>,
    record: JournalRecord,
    room: Option<OwnedSemaphorePermit>,
    span: Span,
) -> Result<(), AppendError> {
    let (durable, told) = oneshot::channel();
    let entry = Entry {
        record,
        durable,
        room,
        span,
    };
    // Waits for a place; bytes are bounded by the room that each entry holds.
    entries
        .send(entry)
        .await
        .map_err(|_| AppendError::Stopped)?;
    told.await.map_err(|_| AppendError::Stopped)
}

impl KafkaJournal {
    /// Into a topic that is there.
    fn open(config: &KafkaConfig) -> Result<Self, JournalError> {
        let producer = client_config(config, "kbwatch-receive")
            // Durable means: every in-sync replica has it, once.
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // Batches come compressed.
            .set("compression.codec", "none")
            .set("message.max.bytes", MAX_RECORD_LEN.to_string())
            .set(
                "message.timeout.ms",
                config.delivery_deadline_ms.to_string(),
            )
            .set("queue.buffering.max.kbytes", PRODUCER_QUEUE_KIB)
            .set("linger.ms", "5")
            .create_with_context(Logged)
            .map_err(|source| JournalError::new("prepare to produce", config, source))?;
        Ok(Self {
            producer,
            topic: config.topic.clone(),
        })
    }

    async fn append(
        &self,
        record: &JournalRecord,
        traced: Option<Context>,
    ) -> Result<(), AppendError> {
        let bytes = record.encode_to_vec();
        // By device: a device's batches stay in order and with one store.
        let mut message = FutureRecord::to(&self.topic)
            .key(&record.device_id)
            .payload(&bytes);
        if let Some(context) = traced {
            let header = context.header();
            message = message.headers(OwnedHeaders::new().insert(Header {
                key: TRACEPARENT,
                value: Some(&header),
            }));
        }
        match self.producer.send(message, Duration::ZERO).await {
            Ok(_) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                Err(AppendError::Full)
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                Err(AppendError::TooLarge)
            }
            Err((failure, _)) => Err(AppendError::Broker(failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use tokio::sync::Semaphore;

    use super::*;

    /// Brokers that play Kafka, and a journal on them.
    fn played() -> (MockCluster<'static, DefaultProducerContext>, KafkaJournal) {
        let brokers = MockCluster::new(3).unwrap();
        let config = KafkaConfig {
            brokers: brokers.bootstrap_servers(),
            ..KafkaConfig::default()
        };
        brokers.create_topic(&config.topic, 1, 3).unwrap();
        let journal = KafkaJournal::open(&config).unwrap();
        (brokers, journal)
    }

    #[tokio::test]
    async fn a_partition_whose_leader_moves_takes_every_batch() {
        let (brokers, journal) = played();
        let record = JournalRecord::default();
        for leader in [1, 2, 3, 1] {
            let moved = brokers.partition_leader(&journal.topic, 0, Some(leader));
            moved.unwrap();
            journal.append(&record, None).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_batch_that_brokers_deny_comes_again_and_the_next_one_is_taken() {
        let (brokers, journal) = played();
        let record = JournalRecord::default();
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        journal.append(&record, None).await.unwrap();
        brokers.request_errors(RDKafkaApiKey::Produce, &[denied]);
        let refused = journal.append(&record, None).await;
        assert!(
            matches!(refused, Err(AppendError::Broker(_))),
            "{refused:?}"
        );
        // The client remembers for a moment that it was denied.
        let end = tokio::time::Instant::now() + Duration::from_secs(20);
        while journal.append(&record, None).await.is_err() {
            assert!(tokio::time::Instant::now() < end, "it is allowed again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn a_batch_keeps_its_room_until_the_store_is_done_with_it() {
        let budget = Arc::new(Semaphore::new(10));
        let (journal, mut entries) = Journal::direct(1);
        let room = budget.clone().try_acquire_many_owned(4).unwrap();
        let waiting = journal.append_in(JournalRecord::default(), Some(room), Span::default());
        let given_up = tokio::time::timeout(Duration::from_millis(1), waiting).await;
        assert!(given_up.is_err());
        assert_eq!(budget.available_permits(), 6, "it still lies in the queue");
        let entry = entries.recv().await.unwrap();
        assert!(entry.durable.is_closed());
        drop(entry);
        assert_eq!(budget.available_permits(), 10);
    }
}
