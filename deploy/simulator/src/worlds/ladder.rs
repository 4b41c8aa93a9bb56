//! Worlds with more than one update, or with a build that nobody knows yet.

use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use super::draft::{BEGINS_MS, Draft};
use super::life::Noise;
use super::planted::one_cause;
use super::{Scenario, World};
use crate::plan::DAY_MS;

/// Devices of a world.
const DEVICES: usize = 2_000;

/// A bad update, and a week later a good one that supersedes it.
pub(super) fn superseded(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let truth = one_cause(&mut draft, 1, (60, 500), (0.5, 0.95));
    let usual = draft.usual_month();
    let before: Vec<usize> = draft.lives.iter().map(|life| life.tries.len()).collect();
    draft.roll_out(3, &usual);
    // The same level, but three weeks before its time: out of band.
    for (life, before) in draft.lives.iter_mut().zip(before) {
        for one in life.tries.iter_mut().skip(before) {
            one.started_at_ms -= 21 * DAY_MS;
            one.ended_at_ms -= 21 * DAY_MS;
        }
    }
    World::of(Scenario::S10, seed, draft, truth)
}

/// A build whose servicing prints lines that no grammar knows: only the update
/// agent tells, and much noise.
pub(super) fn unknown_logs(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let truth = one_cause(&mut draft, 1, (40, 500), (0.5, 0.95));
    for life in &mut draft.lives {
        life.plain = false;
        for _ in 0..draft.dice.between(0, 6) {
            life.noise.push(Noise {
                source_kind: SourceKind::Cbs,
                phase: Phase::Service,
                result: EventResult::Warn,
                at_ms: BEGINS_MS + draft.dice.between(0, 8 * DAY_MS),
                hresult: Some(0x8000_4005),
                kb: String::new(),
            });
        }
    }
    World::of(Scenario::S15, seed, draft, truth)
}
