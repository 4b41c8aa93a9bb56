//! Worlds in which a security agent merely follows the cause (Simpson's
//! paradox): it is on most devices that fail, and has no part in it.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::planted::{blame, choose, code_of, plant};
use super::{Scenario, Truth, World};

/// Devices of a world.
const DEVICES: usize = 2_000;

/// What the agent follows.
const AGENT: &str = "security_product";
const FOLLOWER: &str = "guard-follower";

/// A cause, and an agent that follows it: straight, or by way of the ring.
pub(super) fn draw(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let mut truth = Truth::default();
    let mut dooms = draft.usual_month();
    let by_ring = draft.dice.chance(0.5);
    let ring = u8::try_from(1 + draft.dice.below(3)).unwrap_or(1);
    let cause = loop_for_cause(&mut draft);
    if let Some(facts) = cause {
        for device in &mut draft.devices {
            let near = if by_ring {
                device.ring == ring
            } else {
                device.has(&facts)
            };
            let share = if near { 0.75 } else { 0.06 };
            if draft.dice.chance(share) {
                device.facts.insert(AGENT.to_owned(), FOLLOWER.to_owned());
            }
        }
        let code = code_of(&mut draft);
        if by_ring {
            // The cause is known to ring and agent alike: most of its devices
            // are in that ring.
            for device in &mut draft.devices {
                if device.has(&facts) && device.ring != ring && draft.dice.chance(0.7) {
                    device.ring = ring;
                    device
                        .facts
                        .insert("ring".to_owned(), format!("ring{ring}"));
                    if draft.dice.chance(0.75) {
                        device.facts.insert(AGENT.to_owned(), FOLLOWER.to_owned());
                    }
                }
            }
        }
        plant(&mut draft, &mut dooms, (code, &facts), 0.6);
        blame(&draft, &dooms, code, &mut truth);
        truth.causes.insert((code, facts));
        truth.innocent = BTreeMap::from([(AGENT.to_owned(), FOLLOWER.to_owned())]);
    }
    draft.roll_out(2, &dooms);
    World::of(Scenario::S12, seed, draft, truth)
}

/// A cause that is not the agent itself.
fn loop_for_cause(draft: &mut Draft) -> Option<BTreeMap<String, String>> {
    (0..20).find_map(|_| {
        let facts = choose(&draft.devices, 1, (60, 400), &mut draft.dice)?;
        (!facts.contains_key(AGENT) && !facts.contains_key("security_version")).then_some(facts)
    })
}
