//! The life of clusters: called once, followed until no device fails so any
//! more, and named the same across cycles and restarts.
//!
//! Hysteresis: it takes the full evidence to call a cluster, and only the last
//! device's leaving to close it; a closed one returns when a few devices fail
//! anew, without that evidence being asked for again.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::damage::short_hex;
use crate::find::Ending;
use crate::keep::ClusterRow;
use crate::view::Life;

const HOUR_MS: i64 = 3_600_000;

/// A cluster is new for this long, and returned for as long.
const FRESH_MS: i64 = HOUR_MS;

/// Devices that joined within this time make it grow.
const GROWTH_MS: i64 = 6 * HOUR_MS;

/// Nobody joined within this time while others left: it fades.
const CALM_MS: i64 = 24 * HOUR_MS;

/// A closed cluster returns within this time; later a new one must be called.
const MEMORY_MS: i64 = 30 * 24 * HOUR_MS;

/// Fewest devices that make a closed cluster return.
const RETURNS_FROM: usize = 3;

/// What is seen of one ending of one KB in this cycle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sight {
    pub(crate) kb: String,
    pub(crate) ending: Ending,
    /// The test calls it now.
    pub(crate) called: bool,
    /// What is usual, and the chance of such evidence if all is as usual.
    pub(crate) usual_rate: Option<f64>,
    pub(crate) p_value: Option<f64>,
    /// Devices that fail so now, and when they did.
    pub(crate) failing: Vec<(usize, i64)>,
    /// Devices that ever failed so.
    pub(crate) ever_failed: u64,
    /// Of these, succeeded since.
    pub(crate) healed: u64,
    /// When the latest of these succeeded.
    pub(crate) last_healed_ms: Option<i64>,
    /// Devices with a closed attempt of the KB.
    pub(crate) tried: u64,
    /// Earliest failure that belongs to it.
    pub(crate) since_ms: i64,
}

/// All clusters that were ever called.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    clusters: BTreeMap<String, ClusterRow>,
}

impl Judge {
    /// Remembers what was called before a restart.
    pub(crate) fn remember(rows: Vec<ClusterRow>) -> Self {
        let clusters = rows.into_iter().map(|row| (row.cluster_id.clone(), row));
        Self {
            clusters: clusters.collect(),
        }
    }

    /// The newest cluster of a KB and ending.
    pub(crate) fn of(&self, kb: &str, ending: Ending) -> Option<&ClusterRow> {
        let same = |row: &&ClusterRow| {
            row.kb == kb && row.hresult == ending.kept_code() && row.phase == ending.phase.as_str()
        };
        self.clusters
            .values()
            .filter(same)
            .max_by_key(|row| row.generation)
    }

    /// Moves the life of a cluster on; `None` if there is none.
    pub(crate) fn judge(&mut self, sight: &Sight, now_ms: i64) -> Option<&ClusterRow> {
        let before = self.of(&sight.kb, sight.ending).cloned();
        let row = match before {
            None if sight.called => begin(sight, 1, now_ms),
            None => return None,
            Some(before) => go_on(before, sight, now_ms),
        };
        let id = row.cluster_id.clone();
        self.clusters.insert(id.clone(), row);
        self.clusters.get(&id)
    }

    /// Endings of a KB that were ever called.
    pub(crate) fn endings(&self, kb: &str) -> BTreeSet<Ending> {
        let of_kb = self.clusters.values().filter(|row| row.kb == kb);
        of_kb.map(crate::clusters::ending_of_row).collect()
    }

    /// When a cluster returned, if it did.
    pub(crate) fn returned_at(&self, cluster_id: &str) -> Option<i64> {
        self.clusters.get(cluster_id)?.returned_at
    }

    /// Adds what is said of a cluster's cause.
    pub(crate) fn name_cause(&mut self, cluster_id: &str, cause: String) {
        if let Some(row) = self.clusters.get_mut(cluster_id) {
            row.cause = cause;
        }
    }

    /// All rows, to be kept.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &ClusterRow> {
        self.clusters.values()
    }
}

fn begin(sight: &Sight, generation: u32, now_ms: i64) -> ClusterRow {
    ClusterRow {
        cluster_id: cluster_id(&sight.kb, sight.ending, generation),
        kb: sight.kb.clone(),
        hresult: sight.ending.kept_code(),
        phase: sight.ending.phase.as_str().to_owned(),
        generation,
        life: life_word(Life::New).to_owned(),
        since_at: sight.since_ms,
        called_at: now_ms,
        closed_at: None,
        returned_at: None,
        failed: sight.failing.len() as u64,
        ever_failed: sight.ever_failed,
        healed: sight.healed,
        tried: sight.tried,
        cause: String::new(),
        usual_rate: sight.usual_rate,
        p_value: sight.p_value,
        revised_at: now_ms,
    }
}

fn go_on(mut row: ClusterRow, sight: &Sight, now_ms: i64) -> ClusterRow {
    if let Some(closed_at) = row.closed_at {
        let failing = sight.failing.iter().map(|(_, at)| *at);
        let mut again: Vec<i64> = failing.filter(|at| *at > closed_at).collect();
        if now_ms - closed_at > MEMORY_MS {
            return if sight.called && !again.is_empty() {
                begin(sight, row.generation + 1, now_ms)
            } else {
                row
            };
        }
        // The failure that makes it return, not the clock, dates the return:
        // seen again after a restart it is the same one, with the same alert.
        again.sort_unstable();
        if let Some(at_ms) = again.get(RETURNS_FROM - 1) {
            row.closed_at = None;
            row.returned_at = Some(*at_ms);
        }
    } else if sight.failing.is_empty() {
        row.closed_at = Some(now_ms);
    }
    // The test is valid at every look, and so is its strongest one: devices that
    // heal take nothing away from it.
    let stronger = |p: f64| row.p_value.is_none_or(|kept| p < kept);
    if sight.called && sight.p_value.is_some_and(stronger) {
        row.usual_rate = sight.usual_rate;
        row.p_value = sight.p_value;
    }
    row.since_at = sight.since_ms.min(row.since_at);
    row.failed = sight.failing.len() as u64;
    row.ever_failed = sight.ever_failed;
    row.healed = sight.healed;
    row.tried = sight.tried;
    let life = life_word(life(&row, sight, now_ms));
    life.clone_into(&mut row.life);
    row.revised_at = now_ms;
    row
}

fn life(row: &ClusterRow, sight: &Sight, now_ms: i64) -> Life {
    if row.closed_at.is_some() {
        return Life::Closed;
    }
    if row.returned_at.is_some_and(|at| now_ms - at < FRESH_MS) {
        return Life::Returned;
    }
    if now_ms - row.called_at < FRESH_MS {
        return Life::New;
    }
    let joined_within = |span: i64| sight.failing.iter().any(|(_, at)| now_ms - at < span);
    let left = sight.last_healed_ms.is_some_and(|at| now_ms - at < CALM_MS);
    if joined_within(GROWTH_MS) {
        Life::Growing
    } else if left && !joined_within(CALM_MS) {
        Life::Fading
    } else {
        Life::Steady
    }
}

/// Stable name: the same KB, code and phase give the same name anywhere.
fn cluster_id(kb: &str, ending: Ending, generation: u32) -> String {
    let subject = format!("{kb}|{:08x}|{}", ending.kept_code(), ending.phase);
    format!(
        "{}-{generation}",
        short_hex(&Sha256::digest(subject.as_bytes()))
    )
}

/// The word in tables.
pub(crate) fn life_word(life: Life) -> &'static str {
    match life {
        Life::New => "new",
        Life::Growing => "growing",
        Life::Steady => "steady",
        Life::Fading => "fading",
        Life::Closed => "closed",
        Life::Returned => "returned",
    }
}

/// The stage that a word names.
pub(crate) fn life_of(word: &str) -> Life {
    match word {
        "growing" => Life::Growing,
        "steady" => Life::Steady,
        "fading" => Life::Fading,
        "closed" => Life::Closed,
        "returned" => Life::Returned,
        _ => Life::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kbwatch_proto::words::Phase;

    const ENDING: Ending = Ending {
        hresult: Some(0x800f_0985),
        phase: Phase::Install,
    };

    fn sight(called: bool, failing: &[i64]) -> Sight {
        Sight {
            kb: "KB5022286".into(),
            ending: ENDING,
            called,
            usual_rate: called.then_some(0.002),
            p_value: called.then_some(1e-9),
            failing: failing.iter().copied().enumerate().collect(),
            ever_failed: failing.len() as u64,
            healed: 0,
            last_healed_ms: None,
            tried: 100,
            since_ms: failing.first().copied().unwrap_or_default(),
        }
    }

    #[test]
    fn a_cluster_stays_open_without_evidence_until_its_last_device_leaves() {
        let mut judge = Judge::default();
        assert!(judge.judge(&sight(false, &[1, 2, 3]), 10).is_none());
        let id = judge
            .judge(&sight(true, &[1, 2, 3]), 20)
            .unwrap()
            .cluster_id
            .clone();
        let open = judge.judge(&sight(false, &[3]), 30).unwrap();
        assert_eq!(
            (open.closed_at, open.cluster_id.as_str()),
            (None, id.as_str())
        );
        let closed = judge.judge(&sight(false, &[]), 40).unwrap();
        assert_eq!(closed.closed_at, Some(40));
        assert_eq!(life_of(&closed.life), Life::Closed);
    }

    #[test]
    fn a_closed_cluster_returns_under_its_name_when_devices_fail_anew() {
        let mut judge = Judge::default();
        let id = judge
            .judge(&sight(true, &[1, 2, 3]), 20)
            .unwrap()
            .cluster_id
            .clone();
        judge.judge(&sight(false, &[]), 40);
        let one = judge.judge(&sight(false, &[50]), 60).unwrap();
        assert_eq!(life_of(&one.life), Life::Closed, "one device is no return");
        let back = judge.judge(&sight(false, &[50, 51, 52]), 70).unwrap();
        assert_eq!(life_of(&back.life), Life::Returned);
        assert_eq!(back.cluster_id, id);
    }

    #[test]
    fn a_return_that_was_not_kept_is_the_same_return_when_seen_again() {
        let mut judge = Judge::default();
        judge.judge(&sight(true, &[1, 2, 3]), 20);
        judge.judge(&sight(false, &[]), 40);
        let kept: Vec<ClusterRow> = judge.rows().cloned().collect();
        let returned = |mut judge: Judge, now_ms| {
            let row = judge.judge(&sight(false, &[52, 50, 51]), now_ms).cloned();
            row.unwrap().returned_at
        };
        let first = returned(Judge::remember(kept.clone()), 70);
        assert_eq!(first, Some(52));
        assert_eq!(returned(Judge::remember(kept), 10 * 60_000), first);
    }

    #[test]
    fn the_evidence_of_the_strongest_look_stays_when_devices_heal() {
        let mut judge = Judge::default();
        judge.judge(&sight(true, &[1, 2, 3]), 20);
        let stronger = Sight {
            usual_rate: Some(0.003),
            p_value: Some(1e-12),
            ..sight(true, &[1, 2, 3, 4])
        };
        judge.judge(&stronger, 30);
        judge.judge(&sight(true, &[1, 2]), 40);
        let row = judge.judge(&sight(false, &[1]), 50).unwrap();
        assert_eq!((row.usual_rate, row.p_value), (Some(0.003), Some(1e-12)));
    }

    #[test]
    fn a_restart_changes_no_name() {
        let mut judge = Judge::default();
        judge.judge(&sight(true, &[1, 2, 3]), 20);
        let rows: Vec<ClusterRow> = judge.rows().cloned().collect();
        let mut again = Judge::remember(rows.clone());
        let row = again.judge(&sight(false, &[1, 2, 3]), 30).unwrap();
        assert_eq!(row.cluster_id, rows[0].cluster_id);
        assert_eq!(row.called_at, 20);
    }

    #[test]
    fn a_cluster_grows_then_steadies_then_fades() {
        let mut judge = Judge::default();
        judge.judge(&sight(true, &[0, 1, 2]), 0);
        let grown = judge
            .judge(&sight(true, &[0, 1, 2, HOUR_MS]), 2 * HOUR_MS)
            .unwrap();
        assert_eq!(life_of(&grown.life), Life::Growing);
        let calm = judge.judge(&sight(true, &[0, 1, 2]), 40 * HOUR_MS).unwrap();
        assert_eq!(life_of(&calm.life), Life::Steady);
        let mut leaving = sight(true, &[0, 1]);
        leaving.last_healed_ms = Some(40 * HOUR_MS);
        let fading = judge.judge(&leaving, 41 * HOUR_MS).unwrap();
        assert_eq!(life_of(&fading.life), Life::Fading);
    }
}
