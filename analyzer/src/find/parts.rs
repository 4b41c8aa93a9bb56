//! Parts of the fleet: devices that share a fact.
//!
//! Which parts there are depends on facts alone, never on what failed, so the
//! stake that is spread over them is fair. A part inside one block says nothing
//! that the block does not say.

use std::collections::{HashMap, HashSet};

use super::evidence::{count, e_value, stands_at};
use super::rate::real;
use super::usual::Usual;
use super::{Ending, Trial};
use crate::facts::Word;

/// A fact: key and value.
pub(crate) type Part = (Word, Word);

/// A key with more values than this names devices or places, no parts.
const MOST_VALUES: usize = 64;

/// The parts of the devices that began one KB.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: HashSet<Part>,
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
        Self {
            parts: parts.collect(),
        }
    }

    /// The stake spread evenly over the parts.
    pub(crate) fn e_value(
        &self,
        trials: &[Trial],
        ending: Ending,
        left_out: Option<usize>,
        usual: &Usual,
    ) -> f64 {
        // A part without a failing device only loses: its stake counts as lost.
        let mut in_part: HashMap<Part, Vec<&Trial>> = HashMap::new();
        for trial in trials.iter().filter(|trial| stands_at(trial, ending)) {
            for part in trial.facts.iter().filter(|part| self.parts.contains(*part)) {
                in_part.entry(*part).or_default();
            }
        }
        for trial in trials {
            for part in trial.facts.iter() {
                if let Some(trials) = in_part.get_mut(part) {
                    trials.push(trial);
                }
            }
        }
        let stakes = in_part.into_iter().map(|(part, trials)| {
            let counted = count(&trials, ending, left_out);
            e_value(&counted, usual.upper_rate_in(ending, part))
        });
        stakes.sum::<f64>() / real(self.parts.len().max(1) as u64)
    }
}
