//! From a cluster's figures down to devices and their records.
//!
//! Every device that a cluster counts, made anew from what is stored: whether
//! it failed so, healed, what of it is broken, which facts it had before, and
//! the ids of the records that say so. Counting these gives the figures.

use std::collections::{BTreeMap, HashMap};

use clickhouse::Row;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::Phase;
use serde::{Deserialize, Serialize};

use super::rows::FactsRow;
use super::{Asking, LoadError, Reader};
use crate::attempts::{Attempt, KbAttempts, Outcome, Stand};
use crate::facts::Words;
use crate::fleet::Fleet;
use crate::kb::{Build, UpdateKind};
use crate::keep::AttemptTuple;

/// Most devices of one answer.
pub const MAX_TRACED: usize = 2_000;

/// How long before its begin and after its end a failure owns records of damage.
const DAMAGE_MS: (i64, i64) = (60_000, 7 * 24 * 3_600_000);

/// Of which cluster, and from which device on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traced<'a> {
    pub(crate) kb: &'a str,
    /// Final code; `None` where the cluster's failures state none.
    pub(crate) hresult: Option<u32>,
    pub(crate) phase: &'a str,
    /// Devices after this one, by id.
    pub(crate) after: &'a str,
}

/// One device that began to install a cluster's KB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct TracedDevice {
    /// Identity.
    pub device_id: String,
    /// Outcome of its latest closed attempt, which counts; empty without one.
    pub outcome: String,
    /// An attempt of it ended as the cluster says.
    pub ever_failed: bool,
    /// It did, and the latest attempt succeeded.
    pub healed: bool,
    /// Attempts that ended so.
    pub failures: u32,
    /// When the first and the last of these ended.
    pub failed_at_ms: Option<(i64, i64)>,
    /// Records that say so: of those failures, else of the attempt that counts.
    pub evidence: Vec<String>,
    /// Component files that its records call broken.
    pub broken: Vec<BrokenRecord>,
    /// Facts from before its first failure of this kind, else from before the
    /// attempt that counts; the ring is that of the server's list where there is
    /// one.
    pub facts: BTreeMap<String, String>,
}

/// A record that calls a component file broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct BrokenRecord {
    /// Its id.
    pub event_id: String,
    /// Component as printed.
    pub component: String,
    /// File as printed.
    pub file: String,
}

#[derive(Row, Deserialize)]
struct Columns {
    device_id: String,
    kb: String,
    build: String,
    ring: String,
    outcome: String,
    closed_outcome: String,
    attempts: Vec<AttemptTuple>,
}

#[derive(Row, Deserialize)]
struct DamageColumns {
    device_id: String,
    event_id: [u8; 16],
    component: String,
    file: String,
    at_ms: i64,
}

impl Reader {
    /// Devices that a cluster's figures are counted from, by id,
    /// [`MAX_TRACED`] at most.
    pub(crate) async fn traced(&self, of: Traced<'_>) -> Result<Vec<TracedDevice>, LoadError> {
        let query = self.client().query(
            "SELECT DISTINCT toString(device_id) AS id FROM device_attempts FINAL \
             WHERE kb = ? AND device_id > ? ORDER BY id LIMIT ?",
        );
        let query = query.bind(of.kb).bind(of.after).bind(MAX_TRACED);
        let ids: Vec<String> = query.fetch_all().await.asking("devices of a cluster")?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.standing(&ids).await?;
        let mut fleet = self.facts_of(&ids).await?;
        let mut broken = self.damage_of(&ids).await?;
        let mut by_device: BTreeMap<String, Vec<Columns>> = BTreeMap::new();
        for row in rows {
            by_device
                .entry(row.device_id.clone())
                .or_default()
                .push(row);
        }
        let devices = by_device.into_iter().filter_map(|(id, rows)| {
            let damage = broken.remove(&id).unwrap_or_default();
            traced(&mut fleet, &rows, damage, of)
        });
        Ok(devices.collect())
    }

    async fn standing(&self, ids: &[String]) -> Result<Vec<Columns>, LoadError> {
        let query = self.client().query(
            "SELECT toString(device_id) AS device_id, toString(kb) AS kb, \
             toString(build) AS build, toString(ring) AS ring, toString(outcome) AS outcome, \
             toString(closed_outcome) AS closed_outcome, attempts \
             FROM device_attempts FINAL WHERE device_id IN ?",
        );
        let rows = query.bind(ids).fetch_all().await;
        rows.asking("attempts of a cluster")
    }

    async fn facts_of(&self, ids: &[String]) -> Result<Fleet, LoadError> {
        let query = self.client().query(
            "SELECT toString(device_id) AS device_id, \
             toUnixTimestamp64Milli(observed_at) AS observed_ms, \
             CAST(facts, 'Array(Tuple(String, String))') AS facts FROM device_facts FINAL \
             WHERE device_id IN ? ORDER BY device_id, observed_at, revision",
        );
        let rows: Vec<FactsRow> = query
            .bind(ids)
            .fetch_all()
            .await
            .asking("facts of a cluster")?;
        let mut fleet = Fleet::default();
        for row in rows {
            let number = fleet.number(&row.device_id);
            let pairs = row
                .facts
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            let facts = fleet.words.facts(pairs);
            if let Some(device) = fleet.devices.get_mut(number) {
                device.take_facts(row.observed_ms, facts);
            }
        }
        Ok(fleet)
    }

    async fn damage_of(
        &self,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<DamageColumns>>, LoadError> {
        let query = self.client().query(
            "SELECT toString(device_id) AS device_id, event_id, component, file, \
             toUnixTimestamp64Milli(coalesce(occurred_at, printed_at)) AS at_ms \
             FROM update_events FINAL WHERE device_id IN ? AND NOT noise \
             AND (result IN ('hash_mismatch', 'corrupt_unrepaired') \
                  OR (result = 'fail' AND phase = 'hydrate')) \
             AND (component != '' OR file != '') ORDER BY device_id, at_ms, event_id",
        );
        let rows: Vec<DamageColumns> = query
            .bind(ids)
            .fetch_all()
            .await
            .asking("damage of a cluster")?;
        let mut by_device: HashMap<String, Vec<DamageColumns>> = HashMap::new();
        for row in rows {
            by_device
                .entry(row.device_id.clone())
                .or_default()
                .push(row);
        }
        Ok(by_device)
    }
}

/// One device out of its rows; `None` where none is of the cluster's KB.
fn traced(
    fleet: &mut Fleet,
    rows: &[Columns],
    damage: Vec<DamageColumns>,
    of: Traced<'_>,
) -> Option<TracedDevice> {
    let row = rows.iter().find(|row| row.kb == of.kb)?;
    let ended_so = |attempt: &&AttemptTuple| {
        is_failure(attempt)
            && attempt.4.filter(|code| *code != 0) == of.hresult
            && attempt.3 == of.phase
    };
    let failures: Vec<&AttemptTuple> = row.attempts.iter().filter(ended_so).collect();
    let latest_first = || row.attempts.iter().rev().filter(|attempt| !attempt.5);
    let closed =
        |attempt: &&AttemptTuple| is_failure(attempt) || attempt.2 == Outcome::Succeeded.as_str();
    let counted = latest_first().find(closed).or(latest_first().next())?;
    let says: Vec<&AttemptTuple> = match failures.as_slice() {
        [] => vec![counted],
        failures => failures.to_vec(),
    };
    let evidence = says.iter().flat_map(|attempt| &attempt.6);
    // A record of damage belongs to one failure: the latest that had begun.
    let of_any_kb = || {
        let rows = rows.iter();
        rows.flat_map(|row| row.attempts.iter().map(|attempt| (&row.kb, attempt)))
    };
    let owned = |record: &DamageColumns| {
        let near = of_any_kb().filter(|(_, one)| is_failure(one) && owns(one, record));
        let latest = near.max_by_key(|(kb, one)| (one.0, std::cmp::Reverse(*kb)));
        latest.is_some_and(|(_, latest)| failures.iter().any(|one| std::ptr::eq(*one, latest)))
    };
    let number = fleet.number(&row.device_id);
    let Fleet { words, devices, .. } = fleet;
    let device = devices.get_mut(number)?;
    device.kbs = rows.iter().map(kb_attempts).collect();
    let telling = failures.first().copied().unwrap_or(counted);
    let facts = device.facts_before(telling.0, words);
    let mut facts = spelled(&facts, words);
    if !row.ring.is_empty() {
        facts.insert("ring".to_owned(), row.ring.clone());
    }
    let ends = failures.iter().map(|attempt| attempt.1);
    Some(TracedDevice {
        device_id: row.device_id.clone(),
        outcome: row.closed_outcome.clone(),
        ever_failed: !failures.is_empty(),
        healed: !failures.is_empty() && row.outcome == Outcome::Succeeded.as_str(),
        failures: u32::try_from(failures.len()).unwrap_or(u32::MAX),
        failed_at_ms: ends.clone().min().zip(ends.max()),
        evidence: evidence.map(|id| EventId(*id).to_string()).collect(),
        broken: damage
            .into_iter()
            .filter(owned)
            .map(broken_record)
            .collect(),
        facts,
    })
}

fn owns(attempt: &AttemptTuple, record: &DamageColumns) -> bool {
    record.at_ms >= attempt.0 - DAMAGE_MS.0 && record.at_ms <= attempt.1 + DAMAGE_MS.1
}

fn broken_record(row: DamageColumns) -> BrokenRecord {
    BrokenRecord {
        event_id: EventId(row.event_id).to_string(),
        component: row.component,
        file: row.file,
    }
}

fn is_failure(attempt: &AttemptTuple) -> bool {
    outcome(&attempt.2).is_some_and(Outcome::is_failure)
}

fn outcome(word: &str) -> Option<Outcome> {
    let mut all = Outcome::ALL.into_iter();
    all.find(|outcome| outcome.as_str() == word)
}

/// Attempts as far as levels are told by them.
fn kb_attempts(row: &Columns) -> KbAttempts {
    let attempts = row.attempts.iter().map(|attempt| Attempt {
        started_at_ms: attempt.0,
        ended_at_ms: attempt.1,
        stand: outcome(&attempt.2).map_or(Stand::Open, Stand::Closed),
        phase: attempt.3.parse::<Phase>().unwrap_or_default(),
        hresult: attempt.4,
        benign: attempt.5,
        evidence: Vec::new(),
        broken: Vec::new(),
    });
    KbAttempts {
        kb: row.kb.clone(),
        build: Build::parse(&row.build),
        kind: UpdateKind::Other,
        title: String::new(),
        attempts: attempts.collect(),
        removed_at_ms: None,
    }
}

fn spelled(facts: &crate::facts::Facts, words: &Words) -> BTreeMap<String, String> {
    let pairs = facts.iter();
    pairs
        .map(|(key, value)| (words.text(*key).to_owned(), words.text(*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
