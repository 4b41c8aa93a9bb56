//! What counts as success: one tested table.
//!
//! | update | verified by | corroborated by | not disproved by |
//! |---|---|---|---|
//! | cumulative | UBR at or past its build after the install, or package state Installed | event 19 | absence from lists, no event 19 |
//! | servicing stack, .NET, other | package state Installed, else event 19 | | |
//!
//! A UBR only moves at a boot, so a level that covers the build proves the boot.

use kbwatch_proto::words::Phase;

use super::build::{Building, Ending};
use super::join::Level;
use super::{Attempt, Outcome, Stand};
use crate::kb::Build;

/// Turns raw attempts of one KB, in time order, into judged ones.
pub(super) fn verify(done: Vec<Building>, build: Option<Build>, levels: &[Level]) -> Vec<Attempt> {
    let mut begins: Vec<i64> = done.iter().skip(1).map(|next| next.started_at_ms).collect();
    begins.push(i64::MAX);
    let mut attempts: Vec<Attempt> = done
        .into_iter()
        .zip(begins)
        .map(|(building, next_at_ms)| {
            let reached = build.and_then(|build| {
                let from = building.started_at_ms;
                let mut after = levels.iter().filter(|l| l.observed_at_ms >= from);
                after.find(|l| l.observed_at_ms < next_at_ms && l.build.covers(build))
            });
            judge(&building, build, reached.copied(), levels)
        })
        .collect();
    attempts.extend(build.and_then(|build| unseen_success(&attempts, build, levels)));
    attempts
}

fn judge(
    building: &Building,
    build: Option<Build>,
    reached: Option<Level>,
    levels: &[Level],
) -> Attempt {
    let mut attempt = Attempt {
        started_at_ms: building.started_at_ms,
        ended_at_ms: building.last_at_ms,
        stand: Stand::Open,
        phase: building.phase(),
        hresult: None,
        benign: false,
        evidence: building.evidence(),
        broken: Vec::new(),
    };
    if let Some(told) = building.told {
        attempt.hresult = told.hresult;
        attempt.ended_at_ms = told.at_ms;
        attempt.benign = told.ending == Ending::Benign;
        attempt.stand = Stand::Closed(match told.ending {
            Ending::Failed => Outcome::Failed,
            Ending::RolledBack => Outcome::RolledBack,
            Ending::Cancelled => Outcome::Cancelled,
            Ending::Benign => Outcome::Unknown,
        });
        return attempt;
    }
    if let Some(at_ms) = verified_at(building, build, reached, levels) {
        attempt.ended_at_ms = at_ms;
        attempt.phase = Phase::Install;
        attempt.stand = Stand::Closed(Outcome::Succeeded);
        return attempt;
    }
    attempt.stand = standing(building);
    if let (Some(hresult), Some(_)) = (building.suspected, building.booted_at_ms) {
        attempt.hresult = Some(hresult);
        attempt.stand = Stand::Closed(Outcome::RolledBack);
    }
    attempt
}

/// When the update was on the machine for sure.
fn verified_at(
    building: &Building,
    build: Option<Build>,
    reached: Option<Level>,
    levels: &[Level],
) -> Option<i64> {
    let claimed = building.claimed_at_ms;
    if let Some(installed) = building.installed_at_ms {
        // The level has the last word where the device reads it after the claim.
        let denied = build.is_some_and(|build| denied(installed, build, levels));
        return (!denied).then(|| building.last_at_ms.max(installed));
    }
    if let Some(level) = reached {
        let told = claimed.or(building.booted_at_ms).unwrap_or(i64::MAX);
        return Some(told.min(level.observed_at_ms).max(building.last_at_ms));
    }
    let level_is_known = build.is_some_and(|b| levels.iter().any(|l| l.build.same_family(b)));
    if level_is_known { None } else { claimed }
}

/// A level read well after a statement contradicts it.
fn denied(stated_at_ms: i64, build: Build, levels: &[Level]) -> bool {
    let after = levels
        .iter()
        .filter(|level| level.is_well_after(stated_at_ms));
    let mut after = after
        .filter(|level| level.build.same_family(build))
        .peekable();
    after.peek().is_some() && after.all(|level| !level.build.covers(build))
}

fn standing(building: &Building) -> Stand {
    if let Some(hresult) = building.retry {
        return Stand::AwaitsRetry { hresult };
    }
    let waits = building.pending_at_ms.is_some()
        || (building.installing && building.shutdown_at_ms.is_some());
    if waits {
        return Stand::AwaitsReboot {
            rebooting: building.shutdown_at_ms.is_some()
                && building.booted_at_ms.is_none()
                && !building.stays_off,
            booted_at_ms: building.booted_at_ms,
        };
    }
    Stand::Open
}

/// The last attempt failed, and later the device stands exactly on the build
/// that only this KB brings: it was installed without a record of it.
fn unseen_success(attempts: &[Attempt], build: Build, levels: &[Level]) -> Option<Attempt> {
    let last = attempts.last()?;
    if !matches!(last.stand, Stand::Closed(outcome) if outcome.is_failure()) {
        return None;
    }
    let mut after = levels
        .iter()
        .filter(|l| l.observed_at_ms > last.ended_at_ms);
    let level = after.find(|level| level.build == build)?;
    Some(Attempt {
        started_at_ms: level.observed_at_ms,
        ended_at_ms: level.observed_at_ms,
        stand: Stand::Closed(Outcome::Succeeded),
        phase: Phase::Inventory,
        hresult: None,
        benign: false,
        evidence: Vec::new(),
        broken: Vec::new(),
    })
}
