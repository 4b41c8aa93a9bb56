//! What is kept of each cycle, and only what changed since the last.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::attempts::Outcome;
use crate::board::{Board, Standing};
use crate::facts::Words;
use crate::judge::Judge;
use crate::keep::{AttemptsRow, ClusterRow, CodeRow, KeepError, RolloutStateRow, keep};
use crate::load::memory::Memory;
use crate::releases::Progress;
use crate::tell::CodeMemory;

/// By group (a KB, a rollout) and device: what was kept last.
type Kept<V> = HashMap<String, HashMap<String, V>>;

/// Rows that are kept, and those that have to be.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    attempts: Kept<u64>,
    states: Kept<(String, &'static str)>,
    clusters: HashMap<String, ClusterRow>,
    codes: HashMap<u32, CodeRow>,
    attempt_rows: Vec<AttemptsRow>,
    state_rows: Vec<RolloutStateRow>,
    cluster_rows: Vec<ClusterRow>,
    code_rows: Vec<CodeRow>,
}

impl Ledger {
    /// Goes on from what earlier runs kept.
    pub(crate) fn remember(memory: &Memory) -> Self {
        let mut ledger = Self::default();
        for row in &memory.attempts {
            let devices = ledger.attempts.entry(row.kb.clone()).or_default();
            devices.insert(row.device_id.clone(), row.digest);
        }
        // A state of an earlier run is written again once: no word of it is
        // known to be the same.
        for row in &memory.rollout_states {
            let devices = ledger.states.entry(row.rollout.clone()).or_default();
            devices.insert(row.device_id.clone(), (row.ring.clone(), ""));
        }
        for row in &memory.clusters {
            ledger.clusters.insert(row.cluster_id.clone(), row.clone());
        }
        for row in &memory.codes {
            ledger.codes.insert(row.hresult, row.clone());
        }
        ledger
    }

    /// Notes how every device stands with every KB; what is on no board any
    /// more is gone.
    pub(crate) fn note_attempts(&mut self, boards: &[Board<'_>], words: &Words, now_ms: i64) {
        let on_board: HashSet<&str> = boards.iter().map(|board| board.kb).collect();
        let rows = &mut self.attempt_rows;
        self.attempts.retain(|kb, devices| {
            let stays = on_board.contains(kb.as_str());
            if !stays {
                rows.extend(devices.keys().map(|id| gone(id, kb, now_ms)));
            }
            stays
        });
        for board in boards {
            let kept = self.attempts.entry(board.kb.to_owned()).or_default();
            for standing in &board.standings {
                let digest = digest(board, standing);
                let id = standing.device.id.as_ref();
                if kept.get(id) == Some(&digest) {
                    continue;
                }
                kept.insert(id.to_owned(), digest);
                self.attempt_rows
                    .push(row(board, standing, words, digest, now_ms));
            }
            if kept.len() > board.standings.len() {
                let there: HashSet<&str> = board
                    .standings
                    .iter()
                    .map(|s| s.device.id.as_ref())
                    .collect();
                let rows = &mut self.attempt_rows;
                kept.retain(|id, _| {
                    let stays = there.contains(id.as_str());
                    if !stays {
                        rows.push(gone(id, board.kb, now_ms));
                    }
                    stays
                });
            }
        }
    }

    /// Notes where every target of every rollout stands.
    pub(crate) fn note_rollouts(&mut self, progress: &[Progress], now_ms: i64) {
        for one in progress {
            let rollout = &one.status.name;
            let kept = self.states.entry(rollout.clone()).or_default();
            for (device_id, ring, state) in &one.states {
                let now = (ring.clone(), state.as_str());
                if kept.get(device_id) == Some(&now) {
                    continue;
                }
                kept.insert(device_id.clone(), now);
                self.state_rows
                    .push(state_row(rollout, device_id, ring, state.as_str(), now_ms));
            }
            if kept.len() > one.states.len() {
                let there: HashSet<&str> =
                    one.states.iter().map(|(id, _, _)| id.as_str()).collect();
                let rows = &mut self.state_rows;
                kept.retain(|id, _| {
                    let stays = there.contains(id.as_str());
                    if !stays {
                        let mut row = state_row(rollout, id, "", "", now_ms);
                        row.gone = 1;
                        rows.push(row);
                    }
                    stays
                });
            }
        }
    }

    /// Notes the life of every cluster.
    pub(crate) fn note_clusters(&mut self, judge: &Judge) {
        for row in judge.rows() {
            let same = self.clusters.get(&row.cluster_id).is_some_and(|kept| {
                ClusterRow {
                    revised_at: kept.revised_at,
                    ..row.clone()
                } == *kept
            });
            if !same {
                self.clusters.insert(row.cluster_id.clone(), row.clone());
                self.cluster_rows.push(row.clone());
            }
        }
    }

    /// Notes which codes were seen.
    pub(crate) fn note_codes(&mut self, codes: &CodeMemory) {
        for row in codes.rows() {
            if self.codes.get(&row.hresult) != Some(row) {
                self.codes.insert(row.hresult, row.clone());
                self.code_rows.push(row.clone());
            }
        }
    }

    /// Writes what changed; what could not be written stays noted.
    pub(crate) async fn keep(&mut self, client: &clickhouse::Client) -> Result<(), KeepError> {
        keep(client, "device_attempts", &self.attempt_rows).await?;
        self.attempt_rows.clear();
        keep(client, "rollout_states", &self.state_rows).await?;
        self.state_rows.clear();
        keep(client, "clusters", &self.cluster_rows).await?;
        self.cluster_rows.clear();
        keep(client, "failure_codes", &self.code_rows).await?;
        self.code_rows.clear();
        Ok(())
    }
}

fn digest(board: &Board<'_>, standing: &Standing<'_>) -> u64 {
    let mut hash = DefaultHasher::new();
    (board.build, board.kind, standing.ring, standing.class).hash(&mut hash);
    for (attempt, outcome) in &standing.attempts {
        (
            attempt.started_at_ms,
            attempt.ended_at_ms,
            outcome,
            attempt.phase,
        )
            .hash(&mut hash);
        (attempt.hresult, &attempt.evidence).hash(&mut hash);
    }
    hash.finish()
}

fn row(
    board: &Board<'_>,
    standing: &Standing<'_>,
    words: &Words,
    digest: u64,
    now_ms: i64,
) -> AttemptsRow {
    let (latest, outcome) = standing.latest;
    let closed = standing.closed();
    let facts = standing.device.facts_now();
    let fact = |key: &str| facts.map_or("", |facts| words.value(facts, key)).to_owned();
    let first = standing.attempts.first().map_or(latest, |(first, _)| first);
    AttemptsRow {
        device_id: standing.device.id.to_string(),
        kb: board.kb.to_owned(),
        build: board
            .build
            .map_or_else(String::new, |build| build.to_string()),
        kind: board.kind.as_str().to_owned(),
        outcome: outcome.as_str().to_owned(),
        phase: latest.phase.as_str().to_owned(),
        hresult: latest.hresult,
        closed_outcome: closed
            .map_or("", |(_, outcome)| outcome.as_str())
            .to_owned(),
        closed_hresult: closed.and_then(|(attempt, _)| attempt.hresult),
        closed_at: closed.map(|(attempt, _)| attempt.ended_at_ms),
        healed: standing.healed(),
        started_at: first.started_at_ms,
        ended_at: latest.ended_at_ms,
        ring: standing.ring.to_owned(),
        class: standing.class.to_owned(),
        branch: fact("branch"),
        image: fact("image"),
        attempts: standing
            .attempts
            .iter()
            .map(|(attempt, outcome)| {
                (
                    attempt.started_at_ms,
                    attempt.ended_at_ms,
                    outcome.as_str().to_owned(),
                    attempt.phase.as_str().to_owned(),
                    attempt.hresult,
                    attempt.benign,
                    attempt.evidence.iter().map(|id| id.0).collect(),
                )
            })
            .collect(),
        digest,
        revised_at: now_ms,
        gone: 0,
    }
}

fn gone(device_id: &str, kb: &str, now_ms: i64) -> AttemptsRow {
    AttemptsRow {
        device_id: device_id.to_owned(),
        kb: kb.to_owned(),
        build: String::new(),
        kind: String::new(),
        outcome: Outcome::Unknown.as_str().to_owned(),
        phase: String::new(),
        hresult: None,
        closed_outcome: String::new(),
        closed_hresult: None,
        closed_at: None,
        healed: false,
        started_at: 0,
        ended_at: 0,
        ring: String::new(),
        class: String::new(),
        branch: String::new(),
        image: String::new(),
        attempts: Vec::new(),
        digest: 0,
        revised_at: now_ms,
        gone: 1,
    }
}

fn state_row(
    rollout: &str,
    device_id: &str,
    ring: &str,
    state: &str,
    now_ms: i64,
) -> RolloutStateRow {
    RolloutStateRow {
        rollout: rollout.to_owned(),
        device_id: device_id.to_owned(),
        ring: ring.to_owned(),
        state: state.to_owned(),
        revised_at: now_ms,
        gone: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::memory::KeptAttempts;

    #[test]
    fn a_kept_attempt_of_a_kb_that_nobody_tries_any_more_is_gone_once() {
        let kept = KeptAttempts {
            device_id: "pc-1".into(),
            kb: "KB5021237".into(),
            digest: 7,
        };
        let memory = Memory {
            attempts: vec![kept],
            ..Memory::default()
        };
        let mut ledger = Ledger::remember(&memory);
        for _ in 0..2 {
            ledger.note_attempts(&[], &Words::default(), 9);
        }
        let rows: Vec<(&str, &str, u8)> = ledger
            .attempt_rows
            .iter()
            .map(|row| (row.device_id.as_str(), row.kb.as_str(), row.gone))
            .collect();
        assert_eq!(rows, [("pc-1", "KB5021237", 1)]);
    }
}
