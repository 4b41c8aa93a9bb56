//! What is usual for a kind of update on this fleet.
//!
//! Learned from earlier KBs of the kind, from devices that belonged to no
//! cluster there: what was an incident is not usual. Without history a wide
//! prior stands in, and the test asks for more devices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::evidence::Null;
use super::parts::Part;
use super::rate::{Z69_ONE_SIDED, Z95_ONE_SIDED, real, upper_rate};
use super::together::{Together, UNHEARD_OF};
use super::{Ending, Trial};
use crate::facts::Facts;

/// Strength of the prior, in devices: without history a code is taken to be
/// usual on up to 2 % of devices.
const PRIOR_DEVICES: f64 = 100.0;

/// Most of the budget goes to codes that are known from earlier KBs: a shift
/// of what happens anyhow takes many devices to be seen, a code that never was
/// takes few.
const SHARE_KNOWN: f64 = 0.9;

/// Of which this part is spread evenly, the rest by how often each is seen.
const SHARE_EVEN: f64 = 0.25;

/// Usual rates by ending.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Usual {
    devices: u64,
    ever: BTreeMap<Ending, u64>,
    closed: u64,
    failed: u64,
    devices_in: HashMap<Part, u64>,
    ever_in: HashMap<(Ending, Part), u64>,
    /// Facts of those who ever ended so.
    facts_of: BTreeMap<Ending, Vec<Facts>>,
    together: Together,
    upper_together: Option<f64>,
}

impl Usual {
    /// Adds the devices of one earlier KB, without those in `excluded`.
    pub(crate) fn learn(&mut self, trials: &[Trial], excluded: &BTreeSet<usize>) {
        let usual = trials
            .iter()
            .filter(|trial| !excluded.contains(&trial.device));
        self.together.learn(usual);
        self.upper_together = None;
        for trial in trials
            .iter()
            .filter(|trial| !excluded.contains(&trial.device))
        {
            self.devices += 1;
            self.closed += u64::from(trial.closed);
            self.failed += u64::from(trial.failing.is_some());
            let endings: BTreeSet<Ending> = trial.ever.iter().map(|one| one.ending).collect();
            for part in trial.facts.iter() {
                *self.devices_in.entry(*part).or_default() += 1;
            }
            for ending in endings {
                *self.ever.entry(ending).or_default() += 1;
                let facts = self.facts_of.entry(ending).or_default();
                facts.push(trial.facts.clone());
                for part in trial.facts.iter() {
                    *self.ever_in.entry((ending, *part)).or_default() += 1;
                }
            }
        }
    }

    /// Whether any earlier KB tells; without one all bounds are the prior's.
    pub(crate) fn is_learned(&self) -> bool {
        self.devices > 0
    }

    /// Whether earlier KBs showed this ending.
    pub(crate) fn knows(&self, ending: Ending) -> bool {
        self.ever.contains_key(&ending)
    }

    /// Upper bound of the share of devices that usually ever end so.
    pub(crate) fn upper_rate(&self, ending: Ending) -> f64 {
        let seen = self.ever.get(&ending).copied().unwrap_or_default();
        // The alternatives begin at twice the odds, so that a usual rate somewhat
        // above this bound gains nothing yet. Of a code that was never seen, a
        // short history says less than its length.
        let z = if seen > 0 {
            Z69_ONE_SIDED
        } else {
            Z95_ONE_SIDED
        };
        upper_rate(real(seen), (real(self.devices), PRIOR_DEVICES), z)
    }

    /// The same among devices that share a fact: they may differ from the
    /// fleet, the more so the less is known of them.
    pub(crate) fn upper_rate_in(&self, ending: Ending, part: Part) -> f64 {
        let overall = self.upper_rate(ending);
        let seen = self
            .ever_in
            .get(&(ending, part))
            .copied()
            .unwrap_or_default();
        let devices = self.devices_in.get(&part).copied().unwrap_or_default();
        // Half a case in as many devices as usually show half a case.
        let prior = 0.5 / overall;
        upper_rate(real(seen), (real(devices), prior), Z95_ONE_SIDED).max(overall)
    }

    /// The same among devices that share two facts, which are the given shares
    /// of those that have the one and the other.
    pub(crate) fn upper_rate_in_both(
        &self,
        ending: Ending,
        (one, other): (Part, Part),
        shares: (f64, f64),
    ) -> f64 {
        let alone = self
            .upper_rate_in(ending, one)
            .max(self.upper_rate_in(ending, other));
        let facts = self.facts_of.get(&ending).into_iter().flatten();
        let seen = facts.filter(|facts| facts.contains(&one) && facts.contains(&other));
        let devices_in = |part| real(self.devices_in.get(part).copied().unwrap_or_default());
        // How many had both was not counted: as large a part as now.
        let devices = (shares.0 * devices_in(&one)).min(shares.1 * devices_in(&other));
        let prior = 0.5 / alone;
        let both = upper_rate(real(seen.count() as u64), (devices, prior), Z95_ONE_SIDED);
        both.max(alone)
    }

    /// What is usual where a share of at most `rate` usually ends so.
    pub(crate) fn null_at(&self, ending: Ending, rate: f64) -> Null {
        let learned = || self.upper_together.unwrap_or_else(|| self.together.upper());
        Null {
            rate: rate.clamp(1e-7, 0.5),
            together: if self.knows(ending) {
                learned()
            } else {
                learned().max(UNHEARD_OF)
            },
        }
    }

    /// Says once how strongly blocks hang together.
    pub(crate) fn learned(mut self) -> Self {
        self.upper_together = Some(self.together.upper());
        self
    }

    /// Usual failure rate over all codes, by the one definition; `None` where
    /// no earlier KB tells.
    pub(crate) fn failure_rate(&self) -> Option<f64> {
        (self.closed > 0).then(|| real(self.failed) / real(self.closed))
    }

    /// Part of the error budget that an ending may spend. The n-th ending to
    /// appear that no earlier KB showed gets 6 ÷ π²n² of what the known ones
    /// leave, which sums to that rest however many appear.
    pub(crate) fn share(&self, ending: Ending, order: usize) -> f64 {
        if let Some(seen) = self.ever.get(&ending) {
            let even = 1.0 / real(self.ever.len() as u64);
            let often = real(*seen) / real(self.ever.values().sum());
            return SHARE_KNOWN * (SHARE_EVEN * even + (1.0 - SHARE_EVEN) * often);
        }
        let nth = real(order as u64 + 1);
        let series = std::f64::consts::PI.powi(2) / 6.0;
        (1.0 - SHARE_KNOWN) / (series * nth * nth)
    }
}
