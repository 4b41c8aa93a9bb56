//! What is said of a cluster: members, damage, causes, remedy.

mod cures;
#[cfg(test)]
mod members;
mod outside;
mod remedy;
#[cfg(test)]
mod rings;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::Phase;

use crate::attempts::{Attempt, Outcome};
use crate::board::{Board, Standing};
use crate::causes::{Explained, Tried, explain};
use crate::find::{Ending, Signal};
use crate::fleet::Fleet;
use crate::judge::{Fails, Sight, life_of};
use crate::kb::KbTable;
use crate::keep::ClusterRow;
use crate::picture::series;
use crate::remedy::Depot;
use crate::view::{Cluster, MemberDevice};

use self::cures::cures;
use self::outside::outside;
use self::remedy::{damage, remedy_for};
use self::waiting::waiting;

/// Facts that people ask for beside a member.
const SHOWN_FACTS: [&str; 7] = [
    "class", "ring", "branch", "image", "model", "os_build", "ubr",
];

/// What describing needs beside the board.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) kbs: &'a KbTable,
    pub(crate) depots: &'a [Depot],
    pub(crate) donors: &'a BTreeSet<String>,
    /// Devices on target lists of the KB, where there is such a list.
    pub(crate) listed: Option<&'a HashSet<&'a str>>,
    pub(crate) now_ms: i64,
    pub(crate) presence_limit_ms: i64,
}

/// What a cycle sees of an ending, for the judge.
/// Devices of `let_off` take no part in the rollout.
pub(crate) fn sight(
    board: &Board<'_>,
    (ending, signal): (Ending, Option<&Signal>),
    let_off: &HashSet<&str>,
    now_ms: i64,
) -> Sight {
    let ever = ever(board, ending);
    let healed = ever.iter().filter(|s| s.latest.1 == Outcome::Succeeded);
    let healed_at: Vec<i64> = healed.map(|s| s.latest.0.ended_at_ms).collect();
    let since = ever.iter().flat_map(|s| s.failures(ending));
    Sight {
        kb: board.kb.to_owned(),
        ending,
        called: signal.is_some_and(|signal| signal.called),
        usual_rate: signal.and_then(|signal| signal.usual_rate),
        p_value: signal.map(Signal::p_value),
        failing: failing(board, ending)
            .map(|(standing, at_ms)| Fails {
                since_ms: standing.failing_since(ending).unwrap_or(at_ms),
                holds: !let_off.contains(&*standing.device.id) && !standing.has_expired(now_ms),
            })
            .collect(),
        ever_failed: ever.len() as u64,
        healed: healed_at.len() as u64,
        last_healed_ms: healed_at.into_iter().max(),
        tried: board.tried(),
        since_ms: since.map(|a| a.ended_at_ms).min().unwrap_or_default(),
    }
}

/// Devices that ever failed so.
fn ever<'b, 'a>(board: &'b Board<'a>, ending: Ending) -> Vec<&'b Standing<'a>> {
    let pairs = board.standings.iter().zip(&board.trials);
    let ever = pairs.filter(|(_, trial)| trial.first_at(ending).is_some());
    ever.map(|(standing, _)| standing).collect()
}

/// Devices that fail so now, and since when.
fn failing<'b, 'a>(
    board: &'b Board<'a>,
    ending: Ending,
) -> impl Iterator<Item = (&'b Standing<'a>, i64)> {
    let pairs = board.standings.iter().zip(&board.trials);
    pairs.filter_map(move |(standing, trial)| {
        let failing = trial.failing.filter(|failing| failing.ending == ending)?;
        Some((standing, failing.at_ms))
    })
}

/// Answers that cost much and change little: kept while their input is the same.
#[derive(Default)]
pub(crate) struct Answers {
    by_cluster: HashMap<String, (u64, Arc<Explained>)>,
}

impl Answers {
    fn explained(
        &mut self,
        row: &ClusterRow,
        board: &Board<'_>,
        ending: Ending,
        fleet: &Fleet,
    ) -> Arc<Explained> {
        let digest = digest(board, ending);
        if let Some((known, answer)) = self.by_cluster.get(&row.cluster_id)
            && *known == digest
        {
            return Arc::clone(answer);
        }
        let tried = tried(board, ending, fleet);
        let answer = Arc::new(explain(&tried, &fleet.words));
        self.by_cluster
            .insert(row.cluster_id.clone(), (digest, Arc::clone(&answer)));
        answer
    }
}

/// Changes when any device of the board stands otherwise.
fn digest(board: &Board<'_>, ending: Ending) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hash = DefaultHasher::new();
    for (standing, trial) in board.standings.iter().zip(&board.trials) {
        let member = trial.first_at(ending).is_some();
        (trial.device, trial.closed, member).hash(&mut hash);
        // Facts and counter-examples are those of this attempt and this outcome.
        let told_by = standing.telling(ending).started_at_ms;
        (told_by, standing.latest.1).hash(&mut hash);
        (standing.device.facts.len(), standing.ring).hash(&mut hash);
    }
    hash.finish()
}

/// Devices that began, and whether they belong to the cluster. Failures report
/// first: among devices with a verdict alone the slow ones would look guilty. The
/// server's list has the last word on rings, whatever the device says.
fn tried<'a>(board: &Board<'a>, ending: Ending, fleet: &Fleet) -> Vec<Tried<'a>> {
    let pairs = board.standings.iter().zip(&board.trials);
    pairs
        .map(|(standing, trial)| Tried {
            device_id: Arc::clone(&standing.device.id),
            facts: standing.facts_before(ending, &fleet.words),
            ring: standing.ring,
            failed: trial.first_at(ending).is_some(),
            succeeded: standing.latest.1 == Outcome::Succeeded,
        })
        .collect()
}

/// The ending that a kept row names.
pub(crate) fn ending_of_row(row: &ClusterRow) -> Ending {
    Ending {
        hresult: (row.hresult != 0).then_some(row.hresult),
        phase: row.phase.parse::<Phase>().unwrap_or_default(),
    }
}

/// Everything that is said of one cluster.
pub(crate) fn describe(
    row: &ClusterRow,
    board: &Board<'_>,
    around: Around<'_>,
    answers: &mut Answers,
) -> Cluster {
    let ending = ending_of_row(row);
    let mut members: Vec<(&Standing<'_>, i64)> = failing(board, ending).collect();
    members.sort_by(|a, b| {
        b.1.cmp(&a.1)
            .then_with(|| a.0.device.id.cmp(&b.0.device.id))
    });
    let ever = ever(board, ending);
    let explained = answers.explained(row, board, ending, around.fleet);
    let damage = damage(&ever, ending);
    let failures = ever.iter().flat_map(|standing| standing.failures(ending));
    let last_failure_at_ms = failures.map(|attempt| attempt.ended_at_ms).max();
    let failing: Vec<usize> = members
        .iter()
        .map(|(standing, _)| standing.number)
        .collect();
    Cluster {
        id: row.cluster_id.clone(),
        kb: row.kb.clone(),
        hresult: code_text(ending.hresult),
        symbol: symbol(ending.hresult),
        phase: row.phase.clone(),
        life: life_of(&row.life),
        since_ms: row.since_at,
        called_at_ms: row.called_at,
        last_failure_at_ms: last_failure_at_ms.unwrap_or(row.since_at),
        failed: row.failed,
        ever_failed: row.ever_failed,
        healed: row.healed,
        tried: row.tried,
        usual_rate: row.usual_rate,
        p_value: row.p_value,
        outside: outside(ending.hresult).unwrap_or_default().to_owned(),
        devices: members
            .iter()
            .map(|(standing, at_ms)| member(standing, *at_ms, ending, around.fleet))
            .collect(),
        remedy: remedy_for(
            board,
            ending,
            (&damage, &explained.causes),
            &ever,
            &failing,
            around,
        ),
        cures: cures(&ever, board.kb, ending),
        damage,
        causes: explained.causes.clone(),
        exonerated: explained.exonerated.clone(),
        series: series(ever.iter().filter_map(|s| first_failure(s, ending))),
        waiting: explained
            .causes
            .first()
            .and_then(|cause| waiting(&cause.facts, board, around)),
    }
}

/// A code as `0x800f0985`; empty where none is stated.
pub(crate) fn code_text(hresult: Option<u32>) -> String {
    hresult.map_or_else(String::new, |code| ResultCode(code).to_string())
}

/// Name of a code, or empty.
pub(crate) fn symbol(hresult: Option<u32>) -> String {
    let symbol = hresult.and_then(|code| ResultCode(code).symbol());
    symbol.unwrap_or_default().to_owned()
}

/// When the device failed so first: growth counts it there, once.
fn first_failure(standing: &Standing<'_>, ending: Ending) -> Option<(i64, bool)> {
    let failures = standing.failures(ending);
    let first = failures.map(|attempt| attempt.ended_at_ms).min()?;
    Some((first, true))
}

fn member(standing: &Standing<'_>, at_ms: i64, ending: Ending, fleet: &Fleet) -> MemberDevice {
    let facts = standing.facts_before(ending, &fleet.words);
    let mut shown: BTreeMap<String, String> = SHOWN_FACTS
        .iter()
        .map(|key| ((*key).to_owned(), fleet.words.value(&facts, key).to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    if !standing.ring.is_empty() {
        shown.insert("ring".to_owned(), standing.ring.to_owned());
    }
    let attempts: Vec<&Attempt> = standing.failures(ending).collect();
    let mut evidence: Vec<String> = Vec::new();
    for attempt in attempts.iter().take(1) {
        evidence.extend(attempt.evidence.iter().map(ToString::to_string));
        evidence.extend(attempt.broken.iter().map(|b| b.evidence.to_string()));
    }
    evidence.dedup();
    let first = attempts.iter().map(|attempt| attempt.ended_at_ms).min();
    MemberDevice {
        device_id: standing.device.id.to_string(),
        first_failed_at_ms: first.unwrap_or(at_ms),
        failed_at_ms: at_ms,
        attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
        evidence,
        facts: shown,
    }
}
