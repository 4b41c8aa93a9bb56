//! What a parser must remember to go on after a restart.

use serde::{Deserialize, Serialize};

use super::clock::OffsetClock;
use super::encoding::Encoding;
use super::kind::FileKind;

/// Layout of [`ParserCheckpoint::context`].
const CONTEXT_VERSION: u32 = 1;

/// Largest context, in bytes; a larger one is not written, which costs the
/// memory of what was told before but no event.
const MAX_CONTEXT_LEN: usize = 64 * 1024;

/// A place in a log to read again from, and the parser's memory at that place.
///
/// Feeding a restored parser from `offset` gives every event that had not been
/// told when the checkpoint was taken; events that are told again have the
/// same ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParserCheckpoint {
    /// Start of the oldest record that is still open, in bytes of the file.
    pub offset: u64,
    /// 1-based number of the line at `offset`.
    pub line: u64,
    /// The parser's memory; versioned, at most 64 KiB.
    pub context: Vec<u8>,
}

/// The memory, unpacked.
#[derive(Serialize, Deserialize)]
pub(super) struct Context {
    version: u32,
    kind: String,
    pub(super) encoding: Option<Encoding>,
    pub(super) clock: OffsetClock,
    pub(super) memory: serde_json::Value,
}

impl ParserCheckpoint {
    pub(super) fn write(
        (offset, line): (u64, u64),
        kind: FileKind,
        encoding: Option<Encoding>,
        clock: &OffsetClock,
        memory: serde_json::Value,
    ) -> Self {
        let mut context = Context {
            version: CONTEXT_VERSION,
            kind: kind.as_str().to_owned(),
            encoding,
            clock: clock.clone(),
            memory,
        };
        let mut bytes = serde_json::to_vec(&context).unwrap_or_default();
        if bytes.len() > MAX_CONTEXT_LEN {
            context.memory = serde_json::Value::Null;
            bytes = serde_json::to_vec(&context).unwrap_or_default();
        }
        Self {
            offset,
            line,
            context: bytes,
        }
    }

    /// The memory, if this code can read it.
    pub(super) fn read(&self, kind: FileKind) -> Option<Context> {
        let context: Context = serde_json::from_slice(&self.context).ok()?;
        (context.version == CONTEXT_VERSION && context.kind == kind.as_str()).then_some(context)
    }
}
