//! Worlds in which the update is not to blame: its server, a proxy, the time,
//! or a policy that turned a service off.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::truth::Outside;
use super::usual::Doom;
use super::{Scenario, Truth, World};
use crate::plan::Breaks;

/// Devices of a world.
const DEVICES: usize = 2_000;

/// Kinds of trouble: the fact behind it, and codes with which it shows.
const KINDS: [(&str, &str, &[u32], Breaks); 4] = [
    (
        "server",
        "wsus",
        &[0x8024_402c, 0x8024_4022, 0x8024_4019, 0x8024_401c],
        Breaks::Download,
    ),
    (
        "proxy",
        "proxy",
        &[0x80d0_5001, 0x8007_2efd, 0x8007_2ee2],
        Breaks::Download,
    ),
    (
        "time",
        "time_source",
        &[0x8007_2f8f, 0x800b_0109],
        Breaks::Download,
    ),
    (
        "policy",
        "province",
        &[0x8007_0422, 0x8024_002e],
        Breaks::Staging,
    ),
];

/// One trouble outside, over two days or all the time.
pub(super) fn draw(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let mut dooms = draft.usual_month();
    let (kind, key, codes, breaks) = draft.dice.pick(&KINDS);
    let code = draft.dice.pick(codes);
    let at = draft.dice.below(draft.devices.len());
    let value = draft.devices[at].says(key).to_owned();
    let facts = BTreeMap::from([(key.to_owned(), value)]);
    let rate = 0.4 + 0.5 * draft.dice.unit();
    let holders = draft
        .devices
        .iter()
        .filter(|device| device.has(&facts))
        .count();
    // A value of half the fleet or of a handful of devices is no place.
    let fits = (60..=1_200).contains(&holders);
    let mut truth = Truth::default();
    if fits {
        for (device, doom) in draft.devices.iter().zip(dooms.iter_mut()) {
            if device.has(&facts) && draft.dice.chance(rate) {
                let heals = draft.dice.chance(0.5);
                *doom = Some(Doom {
                    hresult: code,
                    breaks,
                    heals_after: heals.then_some(2),
                    tries: 2,
                });
            }
        }
        truth.outside = Some(Outside { kind, facts });
    }
    draft.roll_out(2, &dooms);
    World::of(Scenario::S6, seed, draft, truth)
}
