//! Seeded fleets in memory, straight into the test: how often it is wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use kbwatch_proto::words::Phase;

use super::usual::Usual;
use super::{Demands, Ending, Failing, Signal, Trial, find};
use crate::facts::{Facts, Word};

const DEMANDS: Demands = Demands {
    alpha: 0.001,
    min_devices: 5,
};

/// Codes of the usual failures, and how they share in them.
const USUAL_CODES: [(u32, f64); 6] = [
    (0x8007_0070, 0.3),
    (0x800f_0922, 0.25),
    (0x8024_402c, 0.2),
    (0x8007_0bc9, 0.15),
    (0x800f_081f, 0.07),
    (0x8007_000e, 0.03),
];

const PLANTED: Ending = Ending {
    hresult: Some(0x800f_0985),
    phase: Phase::Install,
};

/// A fleet and how its devices hang together.
struct Fleet {
    dice: fastrand::Rng,
    devices: usize,
    branch_size: usize,
    /// Intra-class correlation of failures in a branch.
    correlation: f64,
    rate: f64,
}

impl Fleet {
    fn new(seed: u64) -> Self {
        Self {
            dice: fastrand::Rng::with_seed(seed),
            devices: 2_000,
            branch_size: 20,
            correlation: 0.05,
            rate: 0.02,
        }
    }

    /// Beta-distributed rate of a branch around the usual rate: two gammas
    /// after Marsaglia and Tsang.
    fn branch_rate(&mut self) -> f64 {
        let strength = 1.0 / self.correlation - 1.0;
        let a = self.gamma(self.rate * strength);
        let b = self.gamma((1.0 - self.rate) * strength);
        if a + b > 0.0 { a / (a + b) } else { self.rate }
    }

    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.dice.f64().max(1e-300).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let u1 = self.dice.f64().max(1e-300);
            let u2 = self.dice.f64();
            let normal = (-2.0 * u1.ln()).sqrt() * (std::f64::consts::TAU * u2).cos();
            let v = (1.0 + c * normal).powi(3);
            if v > 0.0 {
                let accept = 0.5 * normal * normal + d - d * v + d * v.ln();
                if self.dice.f64().max(1e-300).ln() < accept {
                    return d * v;
                }
            }
        }
    }

    fn facts(&mut self, branch: usize) -> Facts {
        let pair = |key: u32, value: usize| {
            let value = u32::try_from(value).unwrap();
            (
                Word::of_number(key),
                Word::of_number(1_000 * (key + 1) + value),
            )
        };
        Arc::from([
            pair(0, branch % 5_000),
            pair(1, self.dice.usize(..12)),
            pair(2, self.dice.usize(..4)),
            pair(3, self.dice.usize(..8)),
            pair(4, self.dice.usize(..4)),
        ])
    }

    /// One month without any cause but chance. Within a branch that fails much,
    /// devices fail with the same code.
    fn month(&mut self, begin_ms: i64) -> Vec<Trial> {
        let mut trials = Vec::new();
        for branch in 0..self.devices / self.branch_size {
            let rate = self.branch_rate();
            let branch_code = self.code();
            for _ in 0..self.branch_size {
                let started_at_ms = begin_ms + self.dice.i64(0..36 * 3_600_000);
                let fails = self.dice.f64() < rate;
                let code = if self.dice.f64() < 0.5 {
                    branch_code
                } else {
                    self.code()
                };
                let ending = Ending {
                    hresult: Some(code),
                    phase: Phase::Install,
                };
                let facts = self.facts(branch);
                let failing = fails.then_some(Failing {
                    ending,
                    at_ms: started_at_ms + 20 * 60_000,
                });
                trials.push(Trial {
                    device: trials.len(),
                    block: branch as u64,
                    started_at_ms,
                    failing,
                    ever: failing.into_iter().collect(),
                    closed: true,
                    facts,
                });
            }
        }
        trials
    }

    fn code(&mut self) -> u32 {
        let mut roll = self.dice.f64();
        for (code, share) in USUAL_CODES {
            if roll < share {
                return code;
            }
            roll -= share;
        }
        0x8000_ffff
    }

    fn usual(&mut self, months: i64) -> Usual {
        let mut usual = Usual::default();
        for month in 0..months {
            let trials = self.month(month * 30 * 86_400_000);
            usual.learn(&trials, &BTreeSet::new());
        }
        usual
    }
}

/// The world as it is known at `now_ms`: later begins are unknown, undecided
/// devices are not closed.
fn as_of(trials: &[Trial], now_ms: i64) -> Vec<Trial> {
    let begun = trials.iter().filter(|trial| trial.started_at_ms <= now_ms);
    begun
        .map(|trial| {
            let failing = trial.failing.filter(|failing| failing.at_ms <= now_ms);
            let decided = trial.started_at_ms + 14 * 3_600_000 <= now_ms;
            let ever = trial.ever.iter().copied();
            Trial {
                failing,
                ever: ever.filter(|one| one.at_ms <= now_ms).collect(),
                closed: failing.is_some() || decided,
                ..trial.clone()
            }
        })
        .collect()
}

/// Looks every quarter of an hour, after six hours every hour, until something
/// is called.
fn look_on(trials: &[Trial], usual: &Usual) -> Option<(i64, Vec<Signal>)> {
    let begin = trials.iter().map(|trial| trial.started_at_ms).min()?;
    for quarters in (1..24).chain((24..=208).step_by(4)) {
        let now_ms = begin + quarters * 15 * 60_000;
        let signals = find(&as_of(trials, now_ms), usual, DEMANDS);
        if signals.iter().any(|signal| signal.called) {
            return Some((now_ms, signals));
        }
    }
    None
}

/// Seeds of usual months in which something is called all the same.
fn false_calls(seeds: std::ops::Range<u64>, correlation: f64) -> Vec<(u64, Signal)> {
    let mut calls = Vec::new();
    for seed in seeds {
        let mut fleet = Fleet::new(seed);
        fleet.correlation = correlation;
        let usual = fleet.usual(1 + i64::try_from(seed % 3).unwrap());
        let trials = fleet.month(200 * 86_400_000);
        if let Some((_, signals)) = look_on(&trials, &usual) {
            calls.push((seed, signals.into_iter().next().unwrap()));
        }
    }
    calls
}

// 300 usual months in all; the declared rate of false calls is 0.001.

#[test]
fn a_usual_month_of_loose_branches_is_not_called_however_often_one_looks() {
    assert_eq!(false_calls(0..100, 0.01), []);
}

#[test]
fn a_usual_month_of_correlated_branches_is_not_called_however_often_one_looks() {
    assert_eq!(false_calls(100..200, 0.05), []);
}

#[test]
fn a_usual_month_of_tight_branches_is_not_called_however_often_one_looks() {
    assert_eq!(false_calls(200..300, 0.15), []);
}

#[test]
fn day_0_without_history_calls_no_usual_month() {
    let mut false_calls = 0;
    for seed in 1_000..1_100 {
        let trials = Fleet::new(seed).month(0);
        false_calls += i32::from(look_on(&trials, &Usual::default()).is_some());
    }
    assert_eq!(false_calls, 0);
}

/// Plants a code on most devices that share a fact.
fn plant(trials: &mut [Trial], dice: &mut fastrand::Rng, part: (Word, Word), rate: f64) -> usize {
    let mut planted = 0;
    for trial in trials
        .iter_mut()
        .filter(|trial| trial.facts.contains(&part))
    {
        if dice.f64() < rate {
            trial.failing = Some(Failing {
                ending: PLANTED,
                at_ms: trial.started_at_ms + 20 * 60_000,
            });
            trial.ever = trial.failing.into_iter().collect();
            planted += 1;
        }
    }
    planted
}

#[test]
fn a_bad_image_is_called_after_a_few_of_its_devices() {
    let mut devices_needed = Vec::new();
    for seed in 0..100 {
        let mut fleet = Fleet::new(seed);
        let usual = fleet.usual(1);
        let mut trials = fleet.month(200 * 86_400_000);
        let image = trials[0].facts[1];
        let planted = plant(&mut trials, &mut fleet.dice, image, 0.9);
        assert!(planted > 50);
        let (at_ms, signals) = look_on(&trials, &usual).expect("the planted image is called");
        let first = &signals[0];
        assert_eq!(first.ending, PLANTED, "seed {seed}");
        assert!(
            signals.iter().filter(|signal| signal.called).count() == 1,
            "seed {seed}"
        );
        let known = as_of(&trials, at_ms);
        devices_needed.push(
            known
                .iter()
                .filter(|trial| trial.facts.contains(&image))
                .count(),
        );
    }
    devices_needed.sort_unstable();
    assert!(devices_needed[50] <= 14, "{devices_needed:?}");
}

#[test]
fn a_known_code_that_doubles_in_one_class_is_called() {
    let mut called = 0;
    for seed in 0..50 {
        let mut fleet = Fleet::new(seed);
        let usual = fleet.usual(2);
        let mut trials = fleet.month(200 * 86_400_000);
        let ending = Ending {
            hresult: Some(USUAL_CODES[0].0),
            phase: Phase::Install,
        };
        let class = trials[0].facts[2];
        for trial in trials
            .iter_mut()
            .filter(|trial| trial.facts.contains(&class))
        {
            if fleet.dice.f64() < 0.1 {
                let at_ms = trial.started_at_ms + 20 * 60_000;
                trial.failing = Some(Failing { ending, at_ms });
                trial.ever = trial.failing.into_iter().collect();
            }
        }
        called += i32::from(look_on(&trials, &usual).is_some());
    }
    assert!(called >= 48, "{called} of 50");
}

#[test]
fn one_branch_alone_is_no_cluster_of_the_kb() {
    let mut fleet = Fleet::new(5);
    let usual = fleet.usual(1);
    let mut trials = fleet.month(200 * 86_400_000);
    for trial in trials.iter_mut().filter(|trial| trial.block == 3) {
        trial.failing = Some(Failing {
            ending: PLANTED,
            at_ms: trial.started_at_ms + 1,
        });
        trial.ever = trial.failing.into_iter().collect();
    }
    assert_eq!(look_on(&trials, &usual), None);
}

#[test]
fn one_device_that_retries_is_one_device() {
    let mut fleet = Fleet::new(6);
    let usual = fleet.usual(1);
    let mut trials = fleet.month(200 * 86_400_000);
    let failing = Failing {
        ending: PLANTED,
        at_ms: 1,
    };
    trials[0].failing = Some(failing);
    trials[0].ever = vec![failing; 500];
    assert_eq!(look_on(&trials, &usual), None);
}
