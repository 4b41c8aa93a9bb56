//! Partitions come and go, and offsets are committed: what librdkafka asks of a
//! store while it is polled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, Statistics, TopicPartitionList};
use tracing::{info, warn};

use super::acknowledge::Progress;
use crate::{Metrics, kafka};

/// What librdkafka calls while it is polled, on the same thread.
pub(super) struct Handover {
    pub(super) progress: Arc<Progress>,
    pub(super) patience: Duration,
    pub(super) metrics: Metrics,
    /// Partitions taken away since the loop last looked.
    pub(super) revoked: Mutex<Vec<i32>>,
}

impl ClientContext for Handover {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka::complain(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.metrics
            .kafka_link
            .reported(&statistics, Instant::now());
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
        let stopped = self.progress.stopped().len();
        let stopped = i64::try_from(stopped).unwrap_or(i64::MAX);
        self.metrics.stopped_partitions.set(stopped);
        info!(partitions = ?numbers, "gave partitions back");
        self.revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(numbers);
    }
}

/// Commits what became durable since the last time. What fails stays due: it
/// is tried again, or the partition's next owner takes it again.
pub(super) fn commit(consumer: &BaseConsumer<Handover>, progress: &Progress, metrics: &Metrics) {
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
