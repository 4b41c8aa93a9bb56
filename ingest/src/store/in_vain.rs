//! Batches that cannot be opened, one after the other: then it is not they that
//! are broken, but this store.
//!
//! A partition of which nothing can be opened any more is stopped before all of it
//! lies in the dead letters with its offsets committed. A few devices, or one that
//! speaks for many, are no reason: they could stop everybody else.

use std::collections::{HashMap, HashSet};

/// Batches in a row that stop a partition.
const BATCHES: usize = 200;

/// Senders that they must come from.
const SENDERS: usize = 5;

/// What was met in vain of each partition, since something of it was opened.
#[derive(Debug, Default)]
pub(super) struct InVain {
    runs: HashMap<i32, Run>,
}

#[derive(Debug, Default)]
struct Run {
    batches: usize,
    /// No more than are needed.
    senders: HashSet<String>,
}

impl InVain {
    /// Notes a batch; says whether its partition is to be stopped.
    pub(super) fn met(&mut self, partition: i32, sender: &str, is_rejected: bool) -> bool {
        if !is_rejected {
            self.runs.remove(&partition);
            return false;
        }
        let run = self.runs.entry(partition).or_default();
        run.batches += 1;
        if run.senders.len() < SENDERS {
            run.senders.insert(sender.to_owned());
        }
        run.batches >= BATCHES && run.senders.len() >= SENDERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rejections_in_a_row_from_many_senders_stop_their_partition_only() {
        let mut in_vain = InVain::default();
        for number in 0..BATCHES - 1 {
            let sender = format!("pc-{}", number % 7);
            assert!(!in_vain.met(3, &sender, true), "{number}");
        }
        assert!(!in_vain.met(4, "pc-1", true), "another partition");
        assert!(in_vain.met(3, "pc-1", true));
    }

    #[test]
    fn one_batch_that_is_opened_and_few_senders_keep_a_partition_going() {
        let mut in_vain = InVain::default();
        for number in 0..BATCHES * 10 {
            let sender = format!("pc-{number}");
            assert!(!in_vain.met(1, &sender, number % BATCHES != 0), "{number}");
            let few = format!("pc-{}", number % (SENDERS - 1));
            assert!(!in_vain.met(2, &few, true), "{number}");
        }
    }
}
