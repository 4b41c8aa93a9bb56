//! Worlds in which devices go into the servicing reboot and never come back.

use super::draft::Draft;
use super::planted::choose;
use super::{Scenario, Truth, World};
use crate::plan::{Fate, MINUTE_MS};

/// Devices of a world.
const DEVICES: usize = 2_000;

/// The update bricks most devices that share one fact.
pub(super) fn bricks(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let dooms = draft.usual_month();
    draft.roll_out(2, &dooms);
    let mut truth = Truth::default();
    let facts = choose(&draft.devices, 1, (40, 200), &mut draft.dice);
    for (device, life) in draft.devices.iter().zip(&mut draft.lives) {
        let shares = facts.as_ref().is_some_and(|facts| device.has(facts));
        let Some(last) = life.tries.last_mut().filter(|t| t.fate == Fate::Succeeded) else {
            continue;
        };
        if shares && draft.dice.chance(0.7) {
            last.fate = Fate::WentSilent;
            life.dark_from_ms = Some(last.ended_at_ms + MINUTE_MS);
            truth.dark.insert(device.id.clone());
        }
    }
    World::of(Scenario::S8, seed, draft, truth)
}
