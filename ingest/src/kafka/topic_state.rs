//! What a topic must be so that no batch is lost in it, and what weakens it.

use tracing::warn;

use super::{JournalError, MAX_RECORD_LEN};
use crate::config::KafkaConfig;

/// Replicas that must have a batch before it is acknowledged: all but the one
/// that may be down.
pub(super) fn min_insync(replicas: i32) -> i32 {
    (replicas - 1).max(1)
}

/// What an existing topic is, as far as a batch depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Partitions: as many stores share the work at most.
    pub partitions: usize,
    /// Fewest replicas of a partition.
    pub replicas: i32,
    /// Replicas that must have a batch before it is acknowledged.
    pub min_insync: i32,
    /// Largest record, bytes.
    pub max_message_bytes: usize,
    /// How long batches are kept; none for ever.
    pub retention_ms: Option<u64>,
    /// `delete`, or what would cost batches.
    pub cleanup: String,
}

impl TopicState {
    /// Refuses what would cost batches for certain; warns of what weakens the
    /// receipts.
    ///
    /// # Errors
    /// [`JournalError::Topic`] with the remedy.
    pub fn check(&self, config: &KafkaConfig) -> Result<(), JournalError> {
        let wrong = |setting, value: &dyn ToString, remedy: String| {
            Err(JournalError::Topic {
                topic: config.topic.clone(),
                setting,
                value: value.to_string(),
                remedy,
            })
        };
        if self.max_message_bytes < MAX_RECORD_LEN {
            let remedy = format!("large batches would be refused; raise it to {MAX_RECORD_LEN}");
            return wrong("max.message.bytes", &self.max_message_bytes, remedy);
        }
        if self.cleanup.contains("compact") {
            let remedy = "it would keep one batch of each device; set it to delete".to_owned();
            return wrong("cleanup.policy", &self.cleanup, remedy);
        }
        if let Some(weakness) = self.weakness(config) {
            warn!(
                topic = config.topic,
                replicas = self.replicas,
                min_insync_replicas = self.min_insync,
                "{weakness}"
            );
        }
        Ok(())
    }

    /// What makes receipts worth less than they say, if anything.
    pub fn weakness(&self, config: &KafkaConfig) -> Option<&'static str> {
        if self.replicas < config.replication {
            return Some("the topic has fewer replicas than kafka.replication");
        }
        let kept = u64::from(config.retention_h) * 3_600_000;
        if self.retention_ms.is_some_and(|ms| ms < kept) {
            return Some(
                "the topic keeps batches for less time than kafka.retention_h: raise retention.ms",
            );
        }
        (self.min_insync < min_insync(self.replicas)).then_some(
            "a receipt may stand for a batch that few brokers have: raise min.insync.replicas",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> TopicState {
        TopicState {
            partitions: 12,
            retention_ms: Some(604_800_000),
            replicas: 3,
            min_insync: 2,
            max_message_bytes: MAX_RECORD_LEN,
            cleanup: "delete".to_owned(),
        }
    }

    fn config() -> KafkaConfig {
        KafkaConfig {
            replication: 3,
            ..KafkaConfig::default()
        }
    }

    #[test]
    fn all_replicas_but_one_must_have_a_batch() {
        assert_eq!([1, 2, 3, 5].map(min_insync), [1, 1, 2, 4]);
    }

    #[test]
    fn a_topic_as_we_create_it_is_sound() {
        assert!(sound().check(&config()).is_ok());
        assert_eq!(sound().weakness(&config()), None);
    }

    #[test]
    fn a_topic_that_acknowledges_with_one_replica_is_warned_of() {
        let weak = TopicState {
            min_insync: 1,
            ..sound()
        };
        assert!(
            weak.weakness(&config())
                .unwrap()
                .contains("min.insync.replicas")
        );
        let few = TopicState {
            replicas: 1,
            ..sound()
        };
        assert!(few.weakness(&config()).unwrap().contains("fewer replicas"));
    }

    #[test]
    fn a_topic_that_keeps_batches_for_less_time_than_configured_is_warned_of() {
        let hasty = TopicState {
            retention_ms: Some(3_600_000),
            ..sound()
        };
        assert!(hasty.weakness(&config()).unwrap().contains("retention.ms"));
        let for_ever = TopicState {
            retention_ms: None,
            ..sound()
        };
        assert_eq!(for_ever.weakness(&config()), None);
    }

    #[test]
    fn a_topic_that_would_cost_batches_is_refused_with_the_remedy() {
        let small = TopicState {
            max_message_bytes: 1_048_588,
            ..sound()
        };
        let refused = small.check(&config()).unwrap_err().to_string();
        assert!(refused.contains("max.message.bytes = 1048588"), "{refused}");
        let compacted = TopicState {
            cleanup: "compact,delete".to_owned(),
            ..sound()
        };
        let refused = compacted.check(&config()).unwrap_err().to_string();
        assert!(refused.contains("cleanup.policy"), "{refused}");
    }
}
