//! Who should speak and does not, and why.

use std::collections::HashMap;

use crate::attempts::Stand;
use crate::fleet::{Device, Fleet};
use crate::view::SilentDevice;

/// A branch with this part of its devices silent has lost its link.
const LINK_DOWN_SHARE: (usize, usize) = (4, 5);

/// Fewest devices of a branch that say something about its link.
const LINK_DOWN_DEVICES: usize = 3;

/// Not heard of within the limit; a device whose logs were only imported is
/// neither present nor silent.
pub(crate) fn is_silent(device: &Device, now_ms: i64, presence_limit_ms: i64) -> bool {
    let heard = device.last_heard_ms.filter(|_| device.counts());
    heard.is_some_and(|heard| now_ms - heard > presence_limit_ms)
}

/// Devices that should speak and do not, longest silence first.
pub(crate) fn silent(fleet: &Fleet, now_ms: i64, presence_limit_ms: i64) -> Vec<SilentDevice> {
    let branch_of = |device: &Device| {
        let facts = device.facts_now()?;
        let branch = fleet.words.value(facts, "branch");
        (!branch.is_empty()).then(|| branch.to_owned())
    };
    let mut branches: HashMap<String, (usize, usize)> = HashMap::new();
    // One that was switched off says nothing about its branch's link.
    let expected = |d: &&Device| d.last_heard_ms.is_some() && !d.is_off();
    for device in fleet.devices.iter().filter(expected) {
        if let Some(branch) = branch_of(device) {
            let counts = branches.entry(branch).or_default();
            counts.0 += usize::from(is_silent(device, now_ms, presence_limit_ms));
            counts.1 += 1;
        }
    }
    let quiet = fleet
        .devices
        .iter()
        .filter(|d| is_silent(d, now_ms, presence_limit_ms));
    let mut silent: Vec<SilentDevice> = quiet
        .map(|device| {
            let link_down = branch_of(device)
                .and_then(|branch| branches.get(&branch))
                .is_some_and(|(silent, all)| {
                    *all >= LINK_DOWN_DEVICES
                        && silent * LINK_DOWN_SHARE.1 >= all * LINK_DOWN_SHARE.0
                });
            silent_device(device, link_down)
        })
        .collect();
    silent.sort_by(|a, b| (a.last_heard_ms, &a.device_id).cmp(&(b.last_heard_ms, &b.device_id)));
    silent
}

fn silent_device(device: &Device, link_down: bool) -> SilentDevice {
    let open = device.kbs.iter().filter_map(|kb| {
        let latest = kb.attempts.last()?;
        let open = !matches!(latest.stand, Stand::Closed(_));
        open.then_some((latest.ended_at_ms, &kb.kb, latest.stand))
    });
    let open = open.max_by_key(|(at, _, _)| *at);
    let rebooting = open.is_some_and(|(_, _, stand)| {
        matches!(
            stand,
            Stand::AwaitsReboot {
                rebooting: true,
                ..
            }
        )
    });
    let why = match (rebooting, device.is_off(), link_down) {
        (true, ..) => "dark_in_reboot",
        (_, true, _) => "off",
        (_, _, true) => "link_down",
        _ => "unknown",
    };
    SilentDevice {
        device_id: device.id.to_string(),
        last_heard_ms: device.last_heard_ms.unwrap_or_default(),
        open_kb: open.map_or_else(String::new, |(_, kb, _)| kb.clone()),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::samples::succeeded;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_device_that_was_switched_off_is_off_and_its_link_is_not_down() {
        let mut fleet = Fleet::default();
        for number in 0..5 {
            let id = format!("pc-{number}");
            fleet = fleet.with(&id, &[("branch", "zj-1")], vec![succeeded(100)]);
            let device = &mut fleet.devices[number];
            device.last_heard_ms = Some(HOUR_MS);
            device.off_at_ms = (number < 3).then_some(HOUR_MS - 60_000);
        }
        fleet.devices[4].last_heard_ms = Some(10 * HOUR_MS);
        // Switched off once, and heard of since.
        fleet.devices[3].off_at_ms = Some(1);
        let silent = silent(&fleet, 10 * HOUR_MS, HOUR_MS);
        let why: Vec<&str> = silent.iter().map(|device| device.why.as_str()).collect();
        assert_eq!(why, ["off", "off", "off", "unknown"]);
    }
}
