//! Sealed batches: packing events into a zstd block, and unpacking them.
//!
//! The gateway handles the envelope only. Whoever unpacks gets every row that
//! is sound, and for every other row its number and the reason: one bad row
//! never costs its neighbours.

mod block;
mod fault;
mod health;
mod pack;
mod row;
#[cfg(test)]
mod tests;
mod unpack;

use sha2::{Digest, Sha256};

use crate::event::{FactsSnapshot, Health, MAX_EXTRA, MAX_FACTS, MAX_SOURCES, UpdateEvent};

pub use block::{Block, Row, TEXT_FIELDS, TEXT_NAMES, TextField};
pub use fault::{PackError, RejectedRow, UnpackError};
pub use pack::pack;
pub use unpack::{unpack, unseal};

/// Layout of the payload that this code writes.
pub const FORMAT: u32 = 1;

/// Largest payload once unpacked, in bytes.
pub const MAX_UNPACKED_LEN: u32 = 8 * 1024 * 1024;

/// Largest payload as sent, in bytes.
pub const MAX_PAYLOAD_LEN: usize = 2 * 1024 * 1024;

/// Most text of all events of a block together, in bytes: rows share strings in
/// the block and own them once decoded.
pub const MAX_TEXT_TOTAL: usize = 32 * 1024 * 1024;

/// Most events in one batch.
pub const MAX_EVENTS: usize = 5_000;

/// Most strings in one block: every text of every event a different one.
const MAX_STRINGS: usize = MAX_EVENTS * (26 + 2 * MAX_EXTRA);

/// Most entries of facts in a block: those over [`MAX_FACTS`] are rejected by
/// themselves, a flood of them with the whole batch.
const MAX_FACT_ENTRIES: usize = 16 * MAX_FACTS;

/// Most sources in a block's health: some too many are cut, a flood of them
/// costs the whole batch.
const MAX_SOURCE_ENTRIES: usize = 16 * MAX_SOURCES;

const ZSTD_LEVEL: i32 = 1;

/// What goes into a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Update events, oldest first.
    pub events: Vec<UpdateEvent>,
    /// Device facts, when they changed or the collector just started.
    pub facts: Option<FactsSnapshot>,
    /// The collector's own health, in heartbeats.
    pub health: Option<Health>,
}

/// What came out of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Everything that is sound.
    pub contents: Contents,
    /// Every row that is not.
    pub rejected: Vec<RejectedRow>,
    /// Why the facts are not among the contents, where they were sent and
    /// cannot be taken.
    pub rejected_facts: Option<String>,
}

/// What came out of a batch, its rows pointing at the texts of their block.
#[derive(Debug, Default)]
pub struct Unsealed {
    /// Every row that is sound.
    pub block: Block,
    /// Every row that is not.
    pub rejected: Vec<RejectedRow>,
    /// Device facts, where they were sent and can be taken.
    pub facts: Option<FactsSnapshot>,
    /// Why they cannot be taken.
    pub rejected_facts: Option<String>,
    /// The collector's own health, in heartbeats.
    pub health: Option<Health>,
}

/// First eight bytes of the SHA-256 of a payload, big endian.
pub fn checksum(payload: &[u8]) -> u64 {
    let digest = Sha256::digest(payload);
    digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Size of the payload's frame once unpacked, as its zstd header declares it;
/// `None` where the header is damaged or silent. Costs no decompression.
pub fn declared_len(payload: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(payload)
        .ok()
        .flatten()
}
