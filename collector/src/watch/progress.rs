//! How far a file was understood, and how much of that is receipted.
//!
//! The place to go on after a restart moves only when every batch that was
//! made before it has its answer.

use std::collections::VecDeque;

use crate::parse::ParserCheckpoint;
use crate::watch::file_id::Signature;

/// How far a file was understood at some moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    pub(crate) checkpoint: ParserCheckpoint,
    pub(crate) finished: bool,
    pub(crate) version: Option<Signature>,
}

/// Marks that wait for their batches' answers.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    durable: Mark,
    waiting: VecDeque<(u64, Mark)>,
    moved: bool,
}

impl Progress {
    /// Where an earlier process stopped.
    pub(crate) fn resume(durable: Mark) -> Self {
        Self {
            durable,
            ..Self::default()
        }
    }

    /// What the next process may rely on.
    pub(crate) fn durable(&self) -> &Mark {
        &self.durable
    }

    /// Something was read since the last mark.
    pub(crate) fn note_move(&mut self) {
        self.moved = true;
    }

    /// Whether a mark would say something new.
    pub(crate) fn is_moved(&self) -> bool {
        self.moved
    }

    /// What was read so far is in batches up to `seq`, or needed none.
    pub(crate) fn mark(&mut self, seq: u64, mark: Mark) {
        self.moved = false;
        if self.waiting.back().is_some_and(|(last, _)| *last == seq) {
            self.waiting.pop_back();
        }
        self.waiting.push_back((seq, mark));
    }

    /// All batches up to `seq` have their answer; returns whether more of the
    /// file may now be forgotten.
    pub(crate) fn answered(&mut self, up_to: u64) -> bool {
        let mut advanced = false;
        while let Some((_, mark)) = self.waiting.pop_front_if(|(seq, _)| *seq <= up_to) {
            self.durable = mark;
            advanced = true;
        }
        advanced
    }

    /// Whether everything that was read is receipted.
    pub(crate) fn is_answered(&self) -> bool {
        self.waiting.is_empty() && !self.moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Mark {
        Mark {
            checkpoint: ParserCheckpoint {
                offset,
                ..ParserCheckpoint::default()
            },
            ..Mark::default()
        }
    }

    #[test]
    fn a_mark_counts_only_when_every_batch_before_it_has_its_answer() {
        let mut progress = Progress::default();
        progress.mark(3, at(10));
        progress.mark(5, at(20));
        assert!(!progress.answered(2));
        assert!(progress.answered(4));
        assert_eq!(progress.durable().checkpoint.offset, 10);
        assert!(!progress.is_answered());
        assert!(progress.answered(5));
        assert!(progress.is_answered());
    }

    #[test]
    fn a_later_mark_of_the_same_batch_replaces_the_earlier_one() {
        let mut progress = Progress::default();
        progress.mark(3, at(10));
        progress.mark(3, at(20));
        assert!(progress.answered(3));
        assert_eq!(progress.durable().checkpoint.offset, 20);
    }
}
