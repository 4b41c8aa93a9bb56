//! Parts of the fleet: devices that share a fact, or two.
//!
//! Which parts there are depends on facts alone, never on what failed, so the
//! stake that is spread over them is fair. A part in which little failed only
//! loses: its stake counts as lost without being reckoned. A part inside one
//! block says nothing that the block does not say.

use std::collections::HashMap;

use super::evidence::{Null, count, e_value, stands_at};
use super::rate::real;
use super::usual::Usual;
use super::{Ending, Trial};
use crate::facts::Word;

/// A fact: key and value.
pub(crate) type Part = (Word, Word);

/// A key with more values than this names devices or places, no parts.
const MOST_VALUES: usize = 64;

/// Parts that are reckoned exactly: those in which most failed beyond what is
/// usual there.
const RECKONED: usize = 12;

/// How the stake on parts is laid: on single facts, and on pairs of them.
const ON_SINGLES: f64 = 0.6;

/// The parts of the devices that began one KB.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    facts: Vec<Part>,
    /// Trials of each part, a bit for each.
    holders: Vec<Vec<u64>>,
    min_devices: u64,
}

/// One or two facts, by number, and how many devices have them.
#[derive(Debug, Clone, Copy)]
struct Sharing {
    one: usize,
    other: usize,
    null: Null,
    /// How much more failed than usual, roughly.
    promise: f64,
}

impl Parts {
    /// Parts of at least `min_devices` devices in at least two blocks.
    pub(crate) fn of(trials: &[Trial], min_devices: u64) -> Self {
        // By part: devices, the first block, and whether there is another.
        let mut seen: HashMap<Part, (u64, u64, bool)> = HashMap::new();
        for trial in trials {
            for part in trial.facts.iter() {
                let entry = seen.entry(*part).or_insert((0, trial.block, false));
                entry.0 += 1;
                entry.2 |= entry.1 != trial.block;
            }
        }
        let mut values: HashMap<Word, usize> = HashMap::new();
        for (key, _) in seen.keys() {
            *values.entry(*key).or_default() += 1;
        }
        let all = trials.len() as u64;
        let is_part = |((key, _), (devices, _, spread)): &(Part, (u64, u64, bool))| {
            let few = values.get(key).is_some_and(|values| *values <= MOST_VALUES);
            few && *spread && *devices >= min_devices && *devices < all
        };
        let parts = seen.into_iter().filter(is_part).map(|(part, _)| part);
        let mut parts: Vec<Part> = parts.collect();
        parts.sort_unstable();
        let numbers: HashMap<Part, usize> = parts.iter().copied().zip(0..).collect();
        let mut holders = vec![vec![0u64; trials.len().div_ceil(64)]; parts.len()];
        for (at, trial) in trials.iter().enumerate() {
            let numbers = trial.facts.iter().filter_map(|part| numbers.get(part));
            for number in numbers {
                if let Some(word) = holders.get_mut(*number).and_then(|h| h.get_mut(at / 64)) {
                    *word |= 1 << (at % 64);
                }
            }
        }
        Self {
            facts: parts,
            holders,
            min_devices,
        }
    }

    /// The stake spread over single facts, and over pairs of them.
    pub(crate) fn e_value(
        &self,
        trials: &[Trial],
        ending: Ending,
        left_out: Option<&Trial>,
        usual: &Usual,
    ) -> f64 {
        let mut failing = vec![0u64; trials.len().div_ceil(64)];
        for (at, trial) in trials.iter().enumerate() {
            if stands_at(trial, ending) {
                failing[at / 64] |= 1 << (at % 64);
            }
        }
        let stake = |sharing: &Sharing| {
            let holders = self.both(sharing.one, sharing.other);
            let counted = trials.iter().zip(0usize..);
            let inside = counted.filter(|(_, at)| holders[at / 64] >> (at % 64) & 1 == 1);
            let inside = inside.map(|(trial, _)| trial);
            let counted = count(inside, ending, left_out, sharing.null);
            e_value(&counted, sharing.null.rate)
        };
        let all = real(self.facts.len() as u64);
        let singles = self.promising(ending, &failing, usual, false);
        let pairs = self.promising(ending, &failing, usual, true);
        let on_singles = singles.iter().map(stake).sum::<f64>() / all.max(1.0);
        // Every pair has its share, whether any device has both facts or none.
        let on_pairs = pairs.iter().map(stake).sum::<f64>() / (all * (all - 1.0) / 2.0).max(1.0);
        ON_SINGLES * on_singles + (1.0 - ON_SINGLES) * on_pairs
    }

    /// Trials that have both facts, a bit for each.
    fn both(&self, one: usize, other: usize) -> Vec<u64> {
        let (Some(one), Some(other)) = (self.holders.get(one), self.holders.get(other)) else {
            return Vec::new();
        };
        one.iter().zip(other).map(|(a, b)| a & b).collect()
    }

    /// The parts that promise most: single facts, or pairs of which neither
    /// holds the other.
    fn promising(
        &self,
        ending: Ending,
        failing: &[u64],
        usual: &Usual,
        pairs: bool,
    ) -> Vec<Sharing> {
        let size = |holders: &[u64]| ones(holders.iter().copied());
        let failed: Vec<Vec<u64>> = self.holders.iter().map(|h| and(h, failing)).collect();
        let hit: Vec<usize> = (0..self.facts.len())
            .filter(|number| size(&failed[*number]) >= self.min_devices.max(2))
            .collect();
        let mut found = Vec::new();
        for (at, one) in hit.iter().copied().enumerate() {
            let others = if pairs { &hit[at + 1..] } else { &hit[at..=at] };
            for other in others.iter().copied() {
                let failed = ones_of_both(&failed[one], &failed[other]);
                if failed < self.min_devices.max(2) {
                    continue;
                }
                let (a, b) = (size(&self.holders[one]), size(&self.holders[other]));
                let devices = ones_of_both(&self.holders[one], &self.holders[other]);
                if pairs && (devices == a || devices == b) {
                    continue;
                }
                let (part, with) = (self.facts[one], self.facts[other]);
                let rate = if pairs {
                    let shares = (real(devices) / real(a), real(devices) / real(b));
                    usual.upper_rate_in_both(ending, (part, with), shares)
                } else {
                    usual.upper_rate_in(ending, part)
                };
                let usually = real(devices) * rate;
                let promise = real(failed) * (real(failed) / usually).ln() - real(failed) + usually;
                if real(failed) > usually {
                    found.push(Sharing {
                        one,
                        other,
                        null: usual.null_at(ending, rate),
                        promise,
                    });
                }
            }
        }
        found.sort_by(|a, b| b.promise.total_cmp(&a.promise));
        found.truncate(RECKONED);
        found
    }
}

fn and(one: &[u64], other: &[u64]) -> Vec<u64> {
    one.iter().zip(other).map(|(a, b)| a & b).collect()
}

fn ones(words: impl Iterator<Item = u64>) -> u64 {
    words.map(|word| u64::from(word.count_ones())).sum()
}

fn ones_of_both(one: &[u64], other: &[u64]) -> u64 {
    ones(one.iter().zip(other).map(|(a, b)| a & b))
}
