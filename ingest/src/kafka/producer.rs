//! The producing end of the topic of batches.
//!
//! A batch is durable when every in-sync replica has it. A producer that
//! librdkafka gives up is replaced; meanwhile senders are asked to come again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kbwatch_proto::journal::JournalRecord;
use prost::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tracing::error;

use super::link::{Link, Linked};
use super::{JournalError, MAX_RECORD_LEN, client_config};
use crate::config::KafkaConfig;
use crate::journal::AppendError;
use crate::trace::{Context, TRACEPARENT};

/// Bytes that the producer may hold, in KiB: as much as receive lets wait.
const PRODUCER_QUEUE_KIB: &str = "262144";

/// Shortest time between two producers.
const REPLACED: Duration = Duration::from_secs(1);

/// The producing end of the topic of batches; clones are the same.
#[derive(Clone)]
pub struct KafkaJournal {
    /// And since when it is this one.
    producer: Arc<Mutex<(FutureProducer<Linked>, Instant)>>,
    config: KafkaConfig,
    link: Arc<Link>,
}

fn producer(
    config: &KafkaConfig,
    link: &Arc<Link>,
) -> Result<FutureProducer<Linked>, JournalError> {
    client_config(config, "kbwatch-receive")
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
        .set("statistics.interval.ms", "2000")
        .create_with_context(Linked(link.clone()))
        .map_err(|source| JournalError::new("prepare to produce", config, source))
}

impl KafkaJournal {
    /// Into a topic that is there.
    pub(crate) fn open(config: &KafkaConfig) -> Result<Self, JournalError> {
        let link = Arc::new(Link::new(Instant::now()));
        let producer = producer(config, &link)?;
        Ok(Self {
            producer: Arc::new(Mutex::new((producer, Instant::now()))),
            config: config.clone(),
            link,
        })
    }

    /// Hands a record on and returns once the brokers have it.
    pub(crate) async fn append(
        &self,
        record: &JournalRecord,
        traced: Option<Context>,
    ) -> Result<(), AppendError> {
        let bytes = record.encode_to_vec();
        // By device: a device's batches stay in order and with one store.
        let mut message = FutureRecord::to(&self.config.topic)
            .key(&record.device_id)
            .payload(&bytes);
        if let Some(context) = traced {
            let header = context.header();
            message = message.headers(OwnedHeaders::new().insert(Header {
                key: TRACEPARENT,
                value: Some(&header),
            }));
        }
        let producer = self.lock().0.clone();
        let sent = producer.send(message, Duration::ZERO).await;
        self.link.heard(sent.is_ok(), Instant::now());
        match sent {
            Ok(_) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                Err(AppendError::Full)
            }
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge), _)) => {
                Err(AppendError::TooLarge)
            }
            Err((failure, _)) => {
                self.replace_if_lost(&producer);
                Err(AppendError::Broker(failure))
            }
        }
    }

    /// Begins anew where librdkafka has given a producer up: it would refuse
    /// every batch from then on. What it held comes again from its senders.
    fn replace_if_lost(&self, lost: &FutureProducer<Linked>) {
        let Some((code, why)) = lost.client().fatal_error() else {
            return;
        };
        let mut current = self.lock();
        // Somebody else did, or did a moment ago and it is lost again.
        if current.0.client().fatal_error().is_none() || current.1.elapsed() < REPLACED {
            return;
        }
        error!(
            ?code,
            why, "Kafka's producer was lost for good: beginning a new one"
        );
        match producer(&self.config, &self.link) {
            Ok(new) => {
                let old = std::mem::replace(&mut *current, (new, Instant::now()));
                // It waits for its thread.
                tokio::task::spawn_blocking(move || drop(old));
            }
            Err(failure) => error!(%failure, "no new producer could be made"),
        }
    }

    /// Why nothing may become durable at this moment.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        self.link.trouble(Instant::now())
    }

    // Nothing under the lock can panic half way.
    fn lock(&self) -> MutexGuard<'_, (FutureProducer<Linked>, Instant)> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::super::link::UNHEARD;
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
            let moved = brokers.partition_leader(&journal.config.topic, 0, Some(leader));
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
    async fn a_producer_that_is_lost_for_good_is_replaced_and_the_next_batch_is_taken() {
        let brokers = MockCluster::new(3).unwrap();
        let config = KafkaConfig {
            brokers: brokers.bootstrap_servers(),
            delivery_deadline_ms: 2_000,
            ..KafkaConfig::default()
        };
        brokers.create_topic(&config.topic, 1, 3).unwrap();
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
        brokers.request_errors(RDKafkaApiKey::InitProducerId, &[denied]);
        let journal = KafkaJournal::open(&config).unwrap();
        let record = JournalRecord::default();
        let refused = journal.append(&record, None).await;
        assert!(refused.is_err(), "its right was denied");
        assert_eq!(journal.trouble(), Some("Kafka does not take batches\n"));
        let end = Instant::now() + Duration::from_secs(20);
        while journal.append(&record, None).await.is_err() {
            assert!(Instant::now() < end, "the producer stays lost");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(journal.trouble(), None);
    }

    #[tokio::test]
    async fn brokers_that_nobody_hears_of_are_trouble_even_while_nothing_is_sent() {
        let config = KafkaConfig {
            brokers: "127.0.0.1:1".to_owned(),
            ..KafkaConfig::default()
        };
        let journal = KafkaJournal::open(&config).unwrap();
        let now = Instant::now();
        assert_eq!(journal.link.trouble(now), None, "it has just begun");
        assert!(journal.link.trouble(now + UNHEARD * 2).is_some());
    }
}
