//! Every rollout's target list, held in memory, and how far each is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::status::{Known, Target, TargetState, state_of, sum_up};
use crate::attempts::Outcome;
use crate::board::{Board, Standing};
use crate::fleet::{Device, Fleet};
use crate::kb::Build;
use crate::keep::{ReleaseRow, RolloutRow};
use crate::load::LoadError;
use crate::load::memory::{Declared, read_targets};
use crate::picture::{is_silent, rate};
use crate::view::RolloutStatus;

const HOUR_MS: i64 = 3_600_000;

/// Rollouts and their target lists.
#[derive(Debug, Default)]
pub(crate) struct Rollouts {
    declared: Vec<RolloutRow>,
    releases: Vec<ReleaseRow>,
    /// By rollout: the import that was read, and its lines.
    targets: HashMap<String, (String, Vec<Target>)>,
}

/// How far one rollout is.
pub(crate) struct Progress {
    pub(crate) status: RolloutStatus,
    /// State of every target, to be kept.
    pub(crate) states: Vec<(String, String, TargetState)>,
}

/// What is known of the fleet.
pub(crate) struct Sea<'a, 'b> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) boards: &'b [Board<'a>],
    pub(crate) now_ms: i64,
    pub(crate) presence_limit_ms: i64,
}

impl Rollouts {
    /// Takes over what was declared; reads target lists that changed.
    pub(crate) async fn refresh(
        &mut self,
        client: &clickhouse::Client,
        declared: &Declared,
    ) -> Result<(), LoadError> {
        for rollout in &declared.rollouts {
            let read = self.targets.get(&rollout.rollout);
            if read.is_some_and(|(import, _)| *import == rollout.import_id) {
                continue;
            }
            let rows = read_targets(client, rollout).await?;
            let targets = rows.into_iter().map(|row| Target {
                device_id: row.device_id,
                ring: row.ring,
                excluded: !row.excluded.is_empty(),
            });
            let list = (rollout.import_id.clone(), targets.collect());
            self.targets.insert(rollout.rollout.clone(), list);
        }
        self.declared.clone_from(&declared.rollouts);
        self.releases.clone_from(&declared.releases);
        // Newest first, on screens and where two lists name a device's ring.
        self.declared
            .sort_by(|a, b| (b.imported_at, &b.rollout).cmp(&(a.imported_at, &a.rollout)));
        Ok(())
    }

    /// Rings by device id; the newest list that names a ring counts.
    pub(crate) fn rings(&self) -> HashMap<String, String> {
        let mut rings: HashMap<String, String> = HashMap::new();
        for rollout in &self.declared {
            let lists = self.targets.get(&rollout.rollout);
            for target in lists.into_iter().flat_map(|(_, targets)| targets) {
                if !target.ring.is_empty() && !rings.contains_key(&target.device_id) {
                    rings.insert(target.device_id.clone(), target.ring.clone());
                }
            }
        }
        rings
    }

    /// Devices on the target lists of a KB, without those that a person took
    /// out; `None` where no list is for it.
    pub(crate) fn listed(&self, kb: &str) -> Option<HashSet<&str>> {
        let releases = self.releases.iter().filter(|row| row.kb == kb);
        let releases: HashSet<&str> = releases.map(|row| row.release.as_str()).collect();
        let for_kb = self
            .declared
            .iter()
            .filter(|rollout| releases.contains(rollout.release.as_str()));
        let lists: Vec<_> = for_kb
            .filter_map(|rollout| self.targets.get(&rollout.rollout))
            .collect();
        let targets = lists.iter().flat_map(|(_, targets)| targets);
        let ids = targets
            .filter(|target| !target.excluded)
            .map(|target| target.device_id.as_str());
        (!lists.is_empty()).then(|| ids.collect())
    }

    /// How far every rollout is, newest first.
    pub(crate) fn progress(&self, sea: &Sea<'_, '_>) -> Vec<Progress> {
        let rollouts = self.declared.iter();
        rollouts.map(|rollout| self.one(rollout, sea)).collect()
    }

    fn one(&self, rollout: &RolloutRow, sea: &Sea<'_, '_>) -> Progress {
        let of_release = |row: &&ReleaseRow| row.release == rollout.release;
        let releases: Vec<&ReleaseRow> = self.releases.iter().filter(of_release).collect();
        let targets = self.targets.get(&rollout.rollout);
        let targets = targets.map_or(&[][..], |(_, targets)| targets);
        let standings = standings(&releases, sea);
        let mut states = Vec::with_capacity(targets.len());
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        let mut on_list: Vec<&Standing<'_>> = Vec::new();
        for target in targets {
            let device = sea.fleet.find(&target.device_id);
            let standing = standings.get(target.device_id.as_str()).copied();
            let known = device.map(|device| known(device, standing, &releases, sea));
            let state = state_of(target, known);
            if state == TargetState::Compliant {
                let at = compliant_since(device, standing, known, sea).unwrap_or(sea.now_ms);
                *hours.entry(at.div_euclid(HOUR_MS) * HOUR_MS).or_default() += 1;
            }
            on_list.extend(standing.filter(|_| !target.excluded));
            states.push((target.device_id.clone(), target.ring.clone(), state));
        }
        let (rows, rings) = sum_up(
            states
                .iter()
                .map(|(_, ring, state)| (ring.as_str(), *state)),
        );
        let so_far = RolloutStatus {
            name: rollout.rollout.clone(),
            release: rollout.release.clone(),
            kbs: releases
                .iter()
                .map(|row| (row.family.to_string(), row.kb.clone()))
                .collect(),
            targets: targets.len() as u64,
            rows,
            rings: rings.into_iter().collect(),
            rate: rate(on_list.into_iter()),
            progress: cumulative(hours),
        };
        Progress {
            status: so_far,
            states,
        }
    }
}

/// Devices that began a KB of the release, by id.
fn standings<'b, 'a>(
    releases: &[&ReleaseRow],
    sea: &Sea<'a, 'b>,
) -> HashMap<&'b str, &'b Standing<'a>> {
    let of_release = |board: &&Board<'_>| releases.iter().any(|row| row.kb == board.kb);
    let boards = sea.boards.iter().filter(of_release);
    let standings = boards.flat_map(|board| &board.standings);
    standings
        .map(|standing| (standing.device.id.as_ref(), standing))
        .collect()
}

fn known(
    device: &Device,
    standing: Option<&Standing<'_>>,
    releases: &[&ReleaseRow],
    sea: &Sea<'_, '_>,
) -> Known {
    let level = device.level_now(&sea.fleet.words);
    let wanted = level.and_then(|level| {
        let builds = releases.iter().map(|row| Build {
            family: row.family,
            revision: row.revision,
        });
        let mut same = builds.filter(|build| build.same_family(level));
        same.next()
    });
    let outcome = standing.map(|standing| standing.latest.1);
    Known {
        level,
        wanted,
        verified: outcome == Some(Outcome::Succeeded),
        silent: is_silent(device, sea.now_ms, sea.presence_limit_ms),
        outcome,
    }
}

/// When the device came to the release: by its verified attempt, else by the
/// first reading of its level.
fn compliant_since(
    device: Option<&Device>,
    standing: Option<&Standing<'_>>,
    known: Option<Known>,
    sea: &Sea<'_, '_>,
) -> Option<i64> {
    let verified = standing.filter(|standing| standing.latest.1 == Outcome::Succeeded);
    if let Some(standing) = verified {
        return Some(standing.latest.0.ended_at_ms);
    }
    let wanted = known?.wanted?;
    let levels = device?.levels(&sea.fleet.words);
    let first = levels.iter().find(|level| level.build.covers(wanted));
    first.map(|level| level.observed_at_ms)
}

fn cumulative(hours: BTreeMap<i64, u64>) -> Vec<(i64, u64)> {
    let mut sum = 0;
    let points = hours.into_iter().map(|(hour, devices)| {
        sum += devices;
        (hour, sum)
    });
    points.collect()
}
