//! What lies between receive and store: memory on one machine, Kafka on
//! several.
//!
//! Appending ends when the batch is durable: on the direct way after the
//! INSERT, in Kafka after all in-sync replicas have it. Until then the sender
//! owns the batch.

use kbwatch_proto::journal::JournalRecord;
use rdkafka::error::KafkaError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

pub use crate::kafka::{
    JournalError, KafkaJournal, TopicState, await_topic, describe, ensure_topic, lag,
};

use crate::config::KafkaConfig;
use crate::trace::Span;

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

    /// Why nothing may become durable at this moment, as far as that is known.
    pub fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Direct(_) => None,
            Self::Kafka(journal) => journal.trouble(),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;

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
