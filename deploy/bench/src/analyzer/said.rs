//! What was said, in the words of the truth: the analyzer and its rivals are
//! read alike.

use std::collections::{BTreeMap, BTreeSet};

use kbwatch_analyzer::attempts::{KbAttempts, Outcome, Stand};
use kbwatch_analyzer::view::{Cluster, View};
use kbwatch_simulator::plan::{AttemptPlan, Breaks, Fate};
use kbwatch_simulator::worlds::tries::kb_of;
use kbwatch_simulator::worlds::truth::Cause;
use kbwatch_simulator::worlds::{Outside, World};

use super::rivals::{NAMES, Opinion, Table, opinions};

type Facts = BTreeMap<String, String>;

/// Whether the attempts of an update end as its tries do, one by one.
pub(super) fn is_exact(found: &KbAttempts, tries: &[&AttemptPlan]) -> bool {
    let wanted = |one: &AttemptPlan| match one.fate {
        Fate::Succeeded => (Some(Outcome::Succeeded), None),
        Fate::Failed {
            hresult,
            breaks: Breaks::AfterReboot,
        } => (Some(Outcome::RolledBack), Some(hresult)),
        Fate::Failed { hresult, .. } => (Some(Outcome::Failed), Some(hresult)),
        _ => (None, None),
    };
    let told = found.attempts.iter().map(|attempt| match attempt.stand {
        Stand::Closed(outcome) => (Some(outcome), attempt.hresult),
        _ => (None, None),
    });
    told.eq(tries.iter().map(|one| wanted(one)))
}

/// The rivals look three times; what they blame is of the last.
pub(super) fn rival_opinions(world: &World) -> Vec<Opinion> {
    let mut all: Vec<Opinion> = vec![Opinion::default(); NAMES.len()];
    let last = world.looks.len().saturating_sub(1);
    for at in [last / 4, last / 2, last] {
        let now_ms = world.looks.get(at).copied().unwrap_or_default();
        let now = opinions(&Table::of(world, now_ms));
        for (one, now) in all.iter_mut().zip(now) {
            one.bad.extend(now.bad);
            let blamed = now.blamed.iter();
            one.causes = blamed
                .map(|(kb, (code, facts))| meant(world, kb, *code, [facts]))
                .collect();
        }
    }
    all
}

/// Causes that a cluster names.
pub(super) fn causes_of(world: &World, cluster: &Cluster) -> Vec<Cause> {
    let code = u32::from_str_radix(cluster.hresult.trim_start_matches("0x"), 16).unwrap_or(0);
    let causes = cluster.causes.iter();
    causes
        .map(|cause| {
            let same = std::iter::once(&cause.facts).chain(&cause.inseparable);
            meant(world, &cluster.kb, code, same)
        })
        .collect()
}

/// What a cause means, whoever names it: one that cannot be told from a true
/// one counts as it. `same`: ways in which it is said, the plainest first.
fn meant<'a>(
    world: &World,
    kb: &str,
    code: u32,
    same: impl IntoIterator<Item = &'a Facts>,
) -> Cause {
    let mut plainest = None;
    for facts in same {
        let mut of_code = world.truth.causes.iter().filter(|(of, _)| *of == code);
        let true_one =
            of_code.find(|(_, other)| facts == other || same_holders(world, kb, facts, other));
        if let Some(cause) = true_one {
            return cause.clone();
        }
        plainest.get_or_insert(facts);
    }
    (code, plainest.cloned().unwrap_or_default())
}

/// Whether two causes are held by the same devices of an update: an update of
/// PCs alone cannot show that only PCs are concerned.
fn same_holders(world: &World, kb: &str, one: &Facts, other: &Facts) -> bool {
    let mut of_kb = world
        .devices
        .iter()
        .filter(|device| kb_of(device.build, 2).number == kb);
    of_kb.all(|device| device.has(one) == device.has(other))
}

pub(super) fn in_words(outside: &Outside) -> (String, String) {
    (outside.kind.to_owned(), format!("{:?}", outside.facts))
}

/// Troubles outside that the clusters name, with what their devices share.
pub(super) fn outside_said(view: &View, truth: &BTreeSet<Outside>) -> BTreeSet<(String, String)> {
    let mut said = BTreeSet::new();
    for cluster in view.clusters.iter().filter(|c| !c.outside.is_empty()) {
        for cause in &cluster.causes {
            let mut names = std::iter::once(&cause.facts).chain(&cause.inseparable);
            let true_one = names.find(|facts| truth.iter().any(|one| one.facts == **facts));
            let facts = true_one.unwrap_or(&cause.facts);
            said.insert((cluster.outside.clone(), format!("{facts:?}")));
        }
    }
    said
}
