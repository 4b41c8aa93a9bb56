//! The test itself: evidence that may be looked at after every event.
//!
//! **A bet per device.** In a world as usual a device ends so with a chance of
//! at most p0. We bet on p1 > p0: a failing device multiplies our stake by
//! p1 ÷ p0, any other by (1 - p1) ÷ (1 - p0); in the usual world no bet gains on
//! average, so the stake exceeds x with a chance of at most 1 ÷ x, *at whatever
//! time one looks* (Ville's inequality). p1 is unknown: we spread the stake over
//! a grid of rates, from twice the usual one up, more on the lower ones.
//!
//! **Failures report first.** Successes take a night and a reboot. So every
//! device that *began* is bet on, and counts as not failing until it fails: the
//! stake is then never above what it will be once all is known.
//!
//! **Devices of a branch fail together.** Within a block we bet in order of
//! begin and stop at the first failure. While none has failed, common causes
//! only make the next failure less likely than p0, so no bet is unfair however
//! strongly a branch's devices hang together.
//!
//! **A code born from the data** is tested on the devices that came after the
//! one that first showed it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::rate::real;
use super::{Ending, Trial};

/// The lowest alternative has twice the usual odds, and each further one this
/// many times as much. A finer grid would fit better and split the stake more.
const GRID_FIRST: f64 = 2.0;
const GRID_STEP: f64 = 2.6;

/// Most alternatives.
const GRID_STEPS: i32 = 15;

/// Highest alternative rate.
const HIGHEST_RATE: f64 = 0.95;

/// What the bets of one ending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Devices that stand at this ending.
    pub(crate) failing: u64,
    /// Blocks with such a device.
    pub(crate) blocks_failing: u64,
    /// Bets lost: devices that did not fail, up to the first failure of a block.
    pub(crate) bets_lost: u64,
    /// Bets won: blocks with a failure.
    pub(crate) bets_won: u64,
}

/// Endings that devices stand at, in order of first appearance.
pub(crate) fn endings(trials: &[Trial]) -> Vec<Ending> {
    let mut first: BTreeMap<Ending, i64> = BTreeMap::new();
    for failing in trials.iter().filter_map(|trial| trial.failing) {
        let at = first.entry(failing.ending).or_insert(failing.at_ms);
        *at = failing.at_ms.min(*at);
    }
    let mut endings: Vec<(i64, Ending)> = first.into_iter().map(|(e, at)| (at, e)).collect();
    endings.sort_unstable();
    endings.into_iter().map(|(_, ending)| ending).collect()
}

/// Devices that stand at `ending`.
pub(crate) fn failing(trials: &[Trial], ending: Ending) -> u64 {
    trials
        .iter()
        .filter(|trial| stands_at(trial, ending))
        .count() as u64
}

/// Settles the bets on `ending`, without the device that is left out.
pub(crate) fn count(trials: &[&Trial], ending: Ending, left_out: Option<usize>) -> Counted {
    // First failure of each block, in order of begin.
    let mut first: HashMap<u64, (i64, usize)> = HashMap::new();
    let mut counted = Counted::default();
    let mut blocks_failing: HashSet<u64> = HashSet::new();
    for trial in trials.iter().filter(|trial| stands_at(trial, ending)) {
        counted.failing += 1;
        blocks_failing.insert(trial.block);
        if Some(trial.device) == left_out {
            continue;
        }
        let begin = (trial.started_at_ms, trial.device);
        let at = first.entry(trial.block).or_insert(begin);
        *at = begin.min(*at);
    }
    for trial in trials {
        let before_failure = first
            .get(&trial.block)
            .is_none_or(|at| (trial.started_at_ms, trial.device) < *at);
        if before_failure && Some(trial.device) != left_out {
            counted.bets_lost += 1;
        }
    }
    counted.bets_won = first.len() as u64;
    counted.blocks_failing = blocks_failing.len() as u64;
    counted
}

pub(crate) fn stands_at(trial: &Trial, ending: Ending) -> bool {
    trial
        .failing
        .is_some_and(|failing| failing.ending == ending)
}

/// The device that first showed `ending`.
pub(crate) fn first_to_show(trials: &[Trial], ending: Ending) -> Option<usize> {
    let at_ending = trials.iter().filter_map(|trial| {
        let failing = trial.failing?;
        (failing.ending == ending).then_some((failing.at_ms, trial.device))
    });
    at_ending.min().map(|(_, device)| device)
}

/// The stake after all bets, spread over the grid of alternatives.
pub(crate) fn e_value(counted: &Counted, usual_rate: f64) -> f64 {
    let p0 = usual_rate.clamp(1e-7, 0.5);
    let won = real(counted.bets_won);
    let lost = real(counted.bets_lost);
    let odds = p0 / (1.0 - p0);
    let (mut stakes, mut weights) = (0.0, 0.0);
    for step in 1..=GRID_STEPS {
        let raised = odds * GRID_FIRST * GRID_STEP.powi(step - 1);
        let p1 = (raised / (1.0 + raised)).min(HIGHEST_RATE);
        // Small shifts are the likelier ones, and take the most devices to see.
        let weight = 1.0 / f64::from(step + 1);
        let log = won * (p1 / p0).ln() + lost * ((1.0 - p1) / (1.0 - p0)).ln();
        stakes += weight * log.min(700.0).exp();
        weights += weight;
        if p1 >= HIGHEST_RATE {
            break;
        }
    }
    stakes / weights
}
