//! How far the store is behind the journal, asked from the broker itself.

use std::time::Duration;

use kbwatch_ingest::config::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::json;
use tokio::time::Instant;

use super::Failure;
use super::result::Check;
use crate::river::River;

const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the store may take for what is left in the journal.
const PATIENCE: Duration = Duration::from_mins(1);

/// Records in the topic, and those that are not committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lag {
    records: i64,
    uncommitted: i64,
}

/// Waits until everything in the journal is committed, and says what is left.
pub(super) async fn check(
    brokers: &str,
    kafka: &KafkaConfig,
    river: &River,
) -> Result<Check, Failure> {
    let deadline = Instant::now() + PATIENCE;
    let lag = loop {
        let (brokers, kafka) = (brokers.to_owned(), kafka.clone());
        let lag = tokio::task::spawn_blocking(move || ask(&brokers, &kafka)).await??;
        if lag.uncommitted == 0 || Instant::now() > deadline {
            break lag;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let received = river.metrics().receive_batches().stored;
    Ok(Check::that(
        "the_journal_is_read_to_its_end",
        lag.uncommitted == 0 && lag.records > 0 && received > 0,
        json!({ "uncommitted": 0 }),
        json!({ "uncommitted": lag.uncommitted, "records": lag.records, "receipted_batches": received }),
    ))
}

fn ask(brokers: &str, kafka: &KafkaConfig) -> Result<Lag, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", &kafka.group)
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(&kafka.topic), ASK_TIMEOUT)?;
    let mut wanted = TopicPartitionList::new();
    for topic in metadata.topics() {
        for partition in topic.partitions() {
            wanted.add_partition(topic.name(), partition.id());
        }
    }
    let committed = consumer.committed_offsets(wanted, ASK_TIMEOUT)?;
    let mut lag = Lag {
        records: 0,
        uncommitted: 0,
    };
    for element in committed.elements() {
        let (low, high) =
            consumer.fetch_watermarks(element.topic(), element.partition(), ASK_TIMEOUT)?;
        let done = match element.offset() {
            Offset::Offset(offset) => offset,
            // Nothing committed: right for a partition without records.
            _ => low,
        };
        lag.records += high - low;
        lag.uncommitted += high - done;
    }
    Ok(lag)
}
