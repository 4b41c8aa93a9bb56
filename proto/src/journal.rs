//! What stands between receive and store, in Kafka or in memory.

pub use crate::generated::journal::v1::{JournalRecord, Role};

/// Layout of [`JournalRecord`] that this code writes.
pub const VERSION: u32 = 1;
