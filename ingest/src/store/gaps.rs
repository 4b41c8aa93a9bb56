//! Records that Kafka removed before a store took them.
//!
//! Their senders have receipts, so nobody sends them again: retention ran out
//! while stores were down or behind. All that is left is to count them and to
//! call a person.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};
use tracing::{error, warn};

use super::handover::Handover;

/// Deadline of a question to the brokers; partitions are not polled meanwhile.
const ASK: Duration = Duration::from_secs(10);

/// The offset that each partition should give next.
#[derive(Debug, Default)]
pub(super) struct Expected {
    next: HashMap<i32, i64>,
}

/// How a record's offset fits those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It is the next one.
    Next,
    /// So many are missing before it.
    Missing(u64),
    /// It was met before: the partition was made anew or cut.
    Again,
}

impl Expected {
    /// Counts what Kafka removed between the records that were taken, or
    /// between the committed offset and the first one.
    pub(super) fn look(&mut self, consumer: &BaseConsumer<Handover>, partition: i32, offset: i64) {
        if !self.knows(partition) {
            match committed(consumer, partition) {
                Ok(Some(next)) => self.goes_on_at(partition, next),
                Ok(None) if offset == 0 => {}
                Ok(None) => warn!(
                    partition,
                    offset, "nothing was ever committed; what Kafka removed is not known"
                ),
                Err(error) => warn!(%error, partition, "the committed offset cannot be asked"),
            }
        }
        match self.met(partition, offset) {
            Fit::Next => {}
            Fit::Missing(records) => {
                consumer.context().metrics.lost_records.inc_by(records);
                error!(
                    partition,
                    offset, records, "Kafka removed batches that no store had taken"
                );
            }
            Fit::Again => warn!(
                partition,
                offset, "offsets went back: the topic was cut or made anew"
            ),
        }
    }

    /// Whether something is known of a partition.
    fn knows(&self, partition: i32) -> bool {
        self.next.contains_key(&partition)
    }

    /// Notes where reading should go on.
    fn goes_on_at(&mut self, partition: i32, offset: i64) {
        self.next.insert(partition, offset);
    }

    /// Notes a record that was read.
    fn met(&mut self, partition: i32, offset: i64) -> Fit {
        let expected = self.next.insert(partition, offset + 1).unwrap_or(offset);
        match offset - expected {
            0 => Fit::Next,
            gap => u64::try_from(gap).map_or(Fit::Again, Fit::Missing),
        }
    }

    /// Forgets a partition that belongs to someone else now.
    pub(super) fn forget(&mut self, partition: i32) {
        self.next.remove(&partition);
    }
}

fn committed(consumer: &BaseConsumer<Handover>, partition: i32) -> KafkaResult<Option<i64>> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(consumer.context().progress.topic(), partition);
    let committed = consumer.committed_offsets(asked, ASK)?;
    let found = committed
        .elements()
        .first()
        .map(TopicPartitionListElem::offset);
    Ok(match found {
        Some(Offset::Offset(next)) => Some(next),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_between_two_records_is_counted_once() {
        let mut expected = Expected::default();
        expected.goes_on_at(0, 4);
        assert_eq!(expected.met(0, 4), Fit::Next);
        assert_eq!(expected.met(0, 9), Fit::Missing(4));
        assert_eq!(expected.met(0, 10), Fit::Next);
        assert_eq!(expected.met(0, 0), Fit::Again);
        assert_eq!(expected.met(0, 1), Fit::Next);
    }

    #[test]
    fn partitions_are_told_apart_and_an_unknown_one_misses_nothing() {
        let mut expected = Expected::default();
        expected.goes_on_at(0, 100);
        assert!(expected.knows(0) && !expected.knows(1));
        assert_eq!(expected.met(1, 7), Fit::Next);
        expected.forget(0);
        assert_eq!(expected.met(0, 300), Fit::Next);
    }
}
