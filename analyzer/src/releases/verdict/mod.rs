//! May a ring go on?
//!
//! **Stop** where an open cluster of the release, not caused from outside, has
//! devices in the ring. **Go** only as proof: nothing of the release is open
//! anywhere, the upper bound of the failure rate lies below the usual rate and
//! a margin, over devices that failed or lived with the update for a while
//! after their reboot, and every device class of the rollout is among them.
//! **Watch** otherwise, with how sure go is and how many devices it still
//! needs. What is said is frozen with its evidence when it changes: [`book`].

mod book;
mod bound;
mod decide;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use book::{DecisionRow, VerdictBook, VerdictRow};
pub use decide::{DecisionRefused, RingDecision, record_decision};

use crate::attempts::Outcome;
use crate::board::Standing;
use crate::config::VerdictRules;
use crate::view::{
    ClassCover, Cluster, KbStatus, Life, Rate, RingCluster, RingEvidence, Verdict, Witness,
};
use bound::Settled;

const HOUR_MS: i64 = 3_600_000;

/// A go stands until the bound passes the margin times this much: one device
/// more does not turn it over.
const GO_HOLDS: f64 = 1.25;

/// Most witnesses that failed, and most that soaked.
const WITNESSES: (usize, usize) = (200, 20);

/// One target that counts: neither taken out, excused nor unconcerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'b, 'a> {
    pub(crate) ring: &'b str,
    /// Its standing with the release's KB, if it began.
    pub(crate) standing: Option<&'b Standing<'a>>,
    /// Class, as the device says; empty where it was never heard of.
    pub(crate) class: &'b str,
    /// Branch, as the device says.
    pub(crate) branch: &'b str,
}

/// What is known beside the targets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grounds<'c> {
    pub(crate) release: &'c str,
    pub(crate) kbs: &'c [KbStatus],
    pub(crate) clusters: &'c [Cluster],
    pub(crate) rules: VerdictRules,
    pub(crate) data_at_ms: i64,
}

/// Evidence of every ring, in ring order.
pub(crate) fn evidence(
    counted: &[Counted<'_, '_>],
    kbs_of_release: &BTreeSet<&str>,
    grounds: Grounds<'_>,
) -> BTreeMap<String, RingEvidence> {
    let open: Vec<&Cluster> = grounds
        .clusters
        .iter()
        .filter(|cluster| cluster.life != Life::Closed)
        .filter(|cluster| kbs_of_release.contains(cluster.kb.as_str()))
        .collect();
    let classes = classes(counted);
    let mut rings: BTreeMap<&str, Vec<Counted<'_, '_>>> = BTreeMap::new();
    for one in counted {
        rings.entry(one.ring).or_default().push(*one);
    }
    rings
        .into_iter()
        .map(|(ring, of_ring)| {
            let tally = Tally::of(&of_ring, grounds.rules);
            let mut evidence = tally.evidence(&classes, grounds);
            evidence.kbs = kbs_of_release.iter().map(|kb| (*kb).to_owned()).collect();
            evidence.clusters = clusters_here(&open, &of_ring);
            evidence.witnesses = tally.witnesses();
            (ring.to_owned(), evidence)
        })
        .collect()
}

/// Devices by class over the whole rollout; who never spoke has no class.
fn classes<'b>(counted: &[Counted<'b, '_>]) -> BTreeMap<&'b str, u64> {
    let mut classes = BTreeMap::new();
    for one in counted.iter().filter(|one| !one.class.is_empty()) {
        *classes.entry(one.class).or_default() += 1;
    }
    classes
}

fn clusters_here(open: &[&Cluster], of_ring: &[Counted<'_, '_>]) -> Vec<RingCluster> {
    let here: BTreeSet<&str> = of_ring
        .iter()
        .filter_map(|one| Some(one.standing?.device.id.as_ref()))
        .collect();
    let clusters = open.iter().map(|cluster| {
        let members = cluster.devices.iter();
        let members = members.filter(|device| here.contains(device.device_id.as_str()));
        RingCluster {
            id: cluster.id.clone(),
            hresult: cluster.hresult.clone(),
            failed_here: members.count() as u64,
            failed: cluster.failed,
            p_value: cluster.p_value,
            outside: cluster.outside.clone(),
        }
    });
    clusters.collect()
}

/// What a ring's devices add up to.
#[derive(Default)]
struct Tally<'b, 'a> {
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
    fn of(of_ring: &[Counted<'b, 'a>], rules: VerdictRules) -> Self {
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

    fn evidence(&self, classes: &BTreeMap<&str, u64>, grounds: Grounds<'_>) -> RingEvidence {
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

    fn witnesses(&self) -> Vec<Witness> {
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

/// Verified, and heard of when it had lived with the update long enough.
fn soaked(standing: &Standing<'_>, rules: VerdictRules) -> bool {
    let (attempt, outcome) = standing.latest;
    let lived = i64::from(rules.soak_h) * HOUR_MS;
    let heard = standing.device.last_heard_ms.unwrap_or_default();
    outcome == Outcome::Succeeded && heard >= attempt.ended_at_ms + lived
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

/// What the evidence says; `before` stood until now. Notes what stands in the
/// way of go.
pub(crate) fn judge(evidence: &mut RingEvidence, before: Option<Verdict>, margin: f64) -> Verdict {
    let mut blockers: Vec<&str> = Vec::new();
    let blamed = evidence
        .clusters
        .iter()
        .filter(|one| one.outside.is_empty());
    let here = blamed.clone().any(|one| one.failed_here > 0);
    let elsewhere = blamed.clone().next().is_some();
    let outside = evidence.clusters.iter().any(|one| !one.outside.is_empty());
    if here {
        blockers.push("cluster");
    } else if elsewhere {
        blockers.push("cluster_elsewhere");
    }
    if outside {
        blockers.push("outside");
    }
    if evidence.settled == 0 {
        blockers.push("nothing_settled");
    }
    match evidence.usual_rate {
        None => blockers.push("no_usual"),
        Some(usual) => {
            let held = before == Some(Verdict::Go) && evidence.upper <= usual + margin * GO_HOLDS;
            if evidence.confidence < evidence.confidence_wanted && !held {
                blockers.push("rate");
            }
        }
    }
    if evidence.classes.iter().any(|one| one.settled < one.wanted) {
        blockers.push("classes");
    }
    let verdict = match (here, blockers.is_empty()) {
        (true, _) => Verdict::Stop,
        (_, true) => Verdict::Go,
        _ => Verdict::Watch,
    };
    if verdict == Verdict::Stop {
        let here = evidence.clusters.iter().filter(|one| one.failed_here > 0);
        let chances = here.filter_map(|one| one.p_value);
        evidence.confidence = 1.0 - chances.fold(1.0, f64::min);
    }
    evidence.blockers = blockers.into_iter().map(str::to_owned).collect();
    verdict
}

#[cfg(test)]
mod tests;
