//! The journal in Kafka.

use serde::{Deserialize, Serialize};

use super::{ConfigError, KafkaSecurity, impossible};

/// The journal in Kafka.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port`, comma separated; empty for no Kafka.
    pub brokers: String,
    /// Topic of sealed batches.
    pub topic: String,
    /// Consumer group of the stores.
    pub group: String,
    /// Partitions when the topic is created.
    pub partitions: i32,
    /// Replicas when the topic is created.
    pub replication: i32,
    /// How long Kafka keeps batches, when the topic is created.
    pub retention_h: u32,
    /// Deadline of one delivery.
    pub delivery_deadline_ms: u64,
    /// How the brokers are spoken to; in the clear and without a name by
    /// default.
    pub security: Option<Box<KafkaSecurity>>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic: "kbwatch.batches".to_owned(),
            group: "kbwatch-store".to_owned(),
            partitions: 12,
            replication: 1,
            retention_h: 168,
            delivery_deadline_ms: 30_000,
            security: None,
        }
    }
}

impl KafkaConfig {
    /// Whether a Kafka is named at all.
    pub fn is_set(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.topic.is_empty() {
            return Err(impossible("kafka.topic", &"\"\"", "a topic's name"));
        }
        if self.group.is_empty() {
            return Err(impossible("kafka.group", &"\"\"", "a group's name"));
        }
        if self.partitions < 1 {
            return Err(impossible(
                "kafka.partitions",
                &self.partitions,
                "at least 1",
            ));
        }
        if self.replication < 1 {
            return Err(impossible(
                "kafka.replication",
                &self.replication,
                "at least 1; 3 where there are three brokers",
            ));
        }
        if self.retention_h == 0 {
            return Err(impossible(
                "kafka.retention_h",
                &self.retention_h,
                "at least 1, and longer than stores may be down; 168 is a week",
            ));
        }
        if self.delivery_deadline_ms == 0 {
            return Err(impossible(
                "kafka.delivery_deadline_ms",
                &self.delivery_deadline_ms,
                "at least 1; 30000 suits most",
            ));
        }
        match &self.security {
            Some(security) => security.check(),
            None => Ok(()),
        }
    }
}
