//! Joins one device's records into attempts.
//!
//! Records are sorted by time before anything looks at them, so late,
//! duplicate and out-of-order arrival cannot matter.

use std::collections::{BTreeMap, HashMap, HashSet};

use kbwatch_proto::words::{EventResult, Phase};

use super::KbAttempts;
use super::build::Building;
use super::damage::attach_damage;
use super::record::Record;
use super::sign::{Sign, sign_of};
use super::verify::verify;
use crate::kb::{Build, KbTable, rollup_build};

/// Level of the device as a revision of its facts states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    /// When the device read it.
    pub observed_at_ms: i64,
    /// Build and UBR.
    pub build: Build,
}

/// A level and a verdict are read at different times.
const LAGS_MS: i64 = 3_600_000;

impl Level {
    /// Read so long after `at_ms` that it tells of the time since.
    pub(crate) fn is_well_after(&self, at_ms: i64) -> bool {
        self.observed_at_ms > at_ms + LAGS_MS
    }
}

/// What a join knows besides the device's own records.
#[derive(Debug, Clone, Copy)]
pub struct Knowledge<'a> {
    /// KB ↔ build.
    pub kbs: &'a KbTable,
    /// KBs that nobody wants to see, such as virus signatures.
    pub ignored: &'a HashSet<String>,
}

/// One record with its meaning.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) record: &'a Record,
    pub(super) sign: Sign,
}

/// What belongs to one KB before it is cut into attempts.
#[derive(Default)]
struct Track<'a> {
    steps: Vec<Step<'a>>,
    build: Option<Build>,
    package: &'a str,
    title: &'a str,
    removed_at_ms: Option<i64>,
}

/// Joins the records of one device into attempts, KB by KB.
pub fn join(records: &[Record], levels: &[Level], knowledge: Knowledge<'_>) -> Vec<KbAttempts> {
    let records = in_order(records);
    let mut levels = levels.to_vec();
    levels.sort_unstable();
    let family = levels.last().map(|level| level.build.family);

    let tracks = tracks(&records, family, knowledge);
    let common: Vec<Step<'_>> = records.iter().filter_map(|r| device_step(r)).collect();
    let mut joined: Vec<KbAttempts> = tracks
        .into_iter()
        .filter_map(|(kb, track)| cut(kb, track, &common, &levels, knowledge.kbs))
        .collect();
    attach_damage(&records, &mut joined);
    joined
}

/// Each event once, the fullest reading of it, in time order.
fn in_order(records: &[Record]) -> Vec<&Record> {
    let mut best: HashMap<[u8; 16], &Record> = HashMap::with_capacity(records.len());
    for record in records {
        best.entry(record.event_id.0)
            .and_modify(|kept| {
                if record.version > kept.version {
                    *kept = record;
                }
            })
            .or_insert(record);
    }
    let mut records: Vec<&Record> = best.into_values().collect();
    records.sort_unstable_by_key(|record| (record.at_ms, record.event_id));
    records
}

fn tracks<'a>(
    records: &[&'a Record],
    family: Option<u32>,
    knowledge: Knowledge<'_>,
) -> BTreeMap<String, Track<'a>> {
    // A build that one log prints beside the KB helps the logs of this device
    // that print only the package.
    let printed: HashMap<Build, &str> = records
        .iter()
        .filter(|record| !record.kb.is_empty())
        .filter_map(|record| Some((rollup_build(&record.package)?, record.kb.as_str())))
        .collect();
    let builds: HashMap<&str, Build> = printed.iter().map(|(build, kb)| (*kb, *build)).collect();

    let mut tracks: BTreeMap<String, Track<'a>> = BTreeMap::new();
    for record in records {
        let Some(kb) = kb_of(record, &printed, knowledge.kbs) else {
            continue;
        };
        if knowledge.ignored.contains(&kb) {
            continue;
        }
        let build = builds
            .get(kb.as_str())
            .copied()
            .or_else(|| knowledge.kbs.build_of(&kb, family));
        let track = tracks.entry(kb).or_default();
        track.build = build;
        if !record.package.is_empty() {
            track.package = &record.package;
        }
        if !record.title.is_empty() {
            track.title = &record.title;
        }
        if record.phase == Phase::Uninstall && record.result == EventResult::Success {
            track.removed_at_ms = track.removed_at_ms.max(Some(record.at_ms));
        }
        if let Some(sign) = sign_of(record, build.is_some()) {
            track.steps.push(Step { record, sign });
        }
    }
    tracks
}

/// KB that a record speaks of.
fn kb_of(record: &Record, printed: &HashMap<Build, &str>, kbs: &KbTable) -> Option<String> {
    if !record.kb.is_empty() {
        return Some(record.kb.clone());
    }
    let build = rollup_build(&record.package);
    match build.and_then(|build| printed.get(&build)) {
        Some(kb) => Some((*kb).to_owned()),
        None => kbs.kb_of_package(&record.package),
    }
}

/// Shutdowns, boots and boot-time verdicts that name no package concern every
/// attempt that waits for them.
fn device_step(record: &Record) -> Option<Step<'_>> {
    let nameless = record.kb.is_empty() && record.package.is_empty();
    if !(nameless && record.phase == Phase::RebootCommit) {
        return None;
    }
    let sign = sign_of(record, true)?;
    Some(Step { record, sign })
}

fn cut(
    kb: String,
    track: Track<'_>,
    common: &[Step<'_>],
    levels: &[Level],
    kbs: &KbTable,
) -> Option<KbAttempts> {
    let mut steps: Vec<(bool, Step<'_>)> = track.steps.into_iter().map(|s| (false, s)).collect();
    steps.extend(common.iter().map(|step| (true, *step)));
    steps.sort_by_key(|(_, step)| (step.record.at_ms, step.sign, step.record.event_id));

    let mut done: Vec<Building> = Vec::new();
    let mut open: Option<Building> = None;
    for (common, step) in steps {
        if common {
            if let Some(open) = open.as_mut() {
                open.hear(step);
            }
            continue;
        }
        let at = match open.take() {
            Some(current) if !current.ended_before(step) => current,
            Some(ended) => {
                done.push(ended);
                Building::begin(step)
            }
            None if step.record.phase == Phase::Inventory => continue,
            None => Building::begin(step),
        };
        let mut current = at;
        current.take(step);
        open = Some(current);
    }
    done.extend(open);
    if done.is_empty() {
        return None;
    }
    let kind = kbs.kind_of(&kb, track.package);
    Some(KbAttempts {
        attempts: verify(done, track.build, levels),
        kb,
        build: track.build,
        kind,
        title: track.title.to_owned(),
        removed_at_ms: track.removed_at_ms,
    })
}
