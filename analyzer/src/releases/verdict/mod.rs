//! May a ring go on?
//!
//! **Stop** where an open cluster of the release, not caused from outside, has
//! devices in the ring that were heard of lately. **Go** only as proof: nothing of the release is open
//! anywhere, the upper bound of the failure rate lies below the usual rate and
//! a margin, over devices that failed or lived with the update for a while
//! after their reboot, and every device class of the rollout is among them.
//! **Watch** otherwise, with how sure go is and how many devices it still
//! needs. What is said is frozen with its evidence when it changes: [`book`].

mod book;
mod bound;
mod decide;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use book::{DecisionRow, VerdictBook, VerdictRow};
pub use decide::{DecisionRefused, RingDecision, record_decision};

use crate::board::Standing;
use crate::config::VerdictRules;
use crate::view::{Cluster, KbStatus, Life, RingEvidence, Verdict};
use tally::Tally;

/// A go stands until the bound passes the margin times this much: one device
/// more does not turn it over.
const GO_HOLDS: f64 = 1.25;

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
    pub(crate) now_ms: i64,
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
            evidence.clusters = tally.clusters(&open, grounds.now_ms);
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
        // What lies outside of the update stops nothing, however sure it is.
        let here = blamed.filter(|one| one.failed_here > 0);
        let chances = here.filter_map(|one| one.p_value);
        evidence.confidence = 1.0 - chances.fold(1.0, f64::min);
    }
    evidence.blockers = blockers.into_iter().map(str::to_owned).collect();
    verdict
}

#[cfg(test)]
mod tests;
