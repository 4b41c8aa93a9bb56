//! Verdicts as they were given, and what people decided.
//!
//! A verdict is given anew when it says something else, or names other
//! clusters; what it rests on is frozen in that moment and never written again,
//! whatever later data say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::keep::{KeepError, keep};
use crate::view::{Decision, GivenVerdict, RingEvidence, RingVerdict, Verdict};

/// Most verdicts of one ring that a picture holds, the newest.
const SHOWN: usize = 50;

/// `ring_verdicts`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct VerdictRow {
    pub(crate) rollout: String,
    pub(crate) ring: String,
    pub(crate) number: u32,
    pub(crate) verdict: String,
    pub(crate) release: String,
    pub(crate) clusters: Vec<String>,
    pub(crate) given_at: i64,
    pub(crate) code_version: String,
    pub(crate) evidence: String,
}

/// `ring_decisions`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct DecisionRow {
    pub(crate) rollout: String,
    pub(crate) ring: String,
    pub(crate) decision: String,
    pub(crate) who: String,
    pub(crate) why: String,
    pub(crate) decided_at: i64,
    pub(crate) verdict_number: u32,
    pub(crate) verdict: String,
    pub(crate) via: String,
}

/// A verdict as it is kept, and as it is shown.
#[derive(Debug)]
struct Given {
    row: VerdictRow,
    shown: Arc<GivenVerdict>,
}

impl Given {
    fn of(row: VerdictRow) -> Self {
        let shown = Arc::new(given(&row));
        Self { row, shown }
    }
}

/// All verdicts that were ever given, by rollout and ring.
#[derive(Debug, Default)]
pub(crate) struct VerdictBook {
    given: BTreeMap<(String, String), Vec<Given>>,
    unwritten: Vec<VerdictRow>,
}

impl VerdictBook {
    /// Goes on from what earlier runs gave; of a number that stands twice the
    /// first counts.
    pub(crate) fn remember(mut rows: Vec<VerdictRow>) -> Self {
        rows.sort_by_key(|row| (row.number, row.given_at));
        let mut book = Self::default();
        for row in rows {
            let key = (row.rollout.clone(), row.ring.clone());
            let of_ring = book.given.entry(key).or_default();
            if of_ring
                .last()
                .is_none_or(|last| last.row.number < row.number)
            {
                of_ring.push(Given::of(row));
            }
        }
        book
    }

    /// What was said of a ring last, of the same release.
    pub(crate) fn last(&self, rollout: &str, ring: &str, release: &str) -> Option<Verdict> {
        let last = &self.of_ring(rollout, ring).last()?.row;
        (last.release == release).then(|| Verdict::of(&last.verdict))
    }

    fn of_ring(&self, rollout: &str, ring: &str) -> &[Given] {
        let key = (rollout.to_owned(), ring.to_owned());
        self.given.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Notes what is said now; gives it anew if it changed.
    pub(crate) fn note(
        &mut self,
        rollout: &str,
        ring: &str,
        (verdict, evidence): (Verdict, &RingEvidence),
        now_ms: i64,
    ) {
        let blamed = evidence.clusters.iter().filter(|one| one.failed_here > 0);
        let clusters: BTreeSet<String> = blamed.map(|one| one.id.clone()).collect();
        let of_ring = self
            .given
            .entry((rollout.to_owned(), ring.to_owned()))
            .or_default();
        let last = of_ring.last().map(|last| &last.row);
        let number = last.map_or(1, |last| last.number + 1);
        let same = last.is_some_and(|last| {
            last.verdict == verdict.as_str()
                && last.release == evidence.release
                && last.clusters.iter().eq(clusters.iter())
        });
        if same {
            return;
        }
        let row = VerdictRow {
            rollout: rollout.to_owned(),
            ring: ring.to_owned(),
            number,
            verdict: verdict.as_str().to_owned(),
            release: evidence.release.clone(),
            clusters: clusters.into_iter().collect(),
            given_at: now_ms,
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            // Names and numbers always become JSON.
            evidence: serde_json::to_string(evidence).unwrap_or_default(),
        };
        of_ring.push(Given::of(row.clone()));
        self.unwritten.push(row);
    }

    /// A ring as pages show it: now, before, and what people decided.
    pub(crate) fn shown(
        &self,
        rollout: &str,
        ring: &str,
        (verdict, evidence): (Verdict, RingEvidence),
        decisions: &[DecisionRow],
    ) -> RingVerdict {
        let newest_first = self.of_ring(rollout, ring).iter().rev();
        let of_ring = decisions
            .iter()
            .filter(|row| row.rollout == rollout && row.ring == ring);
        let mut decisions: Vec<Decision> = of_ring.map(decision).collect();
        decisions.sort_by_key(|decision| std::cmp::Reverse(decision.decided_at_ms));
        RingVerdict {
            ring: ring.to_owned(),
            verdict,
            evidence,
            given: newest_first
                .take(SHOWN)
                .map(|one| Arc::clone(&one.shown))
                .collect(),
            decisions,
        }
    }

    /// Writes what was given since the last time; what could not be written
    /// stays noted.
    pub(crate) async fn keep(&mut self, client: &clickhouse::Client) -> Result<(), KeepError> {
        keep(client, "ring_verdicts", &self.unwritten).await?;
        self.unwritten.clear();
        Ok(())
    }
}

fn given(row: &VerdictRow) -> GivenVerdict {
    GivenVerdict {
        number: row.number,
        verdict: Verdict::of(&row.verdict),
        given_at_ms: row.given_at,
        code_version: row.code_version.clone(),
        evidence: serde_json::from_str(&row.evidence).unwrap_or_default(),
    }
}

pub(super) fn decision(row: &DecisionRow) -> Decision {
    Decision {
        decision: row.decision.clone(),
        who: row.who.clone(),
        why: row.why.clone(),
        decided_at_ms: row.decided_at,
        verdict_number: row.verdict_number,
        verdict: row.verdict.clone(),
        via: row.via.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::RingCluster;

    fn evidence(settled: u64, clusters: &[&str]) -> RingEvidence {
        let cluster = |id: &&str| RingCluster {
            id: (*id).to_owned(),
            failed_here: 1,
            ..RingCluster::default()
        };
        RingEvidence {
            release: "2023-01".into(),
            settled,
            clusters: clusters.iter().map(cluster).collect(),
            ..RingEvidence::default()
        }
    }

    fn shown(book: &VerdictBook) -> Vec<(u32, Verdict, u64)> {
        let now = (Verdict::Watch, RingEvidence::default());
        let given = book.shown("r", "ring0", now, &[]).given;
        let line = |one: &Arc<GivenVerdict>| (one.number, one.verdict, one.evidence.settled);
        given.iter().map(line).collect()
    }

    #[test]
    fn later_data_never_change_a_verdict_that_was_given() {
        let mut book = VerdictBook::default();
        book.note("r", "ring0", (Verdict::Watch, &evidence(3, &[])), 10);
        book.note("r", "ring0", (Verdict::Watch, &evidence(90, &[])), 20);
        assert_eq!(shown(&book), [(1, Verdict::Watch, 3)]);
        book.note("r", "ring0", (Verdict::Stop, &evidence(91, &["a"])), 30);
        book.note("r", "ring0", (Verdict::Stop, &evidence(92, &["a"])), 40);
        book.note(
            "r",
            "ring0",
            (Verdict::Stop, &evidence(93, &["a", "b"])),
            50,
        );
        let given = [
            (3, Verdict::Stop, 93),
            (2, Verdict::Stop, 91),
            (1, Verdict::Watch, 3),
        ];
        assert_eq!(shown(&book), given);
        // After a restart, also one between the writing and its answer.
        let mut rows = book.unwritten.clone();
        let late = VerdictRow {
            given_at: 99,
            evidence: String::new(),
            ..rows[2].clone()
        };
        rows.push(late);
        let again = VerdictBook::remember(rows);
        assert_eq!(shown(&again), given);
        assert_eq!(again.last("r", "ring0", "2023-01"), Some(Verdict::Stop));
        assert_eq!(again.last("r", "ring0", "2023-02"), None);
    }
}
