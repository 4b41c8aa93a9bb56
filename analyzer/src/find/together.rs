//! How strongly devices of one block fail together on this fleet.
//!
//! Learned from earlier KBs as an upper bound: the likelihood of what blocks
//! showed there, as Beta-binomials of each ending, over a ladder of
//! correlations, strong ones taken to be likelier beforehand. Without history
//! the bound is a strong one.

use std::collections::{BTreeMap, HashMap};

use super::rate::real;
use super::{Ending, Trial};

/// Correlations that are reckoned with, and how likely they are beforehand.
const LADDER: [(f64, f64); 6] = [
    (0.01, 0.25),
    (0.02, 0.15),
    (0.04, 0.1),
    (0.07, 0.1),
    (0.12, 0.2),
    (0.2, 0.2),
];

/// Codes that no earlier KB showed are taken to hang together as strongly as
/// without history: what other codes did says little of them.
pub(crate) const UNHEARD_OF: f64 = 0.12;

/// The bound holds with this certainty.
const CERTAINTY: f64 = 0.65;

/// What blocks showed in earlier KBs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Together {
    /// How many blocks had so many devices.
    sizes: BTreeMap<u64, u64>,
    /// How many blocks of so many devices had so many that ended so, from 1 on.
    shown: BTreeMap<(Ending, u64, u64), u64>,
}

impl Together {
    /// Adds the devices of one earlier KB.
    pub(crate) fn learn<'a>(&mut self, trials: impl Iterator<Item = &'a Trial>) {
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        let mut shown: HashMap<(Ending, u64), u64> = HashMap::new();
        for trial in trials {
            *sizes.entry(trial.block).or_default() += 1;
            for one in &trial.ever {
                *shown.entry((one.ending, trial.block)).or_default() += 1;
            }
        }
        for size in sizes.values() {
            *self.sizes.entry(*size).or_default() += 1;
        }
        for ((ending, block), failed) in shown {
            let size = sizes.get(&block).copied().unwrap_or(failed);
            *self.shown.entry((ending, size, failed)).or_default() += 1;
        }
    }

    /// Upper bound of the correlation.
    pub(crate) fn upper(&self) -> f64 {
        let logs = LADDER.map(|(together, before)| self.log_likelihood(together) + before.ln());
        let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = logs.map(|log| (log - best).exp());
        let total: f64 = weights.iter().sum();
        let mut below = 0.0;
        for ((together, _), weight) in LADDER.into_iter().zip(weights) {
            below += weight / total;
            if below >= CERTAINTY {
                return together;
            }
        }
        LADDER[LADDER.len() - 1].0
    }

    fn log_likelihood(&self, together: f64) -> f64 {
        let strength = 1.0 / together - 1.0;
        let devices: u64 = self.sizes.iter().map(|(size, blocks)| size * blocks).sum();
        let mut failed_by_ending: BTreeMap<Ending, u64> = BTreeMap::new();
        for ((ending, _, failed), blocks) in &self.shown {
            *failed_by_ending.entry(*ending).or_default() += failed * blocks;
        }
        let mut log = 0.0;
        for (ending, failed) in failed_by_ending {
            let rate = (real(failed) / real(devices)).min(0.5);
            // One walk over all sizes: a clean block is a smaller one and a device.
            let (mut walked, mut clean) = (0, 0.0);
            for (size, blocks) in &self.sizes {
                for n in walked..*size {
                    clean += (1.0 - rate * strength / (strength + real(n))).ln();
                }
                walked = *size;
                log += real(*blocks) * clean;
            }
            let of_ending = self.shown.range((ending, 0, 0)..);
            for ((_, size, failed), blocks) in of_ending.take_while(|(key, _)| key.0 == ending) {
                log += real(*blocks) * instead_of_clean(*failed, *size, rate, strength);
            }
        }
        log
    }
}

/// Logarithm of how much likelier it is that these `failed` of `size` devices
/// fail than that none does.
fn instead_of_clean(failed: u64, size: u64, rate: f64, strength: f64) -> f64 {
    let steps = (0..failed.min(size)).map(|n| {
        let fails = rate * strength + real(n);
        let does_not = (1.0 - rate) * strength + real(size - 1 - n);
        (fails / does_not).ln()
    });
    steps.sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kbwatch_proto::words::Phase;

    use super::*;
    use crate::find::Failing;

    /// Blocks of ten, of which every fiftieth fails by `each` devices.
    fn learned(each: usize) -> Together {
        let ending = Ending {
            hresult: Some(0x8007_0070),
            phase: Phase::Install,
        };
        let trial = |number: usize| Trial {
            device: number,
            block: number as u64 / 10,
            started_at_ms: 0,
            failing: None,
            ever: if (number / 10).is_multiple_of(5 * each) && number % 10 < each {
                vec![Failing { ending, at_ms: 0 }]
            } else {
                Vec::new()
            },
            closed: true,
            facts: Arc::from([]),
        };
        let trials: Vec<Trial> = (0..4_000).map(trial).collect();
        let mut together = Together::default();
        together.learn(trials.iter());
        together
    }

    #[test]
    fn failures_that_keep_apart_bound_the_correlation_low() {
        assert!(learned(1).upper() <= 0.02, "{}", learned(1).upper());
    }

    #[test]
    fn failures_that_come_in_fours_bound_it_high() {
        assert!(learned(4).upper() >= 0.12, "{}", learned(4).upper());
    }

    #[test]
    fn without_history_a_strong_one_is_reckoned_with() {
        assert!(Together::default().upper() >= 0.12);
    }
}
