//! A bad update that people try to cure: on some of its devices the component
//! store is repaired, the others are left alone and try again.
//!
//! Whoever fails for the first time often heals by the next try, whoever fails
//! for the third time rarely: a cure that is tried late looks useless beside all
//! who were left alone, and is not.

use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use super::draft::Draft;
use super::life::Noise;
use super::planted::choose;
use super::tries::{DAYS, kb_of};
use super::{BEGINS_MS, Scenario, Truth, World};
use crate::dice::Dice;
use crate::plan::{AttemptPlan, Breaks, DAY_MS, Fate, HOUR_MS, MINUTE_MS};

/// Devices of a world.
const DEVICES: usize = 2_000;

/// The code of the failure.
pub const CODE: u32 = 0x800f_0985;

/// Share of devices that heal by the first try that they make alone, and by
/// every further one.
const FIRST_ALONE: f64 = 0.45;
const LATER_ALONE: f64 = 0.12;

/// Tries of a device at most.
const TRIES: usize = 6;

/// A world, what was tried in it, and what came of it.
pub struct Cures {
    /// The world.
    pub world: World,
    /// The update.
    pub kb: &'static str,
    /// Devices whose store was repaired while they failed, and whether their next
    /// try went in.
    pub repaired: Vec<(String, bool)>,
    /// Whether the repair does anything.
    pub works: bool,
}

/// Draws a world; in every other one the repair does nothing.
pub fn draw(seed: u64) -> Cures {
    let mut draft = Draft::open(DEVICES, 2, seed);
    let dooms = draft.usual_month();
    draft.roll_out(2, &dooms);
    let works = seed.is_multiple_of(2);
    let build = 17763;
    let kb = kb_of(build, 2);
    let facts = choose(&draft.devices, 1, (250, 700), &mut draft.dice).unwrap_or_default();
    let mut repaired = Vec::new();
    for (device, life) in draft.devices.iter().zip(&mut draft.lives) {
        if device.build != build || !device.has(&facts) || draft.dice.chance(0.1) {
            continue;
        }
        let start = life.tries.iter().find(|one| one.kb.number == kb.number);
        let start_ms = start.map_or(BEGINS_MS, |one| one.started_at_ms);
        life.tries.retain(|one| one.kb.number != kb.number);
        let course = Course::draw(start_ms, works, &mut draft.dice);
        life.tries
            .extend(course.tries.iter().map(|(at_ms, went_in)| {
                let fate = if *went_in {
                    Fate::Succeeded
                } else {
                    Fate::Failed {
                        hresult: CODE,
                        breaks: Breaks::Staging,
                    }
                };
                AttemptPlan {
                    kb,
                    started_at_ms: *at_ms,
                    ended_at_ms: at_ms + 40 * MINUTE_MS,
                    fate,
                }
            }));
        if let Some(at_ms) = course.repaired_ms {
            life.noise.extend(told(at_ms));
            let next = course.tries.iter().find(|(tried_ms, _)| *tried_ms > at_ms);
            repaired.push((device.id.clone(), next.is_some_and(|(_, went_in)| *went_in)));
        }
    }
    Cures {
        world: World::of(Scenario::S0, seed, draft, Truth::default()),
        kb: kb.number,
        repaired,
        works,
    }
}

/// What a device goes through.
struct Course {
    /// When each try begins, and whether it goes in; the last one that does is
    /// the last.
    tries: Vec<(i64, bool)>,
    repaired_ms: Option<i64>,
}

impl Course {
    fn draw(start_ms: i64, works: bool, dice: &mut Dice) -> Self {
        let mut tries = vec![(start_ms, false)];
        // People come after a day or two, wherever the device stands then.
        let meant = dice.chance(0.4);
        let repair_ms = start_ms + dice.between(12 * HOUR_MS, 60 * HOUR_MS);
        let mut repaired_ms = None;
        let mut at_ms = start_ms;
        while tries.len() < TRIES {
            at_ms += dice.between(8 * HOUR_MS, 26 * HOUR_MS);
            // Whatever happens is told by the last look.
            if at_ms > start_ms + 5 * DAY_MS || at_ms > BEGINS_MS + (DAYS - 1) * DAY_MS {
                break;
            }
            if meant && at_ms > repair_ms && repaired_ms.is_none() {
                repaired_ms = Some(repair_ms.max(at_ms - 8 * HOUR_MS + 41 * MINUTE_MS));
            }
            let alone = if tries.len() == 1 {
                FIRST_ALONE
            } else {
                LATER_ALONE
            };
            let chance = if works && repaired_ms.is_some() {
                0.75
            } else {
                alone
            };
            let goes_in = dice.chance(chance);
            tries.push((at_ms, goes_in));
            if goes_in {
                break;
            }
        }
        Self { tries, repaired_ms }
    }
}

/// What the log tells of a repair.
fn told(at_ms: i64) -> [Noise; 2] {
    let one = |result, after_ms| Noise {
        source_kind: SourceKind::Cbs,
        phase: Phase::CorruptionRepair,
        result,
        at_ms: at_ms + after_ms,
        hresult: None,
        kb: String::new(),
    };
    [
        one(EventResult::Start, 0),
        one(EventResult::Summary, 12 * MINUTE_MS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_lies_between_two_tries_and_heals_where_it_works() {
        let share = |seed| {
            let cures = draw(seed);
            let healed = cures.repaired.iter().filter(|(_, healed)| *healed).count();
            let repaired = cures.repaired.len();
            (repaired, healed * 100 / repaired.max(1))
        };
        let (works, idle) = (share(2), share(3));
        assert!(works.0 >= 30 && works.1 > 55, "{works:?}");
        assert!(idle.0 >= 30 && idle.1 < 45, "{idle:?}");
    }
}
