//! Where a collector stands: what it did, and what it still has to do.

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stepped {
    /// Bytes of logs read.
    pub read_bytes: u64,
    /// Batches that were sealed, heartbeats among them.
    pub sealed_batches: u64,
    /// There is more to read at once: step again without waiting.
    pub more: bool,
}

/// What is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    /// Bytes of the logs that were not read yet, as of the last step.
    pub lag_bytes: u64,
    /// Events read that are in no batch yet.
    pub open_events: u64,
    /// Batches without a receipt.
    pub unreceipted_batches: u64,
    /// Batches that lie in the spool.
    pub spooled_batches: u64,
    /// A record is open and waits for its end or for quiet, or the last step
    /// did not look at the logs because the outbox was full.
    pub unsettled: bool,
}

impl Pending {
    /// Everything is read and receipted.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// What a collector has done since it was opened. Every event it read is
/// skipped, pending, durable, refused or dropped, and counted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Bytes of logs read.
    pub read_bytes: u64,
    /// Events that the parsers gave.
    pub read_events: u64,
    /// Of these, older than `history_days` and left out.
    pub skipped_events: u64,
    /// Events that no batch could hold, or given up because the spool was full.
    pub dropped_events: u64,
    /// Events that an earlier process had left in the spool.
    pub recovered_events: u64,
    /// Batches moved to the spool since no gateway answered.
    pub spooled_batches: u64,
    /// Events in them.
    pub spooled_events: u64,
    /// Heartbeats that a later one replaced before anyone took them.
    pub superseded_batches: u64,
    /// Bytes of batches sent, repeats included.
    pub sent_bytes: u64,
    /// Batches made or taken back from the spool, heartbeats among them.
    pub sealed_batches: u64,
    /// Batches that the gateway made durable.
    pub durable_batches: u64,
    /// Events in them.
    pub durable_events: u64,
    /// Batches that the gateway refused for good.
    pub refused_batches: u64,
    /// Events in them.
    pub refused_events: u64,
    /// Receipts that asked for another attempt.
    pub retries: u64,
    /// Archives too old to be read.
    pub skipped_files: u64,
    /// Lines cut because they had no end.
    pub cut_lines: u64,
    /// Bytes of logs that were seen and gone before they were read: of files
    /// that vanished, were rotated away or truncated, and of damaged archives.
    pub lost_bytes: u64,
    /// Files that lost some, or that vanished with an unknown rest.
    pub lost_files: u64,
    /// Lines that the parsers saw.
    pub lines: u64,
}
