//! The life of clusters: called once, followed until no device fails so any
//! more, and named the same across cycles and restarts.
//!
//! Hysteresis: it takes the full evidence to call a cluster, and only the last
//! device's leaving to close it; a closed one returns when a few devices fail
//! again, without that evidence being asked for again. When they failed does not
//! matter: logs of an hour long past may arrive late. Devices that take no part
//! any more, and those that nobody hears of, hold no cluster open.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::damage::short_hex;
use crate::find::Ending;
use crate::keep::ClusterRow;
use crate::view::Life;

const HOUR_MS: i64 = 3_600_000;

/// A cluster is new for this long, and returned for as long.
const FRESH_MS: i64 = HOUR_MS;

/// Devices that began to fail so within this time make it grow.
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
    /// Devices that fail so now.
    pub(crate) failing: Vec<Fails>,
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

/// A device that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fails {
    /// Its first such failure since it last succeeded.
    pub(crate) since_ms: i64,
    /// It takes part and was heard of lately: a cluster stays open for it.
    pub(crate) holds: bool,
}

impl Sight {
    /// Since when the devices fail that hold a cluster open, earliest first.
    fn held_since(&self) -> Vec<i64> {
        let holding = self.failing.iter().filter(|one| one.holds);
        let mut since: Vec<i64> = holding.map(|one| one.since_ms).collect();
        since.sort_unstable();
        since
    }
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
            None if sight.called && !sight.held_since().is_empty() => begin(sight, 1, now_ms),
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
    let held_since = sight.held_since();
    if let Some(closed_at) = row.closed_at {
        // At the closing no device held it: all that do now are back or new.
        let again = held_since.get(RETURNS_FROM - 1);
        if now_ms - closed_at > MEMORY_MS {
            return if sight.called && again.is_some() {
                begin(sight, row.generation + 1, now_ms)
            } else {
                row
            };
        }
        // The failure that makes it return, not the clock, dates the return:
        // seen again after a restart it is the same one, with the same alert.
        if let Some(at_ms) = again {
            row.closed_at = None;
            row.returned_at = Some((*at_ms).max(closed_at + 1));
        }
    } else if held_since.is_empty() {
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
    let mut since = sight.failing.iter().map(|one| one.since_ms);
    let last_joined = since.next().map(|first| since.fold(first, i64::max));
    let joined_within = |span: i64| last_joined.is_some_and(|at| now_ms - at < span);
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
mod tests;
