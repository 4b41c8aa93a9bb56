//! Why a batch cannot be sealed or opened, and why a row is rejected.

use super::FORMAT;
use crate::words::UnknownWord;

/// A batch that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// More than [`super::MAX_EVENTS`], or larger than the limits once packed.
    #[error("batch of {events} events is too large to seal; split it")]
    TooLarge {
        /// Events offered.
        events: usize,
    },
    /// zstd gave up.
    #[error("compress the batch")]
    Compress(#[source] std::io::Error),
}

/// A batch that cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The layout is newer than this code: park it for a newer store.
    #[error("batch format {found} is newer than {FORMAT}")]
    NewerFormat {
        /// The layout that the envelope states.
        found: u32,
    },
    /// The payload is not what the envelope says.
    #[error("batch payload does not match its envelope: {what}")]
    Mismatch {
        /// Which statement does not hold.
        what: &'static str,
    },
    /// Not a zstd frame, or cut.
    #[error("decompress the batch")]
    Decompress(#[source] std::io::Error),
    /// Not a block.
    #[error("decode the block")]
    Decode(#[source] prost::DecodeError),
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// 0-based number of the row in its block.
    pub row: u32,
    /// Why, for a person.
    pub reason: String,
}

/// Why a row is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowFault {
    #[error("event id of {0} bytes instead of 16")]
    EventId(usize),
    #[error("string {0} is not in the block's table")]
    Dangling(u32),
    #[error("string {0} is not UTF-8")]
    NotUtf8(u32),
    #[error("{field} of {len} bytes is over the limit")]
    TooLong { field: &'static str, len: usize },
    #[error("{0} extra fields are over the limit")]
    TooManyExtras(usize),
    #[error("an extra name without a value")]
    OddExtras,
    #[error(transparent)]
    Word(#[from] UnknownWord),
}
