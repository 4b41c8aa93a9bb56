//! What a device is answered: one receipt for each batch.

use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};

/// What a receipt needs once the batch itself was handed on.
pub(super) struct Reply {
    epoch: u64,
    batch_seq: u64,
    retry_after_ms: u32,
}

impl Reply {
    pub(super) fn to(batch: &Batch, retry_after_ms: u32) -> Self {
        Self {
            epoch: batch.epoch,
            batch_seq: batch.batch_seq,
            retry_after_ms,
        }
    }

    pub(super) fn receipt(&self, outcome: Outcome) -> Receipt {
        Receipt {
            batch_seq: self.batch_seq,
            epoch: self.epoch,
            outcome: outcome.into(),
            ..Receipt::default()
        }
    }

    pub(super) fn refused(&self, reason: String) -> Receipt {
        Receipt {
            reason,
            ..self.receipt(Outcome::Refused)
        }
    }

    pub(super) fn retry(&self, reason: &str) -> Receipt {
        self.retry_after(self.retry_after_ms, reason)
    }

    pub(super) fn retry_after(&self, wait_ms: u32, reason: &str) -> Receipt {
        Receipt {
            retry_after_ms: wait_ms,
            reason: reason.to_owned(),
            ..self.receipt(Outcome::Retry)
        }
    }
}
