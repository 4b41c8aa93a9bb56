//! The way back: what the gateway answers, and what may be forgotten then.

use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};

use prost::Message;

use super::Collector;
use crate::outbox::Cargo;
use crate::remember::Memory;
use crate::watch::source::Source;

/// Pause between two writes of the checkpoint for each file in it, which takes
/// some 250 bytes.
const CHECKPOINT_MS_PER_FILE: i64 = 4;

impl Collector {
    /// The next batch to send, stamped with `now_ms`; `None` while there is
    /// none or enough are under way. It stays in the outbox until its receipt.
    ///
    /// A device sends no more than `send_max_bytes_per_s` over a while,
    /// whatever it has to catch up with.
    pub fn next_batch(&mut self, now_ms: i64) -> Option<Batch> {
        if self.send_pace.left(now_ms) == 0 {
            return None;
        }
        let batch = self.outbox.next(now_ms)?;
        let bytes = batch.encoded_len() as u64;
        self.send_pace.spend(bytes);
        self.traffic.add(now_ms, bytes);
        self.counts.sent_bytes += bytes;
        Some(batch)
    }

    /// Whether [`Collector::next_batch`] has one.
    pub fn has_next_batch(&self) -> bool {
        self.outbox.has_unsent()
    }

    /// Batches that were taken and have no receipt.
    pub fn batches_under_way(&self) -> usize {
        self.outbox.under_way()
    }

    /// The connection is gone: everything without a receipt will be offered
    /// again, byte for byte.
    pub fn on_disconnect(&mut self) {
        self.outbox.rewind();
    }

    /// Acts on the gateway's answer. When to send again after RETRY is for the
    /// caller to decide.
    pub fn on_receipt(&mut self, receipt: &Receipt) {
        if receipt.epoch != self.packer.epoch() {
            tracing::debug!(receipt.batch_seq, "receipt for another process passed over");
            return;
        }
        match receipt.outcome() {
            Outcome::Durable => {
                self.answers += 1;
                if let Some(batch) = self.take_answered(receipt.batch_seq) {
                    self.counts.durable_batches += 1;
                    self.counts.durable_events += u64::from(batch.event_count);
                }
            }
            Outcome::Refused => {
                self.answers += 1;
                if let Some(batch) = self.take_answered(receipt.batch_seq) {
                    self.count_refused(1, u64::from(batch.event_count));
                    self.refused.set_aside(&batch, &receipt.reason);
                }
            }
            // No answer: who sits before a store that is away for a week says
            // this, and logs rotate away all the same.
            Outcome::Retry | Outcome::Unspecified => {
                self.counts.retries += 1;
                self.outbox.send_again(receipt.batch_seq);
            }
        }
        self.advance_memory();
    }

    fn take_answered(&mut self, batch_seq: u64) -> Option<Batch> {
        let (batch, cargo) = self.outbox.remove(batch_seq)?;
        if let Cargo::Spooled(number) = cargo {
            self.spool.remove(number);
        }
        Some(batch)
    }

    /// Counts what the gateway will never take, however its answer came.
    pub(crate) fn count_refused(&mut self, batches: u64, events: u64) {
        self.counts.refused_batches += batches;
        self.counts.refused_events += events;
    }

    pub(super) fn advance_memory(&mut self) {
        let up_to = self.outbox.answered_up_to();
        for source in &mut self.sources {
            self.memory_moved |= source.answered(up_to);
        }
    }

    pub(super) fn save_if_due(&mut self, now_ms: i64) {
        let age_ms = now_ms.saturating_sub(self.saved_at_ms);
        // A long checkpoint, of very many archives, is written more seldom.
        let files: usize = self.sources.iter().map(Source::remembered_files).sum();
        let files = i64::try_from(files).unwrap_or(i64::MAX);
        let least_ms = files.saturating_mul(CHECKPOINT_MS_PER_FILE);
        let period_ms = (i64::from(self.config.checkpoint_s) * 1_000).max(least_ms);
        if self.memory_moved && !(0..period_ms).contains(&age_ms) {
            self.saved_at_ms = now_ms;
            self.save();
        }
    }

    /// Writes the checkpoint now, if it changed. A failure is logged and tried
    /// again later: without a checkpoint the logs are read again.
    pub fn save(&mut self) {
        if !self.memory_moved {
            return;
        }
        let memory = Memory {
            facts_revision: self.snapshot.revision,
            facts_hash: self.facts_hash,
            sources: self
                .sources
                .iter()
                .map(|source| (source.key(), source.memory()))
                .collect(),
        };
        self.memory_moved = !self.notebook.save(&memory);
    }
}
