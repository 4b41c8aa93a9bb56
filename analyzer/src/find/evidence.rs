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
//! device that *began* is bet on, and counts as not failing until it fails: of a
//! block's bets up to its first failure the stake is then never above what it
//! will be once all is known. Of those after it that is not proven, since each
//! device that holds lowers the next one's chance; null rollouts without a false
//! call (`./run bench analyzer`) stand for it.
//!
//! **Devices of a branch fail together.** Within a block we bet in order of
//! begin. While none has failed, common causes only make the next failure less
//! likely than p0. Once some have, it is likelier: with a correlation of at most
//! ρ = 1 ÷ (s + 1), and k failures among the first n, its chance is at most
//! (s·p0 + k) ÷ (s + n), as of a Beta-binomial. We bet against that instead, or
//! not at all where it is above p1.
//!
//! **A code born from the data** is tested on the devices that came after the
//! one that first showed it; that one counts as the first failure of its block.

use std::collections::{BTreeMap, HashMap};

use super::rate::real;
use super::{Ending, Trial};

/// The lowest alternative has twice the usual odds, and each further one this
/// many times as much. A finer grid would fit better and split the stake more.
const GRID_FIRST: f64 = 2.0;
const GRID_STEP: f64 = 3.2;

/// Most alternatives.
const GRID_STEPS: i32 = 15;

/// Highest alternative rate.
const HIGHEST_RATE: f64 = 0.8;

/// What is taken to be usual where bets are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Null {
    /// Share of devices that usually ends so, at most.
    pub(crate) rate: f64,
    /// Correlation of the devices of a block, at most.
    pub(crate) together: f64,
}

/// Bets at one chance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bets {
    /// Chance of a failure in the usual world, at most.
    chance: f64,
    won: u64,
    lost: u64,
}

/// What the bets of one ending came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counted {
    /// Devices that stand at this ending.
    pub(crate) failing: u64,
    /// Blocks with such a device.
    pub(crate) blocks_failing: u64,
    /// Such devices in the block with most of them.
    pub(crate) most_in_a_block: u64,
    /// By chance: the first bets of every block, then those after a failure.
    bets: Vec<Bets>,
}

/// Endings that devices ever showed, in order of first appearance.
pub(crate) fn endings(trials: &[Trial]) -> Vec<Ending> {
    let mut first: BTreeMap<Ending, i64> = BTreeMap::new();
    for shown in trials.iter().flat_map(|trial| &trial.ever) {
        let at = first.entry(shown.ending).or_insert(shown.at_ms);
        *at = shown.at_ms.min(*at);
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
pub(crate) fn count<'a>(
    trials: impl Iterator<Item = &'a Trial> + Clone,
    ending: Ending,
    left_out: Option<&Trial>,
    null: Null,
) -> Counted {
    let is_left_out = |trial: &Trial| left_out.is_some_and(|one| one.device == trial.device);
    let mut counted = Counted::default();
    let mut failing_in: HashMap<u64, u64> = HashMap::new();
    // Devices of blocks with a failure that counts, in order of begin.
    let mut blocks: HashMap<u64, Vec<(i64, usize, bool)>> = HashMap::new();
    for trial in trials.clone().filter(|trial| stands_at(trial, ending)) {
        counted.failing += 1;
        *failing_in.entry(trial.block).or_default() += 1;
        if !is_left_out(trial) {
            blocks.entry(trial.block).or_default();
        }
    }
    if let Some(left_out) = left_out {
        blocks.entry(left_out.block).or_default();
    }
    counted.blocks_failing = failing_in.len() as u64;
    counted.most_in_a_block = failing_in.into_values().max().unwrap_or_default();
    let mut first = Bets {
        chance: null.rate,
        ..Bets::default()
    };
    for trial in trials.filter(|trial| !is_left_out(trial)) {
        match blocks.get_mut(&trial.block) {
            Some(block) => {
                let fails = stands_at(trial, ending);
                block.push((trial.started_at_ms, trial.device, fails));
            }
            None => first.lost += 1,
        }
    }
    let mut after: BTreeMap<(u64, u64), Bets> = BTreeMap::new();
    for (block, mut devices) in blocks {
        devices.sort_unstable();
        // The one that is left out is known to have failed.
        let known = u64::from(left_out.is_some_and(|one| one.block == block));
        let mut failed = known;
        for (tried, (_, _, fails)) in (known..).zip(devices) {
            let bets = if failed == 0 {
                &mut first
            } else {
                let chance = null.chance_after(failed, tried);
                let bets = after.entry((failed, tried)).or_default();
                bets.chance = chance;
                bets
            };
            bets.won += u64::from(fails);
            bets.lost += u64::from(!fails);
            failed += u64::from(fails);
        }
    }
    counted.bets.push(first);
    counted.bets.extend(after.into_values());
    counted
}

impl Null {
    /// Chance of a failure after `failed` of `tried` devices of its block.
    fn chance_after(self, failed: u64, tried: u64) -> f64 {
        let strength = 1.0 / self.together - 1.0;
        let chance = (strength * self.rate + real(failed)) / (strength + real(tried));
        chance.max(self.rate)
    }
}

pub(crate) fn stands_at(trial: &Trial, ending: Ending) -> bool {
    trial
        .failing
        .is_some_and(|failing| failing.ending == ending)
}

/// The device that first showed `ending`, whether it does now or not.
pub(crate) fn first_to_show(trials: &[Trial], ending: Ending) -> Option<&Trial> {
    let shown = trials
        .iter()
        .filter_map(|trial| Some((trial.first_at(ending)?, trial)));
    let first = shown.min_by_key(|(at_ms, trial)| (*at_ms, trial.device));
    first.map(|(_, trial)| trial)
}

/// The stake after all bets, spread over the grid of alternatives.
pub(crate) fn e_value(counted: &Counted, usual_rate: f64) -> f64 {
    let odds = usual_rate / (1.0 - usual_rate);
    let (mut stakes, mut weights) = (0.0, 0.0);
    for step in 1..=GRID_STEPS {
        let raised = odds * GRID_FIRST * GRID_STEP.powi(step - 1);
        let p1 = (raised / (1.0 + raised)).min(HIGHEST_RATE);
        // Small shifts are the likelier ones, and take the most devices to see.
        let weight = 1.0 / f64::from(step + 1);
        let taken = counted.bets.iter().filter(|bets| bets.chance < p1);
        let log: f64 = taken.map(|bets| bets.gain(p1)).sum();
        stakes += weight * log.min(700.0).exp();
        weights += weight;
        if p1 >= HIGHEST_RATE {
            break;
        }
    }
    stakes / weights
}

impl Bets {
    /// Logarithm of what they multiply the stake by that lies on `p1`.
    fn gain(&self, p1: f64) -> f64 {
        let win = (p1 / self.chance).ln();
        let loss = ((1.0 - p1) / (1.0 - self.chance)).ln();
        real(self.won) * win + real(self.lost) * loss
    }
}
