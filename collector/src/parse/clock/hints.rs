//! What the ages of single sessions hint at: proof where two agree, else a guess.

use serde::{Deserialize, Serialize};

use super::LARGEST_LAG_MS;

const MAX_HINTS: usize = 8;

/// Instants closer than this are one piece of evidence: what began together
/// ends together.
const APART_MS: i64 = 2 * LARGEST_LAG_MS;

/// An offset that the age of one session hints at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    pub(super) offset_min: i32,
    pub(super) source: u8,
    /// The instant behind it.
    pub(super) utc_ms: i64,
}

/// Offsets that nothing confirmed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hints(Vec<Hint>);

impl Hints {
    /// Whether another instant hints at the same offset; else this one is kept
    /// until one does.
    pub(super) fn confirm(&mut self, hint: Hint) -> bool {
        let agrees = |known: &Hint| {
            known.offset_min == hint.offset_min && (known.utc_ms - hint.utc_ms).abs() > APART_MS
        };
        if self.0.iter().any(agrees) {
            return true;
        }
        if !self.0.contains(&hint) {
            if self.0.len() == MAX_HINTS {
                self.0.remove(0);
            }
            self.0.push(hint);
        }
        false
    }

    /// Offset and source that all of them hint at.
    pub(super) fn guess(&self) -> Option<(i32, u8)> {
        let first = self.0.first()?;
        let agrees = |hint: &Hint| hint.offset_min == first.offset_min;
        let all_agree = self.0.iter().all(agrees);
        all_agree.then_some((first.offset_min, first.source))
    }
}

/// Whether it is an offset of whole hours, or one of the halves in use.
pub(super) fn is_common(offset_min: i32) -> bool {
    const HALVES: [i32; 9] = [-570, -210, -150, 210, 270, 330, 390, 570, 630];
    offset_min % 60 == 0 || HALVES.contains(&offset_min)
}
