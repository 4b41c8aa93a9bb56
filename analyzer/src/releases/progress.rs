//! How far a rollout is: where each target stands, what is said of its rings,
//! and when it will be through.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::calendar::{Calendar, Turn, Whom};
use super::exceptions::{lines, of_rollout};
use super::forecast::{AgeCurve, Progressed, forecast};
use super::status::{Known, Planned, Target, TargetState, state_of, sum_up};
use super::verdict::{Counted, Grounds, VerdictBook, evidence, judge};
use crate::attempts::Outcome;
use crate::board::{Board, Standing};
use crate::config::VerdictRules;
use crate::fleet::{Device, Fleet};
use crate::kb::Build;
use crate::keep::{ReleaseRow, RolloutRow};
use crate::load::memory::Declared;
use crate::picture::{is_silent, rate};
use crate::view::{Cluster, KbStatus, RingVerdict, RolloutStatus};

const HOUR_MS: i64 = 3_600_000;

/// An update counts as earlier if it began at least this long before.
const A_WEEK_MS: i64 = 7 * 24 * HOUR_MS;

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
    pub(crate) kbs: &'b [KbStatus],
    pub(crate) clusters: &'b [Cluster],
    pub(crate) declared: &'b Declared,
    pub(crate) calendar: &'b Calendar,
    pub(crate) rules: VerdictRules,
    pub(crate) now_ms: i64,
    pub(crate) data_at_ms: i64,
    pub(crate) presence_limit_ms: i64,
}

/// How far a rollout is; `releases` of all rollouts.
pub(super) fn progress_of(
    rollout: &RolloutRow,
    (releases, targets): (&[ReleaseRow], &[Target]),
    sea: &Sea<'_, '_>,
    book: &mut VerdictBook,
) -> Progress {
    let of_release = |row: &&ReleaseRow| row.release == rollout.release;
    let releases: Vec<&ReleaseRow> = releases.iter().filter(of_release).collect();
    let excused = of_rollout(&sea.declared.exceptions, &rollout.rollout);
    let standings = standings(&releases, sea);
    let places: Vec<Place<'_, '_>> = targets
        .iter()
        .map(|target| {
            let standing = standings.get(target.device_id.as_str()).copied();
            let ends = excused
                .get(target.device_id.as_str())
                .map(|row| row.until_at);
            place(target, standing, &releases, (ends, sea))
        })
        .collect();
    let (rows, rings) = sum_up(places.iter().map(|at| (at.target.ring.as_str(), at.state)));
    let on_list = places.iter().filter(|at| !at.target.excluded);
    let kbs: BTreeSet<&str> = releases.iter().map(|row| row.kb.as_str()).collect();
    let status = RolloutStatus {
        name: rollout.rollout.clone(),
        release: rollout.release.clone(),
        kbs: releases
            .iter()
            .map(|row| (row.family.to_string(), row.kb.clone()))
            .collect(),
        targets: targets.len() as u64,
        rows,
        rings: rings.into_iter().collect(),
        rate: rate(on_list.filter_map(|at| at.standing)),
        progress: cumulative(&places),
        verdicts: verdicts(rollout, &places, &kbs, (sea, book)),
        exceptions: lines(&excused, sea.now_ms),
        forecast: forecast(&standing_now(&places, sea.now_ms), &curves(&kbs, sea)),
    };
    let state = |at: &Place<'_, '_>| {
        (
            at.target.device_id.clone(),
            at.target.ring.clone(),
            at.state,
        )
    };
    Progress {
        status,
        states: places.iter().map(state).collect(),
    }
}

/// One target and all that is known of it.
struct Place<'b, 'a> {
    target: &'b Target,
    state: TargetState,
    standing: Option<&'b Standing<'a>>,
    class: &'b str,
    branch: &'b str,
    /// When it came to the release, if it did.
    done_at_ms: Option<i64>,
    /// When its next window begins, if it waits for one.
    opens_ms: Option<i64>,
}

fn place<'b, 'a>(
    target: &'b Target,
    standing: Option<&'b Standing<'a>>,
    releases: &[&ReleaseRow],
    (excused_until, sea): (Option<i64>, &Sea<'b, 'b>),
) -> Place<'b, 'a> {
    let device = sea.fleet.find(&target.device_id);
    let says = |key: &str| {
        let facts = device.and_then(Device::facts_now);
        facts.map_or("", |facts| sea.fleet.words.value(facts, key))
    };
    let whom = Whom {
        ring: &target.ring,
        branch: says("branch"),
        class: says("class"),
    };
    let opens_ms = match sea.calendar.turn(whom, sea.now_ms) {
        Turn::Waits(begin) => Some(begin),
        Turn::Any | Turn::Open => None,
    };
    let known = device.map(|device| known(device, standing, releases, sea));
    let planned = Planned {
        excused: excused_until.is_some_and(|until| until > sea.now_ms),
        waits: opens_ms.is_some(),
    };
    let state = state_of(target, known, planned);
    let done = state == TargetState::Compliant;
    let since = || compliant_since(device, standing, known, sea).unwrap_or(sea.now_ms);
    Place {
        target,
        state,
        standing,
        class: whom.class,
        branch: whom.branch,
        done_at_ms: done.then(since),
        opens_ms: opens_ms.filter(|_| state == TargetState::WaitingWindow),
    }
}

/// What is said of each ring, given anew where it changed.
fn verdicts(
    rollout: &RolloutRow,
    places: &[Place<'_, '_>],
    kbs: &BTreeSet<&str>,
    (sea, book): (&Sea<'_, '_>, &mut VerdictBook),
) -> Vec<RingVerdict> {
    let of_release = sea.kbs.iter().filter(|kb| kbs.contains(kb.kb.as_str()));
    let of_release: Vec<KbStatus> = of_release.cloned().collect();
    let grounds = Grounds {
        release: &rollout.release,
        kbs: &of_release,
        clusters: sea.clusters,
        rules: sea.rules,
        now_ms: sea.now_ms,
        data_at_ms: sea.data_at_ms,
    };
    let counted = places.iter().filter(|at| at.state.is_reachable());
    let counted: Vec<Counted<'_, '_>> = counted
        .map(|at| Counted {
            ring: &at.target.ring,
            standing: at.standing,
            class: at.class,
            branch: at.branch,
        })
        .collect();
    let rings = evidence(&counted, kbs, grounds);
    let name = rollout.rollout.as_str();
    let said = rings.into_iter().map(|(ring, mut evidence)| {
        let before = book.last(name, &ring, &rollout.release);
        let verdict = judge(&mut evidence, before, sea.rules.margin);
        book.note(name, &ring, (verdict, &evidence), sea.now_ms);
        book.shown(name, &ring, (verdict, evidence), &sea.declared.decisions)
    });
    said.collect()
}

fn standing_now(places: &[Place<'_, '_>], now_ms: i64) -> Progressed {
    let reachable = places.iter().filter(|at| at.state.is_reachable());
    let begun = reachable
        .clone()
        .filter_map(|at| at.standing?.attempts.first());
    let mut windows_ms: Vec<i64> = places.iter().filter_map(|at| at.opens_ms).collect();
    windows_ms.sort_unstable();
    Progressed {
        reachable: reachable.clone().count() as u64,
        done: reachable.filter(|at| at.done_at_ms.is_some()).count() as u64,
        begun_at_ms: begun.map(|(attempt, _)| attempt.started_at_ms).min(),
        windows_ms,
        now_ms,
    }
}

/// How the updates before the release went, of its own kind and families.
fn curves(kbs: &BTreeSet<&str>, sea: &Sea<'_, '_>) -> Vec<AgeCurve> {
    let of_release: Vec<&Board<'_>> = sea
        .boards
        .iter()
        .filter(|board| kbs.contains(board.kb))
        .collect();
    let Some(first_ms) = of_release.iter().map(|board| board.first_started_ms).min() else {
        return Vec::new();
    };
    let earlier = sea.boards.iter().filter(|board| {
        let like = |of: &&Board<'_>| of.kind == board.kind;
        !kbs.contains(board.kb)
            && of_release.iter().any(like)
            && board.first_started_ms + A_WEEK_MS <= first_ms
    });
    earlier.filter_map(AgeCurve::of).collect()
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
    // What it reads of itself since has the last word.
    let below = wanted.zip(standing).is_some_and(|(wanted, standing)| {
        let last = device.last_level(&sea.fleet.words);
        let since = last.filter(|level| level.is_well_after(standing.latest.0.ended_at_ms));
        wanted.revision > 0 && since.is_some_and(|level| !level.build.covers(wanted))
    });
    Known {
        level,
        wanted,
        verified: standing.is_some_and(stands_verified) && !below,
        silent: is_silent(device, sea.now_ms, sea.presence_limit_ms),
        outcome,
    }
}

fn stands_verified(standing: &Standing<'_>) -> bool {
    standing.latest.1 == Outcome::Succeeded && !standing.taken_back
}

/// When the device came to the release: by its verified attempt, else by the
/// first reading of its level.
fn compliant_since(
    device: Option<&Device>,
    standing: Option<&Standing<'_>>,
    known: Option<Known>,
    sea: &Sea<'_, '_>,
) -> Option<i64> {
    let verified = standing.filter(|standing| stands_verified(standing));
    if let Some(standing) = verified {
        return Some(standing.latest.0.ended_at_ms);
    }
    let wanted = known?.wanted?;
    let levels = device?.levels(&sea.fleet.words);
    let first = levels.iter().find(|level| level.build.covers(wanted));
    first.map(|level| level.observed_at_ms)
}

/// Targets that were done, hour by hour.
fn cumulative(places: &[Place<'_, '_>]) -> Vec<(i64, u64)> {
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for at_ms in places.iter().filter_map(|at| at.done_at_ms) {
        *hours
            .entry(at_ms.div_euclid(HOUR_MS) * HOUR_MS)
            .or_default() += 1;
    }
    let mut sum = 0;
    let points = hours.into_iter().map(|(hour, devices)| {
        sum += devices;
        (hour, sum)
    });
    points.collect()
}
