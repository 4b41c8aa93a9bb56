//! What lies between receive and store: memory on one machine, Kafka on
//! several.
//!
//! Appending ends when the batch is durable: on the direct way after the
//! INSERT, in Kafka after all in-sync replicas have it. Until then the sender
//! owns the batch.

use kbwatch_proto::journal::JournalRecord;
use tokio::sync::{mpsc, oneshot};

/// Where receive puts batches.
#[derive(Clone)]
pub enum Journal {
    /// Straight to the store of this process.
    Direct(mpsc::Sender<Entry>),
}

/// One batch on its way to the store of this process.
#[derive(Debug)]
pub struct Entry {
    /// The batch and its sender.
    pub record: JournalRecord,
    /// Told when the batch is durable; dropped untold when it is not.
    pub durable: oneshot::Sender<()>,
}

/// A batch that did not become durable; the sender has to come again.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Too much is waiting already.
    #[error("append to the journal: it is full")]
    Full,
    /// The other side stopped before the batch was durable.
    #[error("append to the journal: the store stopped first")]
    Stopped,
}

impl Journal {
    /// A journal in memory; `queue` batches may wait in it.
    pub fn direct(queue: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (tx, rx) = mpsc::channel(queue);
        (Self::Direct(tx), rx)
    }

    /// Hands a batch on and returns once it is durable.
    ///
    /// # Errors
    /// Any error means: not known to be durable, send it again.
    pub async fn append(&self, record: JournalRecord) -> Result<(), AppendError> {
        match self {
            Self::Direct(entries) => {
                let (durable, told) = oneshot::channel();
                entries
                    .try_send(Entry { record, durable })
                    .map_err(|refused| match refused {
                        mpsc::error::TrySendError::Full(_) => AppendError::Full,
                        mpsc::error::TrySendError::Closed(_) => AppendError::Stopped,
                    })?;
                told.await.map_err(|_| AppendError::Stopped)
            }
        }
    }
}
