//! What the devices of a ring add up to.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::bound::Settled;
use super::{Counted, Grounds};
use crate::attempts::Outcome;
use crate::board::Standing;
use crate::config::VerdictRules;
use crate::view::{ClassCover, Cluster, Rate, RingCluster, RingEvidence, Witness};

const HOUR_MS: i64 = 3_600_000;

/// Most witnesses that failed, and most that soaked.
const WITNESSES: (usize, usize) = (200, 20);

/// What a ring's devices add up to.
#[derive(Default)]
pub(super) struct Tally<'b, 'a> {
    targets: u64,
    rate: Rate,
    failed: Vec<(&'b Standing<'a>, Outcome)>,
    gone_silent: u64,
    soaked: Vec<&'b Standing<'a>>,
    settled_of_class: HashMap<&'b str, u64>,
    settled_of_branch: HashMap<&'b str, u64>,
    /// Settled devices without a branch: each for itself.
    alone: u64,
}

impl<'b, 'a> Tally<'b, 'a> {
    pub(super) fn of(of_ring: &[Counted<'b, 'a>], rules: VerdictRules) -> Self {
        let mut tally = Self {
            targets: of_ring.len() as u64,
            rate: crate::picture::rate(of_ring.iter().filter_map(|one| one.standing)),
            ..Self::default()
        };
        for one in of_ring {
            let Some(standing) = one.standing else {
                continue;
            };
            let silent = standing.latest.1 == Outcome::GoneSilent;
            let closed = standing.closed().map(|(_, outcome)| outcome);
            let failing = closed.is_some_and(Outcome::is_failure);
            if failing || silent {
                let outcome = if failing { closed } else { None };
                let outcome = outcome.unwrap_or(Outcome::GoneSilent);
                tally.failed.push((standing, outcome));
                tally.gone_silent += u64::from(!failing);
            } else if soaked(standing, rules) {
                tally.soaked.push(standing);
            } else {
                continue;
            }
            *tally.settled_of_class.entry(one.class).or_default() += 1;
            if one.branch.is_empty() {
                tally.alone += 1;
            } else {
                *tally.settled_of_branch.entry(one.branch).or_default() += 1;
            }
        }
        tally
    }

    pub(super) fn evidence(
        &self,
        classes: &BTreeMap<&str, u64>,
        grounds: Grounds<'_>,
    ) -> RingEvidence {
        let rules = grounds.rules;
        let (failed, soaked) = (self.failed.len() as u64, self.soaked.len() as u64);
        let alone = std::iter::once(self.alone).filter(|alone| *alone > 0);
        // Devices without a branch weigh as one each.
        let sizes = self.settled_of_branch.values().copied();
        let sizes = sizes.chain(alone.flat_map(|n| std::iter::repeat_n(1, count_of(n))));
        let settled = Settled::new(failed, failed + soaked, sizes);
        let usual_rate = usual_rate(grounds);
        let limit = usual_rate.map(|usual| usual + rules.margin);
        let confidence = limit.map_or(0.0, |limit| settled.confidence_below(limit));
        let needed = usual_rate.zip(limit);
        let needed =
            needed.and_then(|(usual, limit)| settled.needed(usual, limit, rules.confidence));
        let covers = classes.iter().map(|(class, in_rollout)| ClassCover {
            class: (*class).to_owned(),
            in_rollout: *in_rollout,
            settled: self
                .settled_of_class
                .get(class)
                .copied()
                .unwrap_or_default(),
            wanted: (*in_rollout).min(u64::from(rules.class_devices)),
        });
        RingEvidence {
            release: grounds.release.to_owned(),
            targets: self.targets,
            rate: self.rate,
            gone_silent: self.gone_silent,
            soaked,
            settled: failed + soaked,
            soak_h: rules.soak_h,
            upper: settled.upper(rules.confidence),
            usual_rate,
            limit,
            confidence,
            confidence_wanted: rules.confidence,
            needed,
            classes: covers.collect(),
            data_at_ms: grounds.data_at_ms,
            ..RingEvidence::default()
        }
    }

    /// Open clusters of the release, and how many of the failing devices of
    /// this ring are in each; those that nobody hears of hold no ring up.
    pub(super) fn clusters(&self, open: &[&Cluster], now_ms: i64) -> Vec<RingCluster> {
        let failing = self.failed.iter();
        let failing = failing.filter(|(one, _)| !one.has_expired(now_ms));
        let failing: HashSet<&str> = failing.map(|(one, _)| one.device.id.as_ref()).collect();
        let clusters = open.iter().map(|cluster| {
            let members = cluster.devices.iter();
            let here = members.filter(|device| failing.contains(device.device_id.as_str()));
            RingCluster {
                id: cluster.id.clone(),
                hresult: cluster.hresult.clone(),
                failed_here: here.count() as u64,
                failed: cluster.failed,
                p_value: cluster.p_value,
                outside: cluster.outside.clone(),
            }
        });
        clusters.collect()
    }

    pub(super) fn witnesses(&self) -> Vec<Witness> {
        let mut failed: Vec<Witness> = self
            .failed
            .iter()
            .map(|(standing, outcome)| witness(standing, *outcome))
            .collect();
        failed.sort_by(|a, b| (b.at_ms, &a.device_id).cmp(&(a.at_ms, &b.device_id)));
        failed.truncate(WITNESSES.0);
        let soaked = self.soaked.iter().take(WITNESSES.1);
        failed.extend(soaked.map(|standing| witness(standing, Outcome::Succeeded)));
        failed
    }
}

fn count_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Verified, there still, and heard of when it had lived with the update long
/// enough.
fn soaked(standing: &Standing<'_>, rules: VerdictRules) -> bool {
    let (attempt, outcome) = standing.latest;
    let lived = i64::from(rules.soak_h) * HOUR_MS;
    let heard = standing.device.last_heard_ms.unwrap_or_default();
    outcome == Outcome::Succeeded && !standing.taken_back && heard >= attempt.ended_at_ms + lived
}

/// The device's decisive attempt and its records.
fn witness(standing: &Standing<'_>, outcome: Outcome) -> Witness {
    let closed = standing.closed().filter(|(_, closed)| *closed == outcome);
    let attempt = closed.unwrap_or(standing.latest).0;
    Witness {
        device_id: standing.device.id.to_string(),
        outcome: outcome.as_str().to_owned(),
        at_ms: attempt.ended_at_ms,
        evidence: attempt.evidence.iter().map(ToString::to_string).collect(),
    }
}

/// Usual for the release: of its KB that most devices tried.
fn usual_rate(grounds: Grounds<'_>) -> Option<f64> {
    let most = grounds.kbs.iter().max_by_key(|kb| kb.rate.tried)?;
    most.usual_rate
}
