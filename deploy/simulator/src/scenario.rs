//! The demonstration: one bad golden image in a rollout that is otherwise as
//! usual, with everything around it that misleads a simple count.

mod damage;
mod deal;
mod waves;

use self::damage::{damage, depots};
use self::deal::{deal_bad_image, deal_clocks, deal_follower};
use self::waves::{attempt, live_attempt, plan_current, plan_earlier};
use crate::dice::Dice;
use crate::fleet::populate;
use crate::plan::{Breaks, DevicePlan, FAMILY_17763, Fate, FleetPlan, MINUTE_MS, PlanConfig};

/// The golden image with the damaged component files.
pub const BAD_IMAGE: &str = "img-teller-2022b";
/// The code with which it fails.
pub const PLANTED_HRESULT: u32 = 0x800f_0985;
/// The security agent that follows ring 1 and explains nothing.
pub const FOLLOWER: (&str, &str) = ("AcmeGuard", "12.1");
/// The code of an attempt that a person called off.
pub const CANCELLED_HRESULT: u32 = 0x800f_0820;

/// Share of devices on which a monthly update fails for good, as usual.
const USUAL_RATE: f64 = 0.02;
/// Share that fails first and succeeds on the second try.
const HEALING_RATE: f64 = 0.008;

/// Usual final codes and where they break.
const USUAL_CODES: [(u32, Breaks); 8] = [
    (0x8007_0070, Breaks::Staging),
    (0x8007_3712, Breaks::Staging),
    (0x800f_0922, Breaks::AfterReboot),
    (0x800f_0831, Breaks::Staging),
    (0x8007_05b4, Breaks::Staging),
    (0x80d0_5001, Breaks::Download),
    (0x8007_0005, Breaks::Staging),
    (0x8007_000d, Breaks::Staging),
];

/// Codes of first tries that heal.
const HEALING_CODES: [(u32, Breaks); 3] = [
    (0x800f_0821, Breaks::Staging),
    (0x8007_0020, Breaks::Staging),
    (0x8024_200b, Breaks::Staging),
];

/// When a ring tries the current update: hours before now, and the share of
/// its devices that have tried by now.
const WAVES: [(i64, i64, f64); 4] = [(72, 50, 1.0), (23, 15, 0.97), (14, 6, 0.9), (5, 1, 0.44)];

/// What a planted device does: the quota per ring of 2,000 devices as
/// (failed in history, fails live, has not tried).
const PLANTED: [(usize, usize, usize); 4] = [(0, 0, 0), (23, 0, 1), (13, 0, 2), (3, 12, 2)];

/// Plans the demonstration.
pub fn demo(config: PlanConfig) -> FleetPlan {
    let mut devices = populate(config.devices, config.seed);
    let mut dice = Dice::new(config.seed, 2);
    deal_bad_image(&mut devices, &mut dice);
    deal_follower(&mut devices, &mut dice);
    deal_clocks(&mut devices, &mut dice);
    plan_earlier(&mut devices, &config, &mut dice);
    plan_current(&mut devices, &config, &mut dice);
    plan_endings(&mut devices, &config, &mut dice);
    for device in &mut devices {
        device.attempts.sort_by_key(|attempt| attempt.started_at_ms);
    }
    let uncollected = populate(scaled(config.devices, 15), config.seed ^ 0x5eed)
        .into_iter()
        .enumerate()
        .map(|(n, mut device)| {
            device.hostname = format!("{}-N{n:02}", device.hostname);
            device.id = device.hostname.to_lowercase();
            device
        })
        .collect();
    FleetPlan {
        config,
        devices,
        uncollected,
        damage: damage(),
        depots: depots(),
    }
}

/// `of_2000` scaled to the fleet, at least one.
fn scaled(devices: usize, of_2000: usize) -> usize {
    if of_2000 == 0 {
        return 0;
    }
    (devices * of_2000 + 1_000).div_euclid(2_000).max(1)
}

/// Indexes of devices that fit, in random order.
fn candidates(
    devices: &[DevicePlan],
    dice: &mut Dice,
    fits: impl Fn(&DevicePlan) -> bool,
) -> Vec<usize> {
    let mut found: Vec<usize> = (0..devices.len())
        .filter(|index| fits(&devices[*index]))
        .collect();
    dice.shuffle(&mut found);
    found
}

/// Devices that have not tried yet and end in another way: waiting for a
/// reboot, called off, gone dark, switched off, or live success.
fn plan_endings(devices: &mut [DevicePlan], config: &PlanConfig, dice: &mut Dice) {
    let mut idle = candidates(devices, dice, |device| {
        !device.damaged
            && device.excluded.is_none()
            && device.build == FAMILY_17763.build
            && device.ring >= 2
            && device.current_attempts().next().is_none()
    })
    .into_iter();
    let kb = FAMILY_17763.current;
    let count = devices.len();
    for index in idle.by_ref().take(scaled(count, 16)) {
        let started = config.now_ms - dice.between(120, 290) * MINUTE_MS;
        let minutes = dice.between(20, 60);
        let waits = attempt(kb, started, minutes, Fate::PendingReboot);
        devices[index].attempts.push(waits);
    }
    for index in idle.by_ref().take(scaled(count, 7)) {
        let started = config.now_ms - dice.between(70, 280) * MINUTE_MS;
        let off = attempt(kb, started, dice.between(4, 15), Fate::Cancelled);
        devices[index].attempts.push(off);
    }
    for index in idle.by_ref().take(scaled(count, 6)) {
        let mut gone = live_attempt(kb, config, dice, Fate::WentSilent);
        gone.ended_at_ms = config.now_ms + dice.between(config.live_ms / 12, config.live_ms / 4);
        devices[index].dark_at_ms = Some(gone.ended_at_ms);
        devices[index].attempts.push(gone);
    }
    for index in idle.by_ref().take(scaled(count, 3)) {
        let off = dice.between(config.live_ms / 12, config.live_ms / 4);
        devices[index].dark_at_ms = Some(config.now_ms + off);
    }
    for index in idle.take(scaled(count, 60)) {
        let done = live_attempt(kb, config, dice, Fate::Succeeded);
        devices[index].attempts.push(done);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::plan::{DAY_MS, HOUR_MS};
    use crate::truth::{Outcome, Truth, hex};

    const NOW: i64 = 1_790_000_000_000;

    fn plan(devices: usize, seed: u64) -> FleetPlan {
        demo(PlanConfig {
            devices,
            seed,
            now_ms: NOW,
            live_ms: 60_000,
        })
    }

    #[test]
    fn the_same_seed_plans_the_same_fleet_and_another_does_not() {
        assert_eq!(plan(300, 3), plan(300, 3));
        assert_ne!(plan(300, 3), plan(300, 4));
    }

    #[test]
    fn the_planted_code_stands_on_tried_devices_of_the_bad_image_alone() {
        let plan = plan(2_000, 5);
        let truth = Truth::of(&plan);
        let cluster = &truth.clusters[0];
        assert!(
            (45..=60).contains(&cluster.devices.len()),
            "{}",
            cluster.devices.len()
        );
        assert!(cluster.devices_at_start.len() + 5 < cluster.devices.len());
        assert!(!cluster.untried.is_empty());
        let members: BTreeSet<_> = cluster.devices.iter().collect();
        for device in &plan.devices {
            let tried = device.current_attempts().next().is_some();
            assert_eq!(
                members.contains(&device.id),
                device.image == BAD_IMAGE && tried
            );
        }
        let branches: BTreeSet<_> = plan
            .devices
            .iter()
            .filter(|device| device.damaged)
            .map(|device| (&device.branch, device.ring))
            .collect();
        assert!(branches.len() > 15);
    }

    #[test]
    fn every_usual_code_was_known_a_month_ago_and_stays_rare() {
        for seed in 0..10 {
            let plan = plan(2_000, seed);
            let truth = Truth::of(&plan);
            let counts = |number: &str| -> BTreeMap<String, u64> {
                truth
                    .kbs
                    .iter()
                    .find(|kb| kb.kb == number)
                    .unwrap()
                    .codes
                    .clone()
            };
            let (then, now) = (counts("KB5021237"), counts("KB5022286"));
            for (code, devices) in now {
                if code == hex(PLANTED_HRESULT) {
                    continue;
                }
                assert!(then.contains_key(&code), "{code} is new");
                assert!(devices <= 7, "{code} on {devices}");
            }
        }
    }

    #[test]
    fn the_planted_failures_lie_within_a_day_and_history_within_forty() {
        let plan = plan(2_000, 5);
        for device in &plan.devices {
            for attempt in &device.attempts {
                assert!(attempt.started_at_ms > NOW - 40 * DAY_MS);
                assert!(attempt.started_at_ms < attempt.ended_at_ms);
                assert!(attempt.ended_at_ms < NOW + 60_000);
                if device.damaged && attempt.kb == FAMILY_17763.current {
                    assert!(attempt.started_at_ms > NOW - 24 * HOUR_MS);
                }
            }
            let orderly = device
                .attempts
                .is_sorted_by_key(|attempt| attempt.ended_at_ms);
            assert!(orderly, "{}", device.id);
        }
    }

    #[test]
    fn the_follower_stays_in_ring_1_and_has_many_counter_examples() {
        let plan = plan(2_000, 5);
        let truth = Truth::of(&plan);
        assert!(
            plan.devices
                .iter()
                .all(|device| device.security != FOLLOWER || device.ring == 1)
        );
        assert!(truth.exonerated.counter_examples.len() > 60);
        assert!(truth.exonerated.failed_without.len() > 15);
    }

    #[test]
    fn every_outcome_is_there_and_the_usual_rate_is_as_usual() {
        let truth = Truth::of(&plan(2_000, 5));
        for outcome in [
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::RolledBack,
            Outcome::PendingReboot,
            Outcome::Cancelled,
            Outcome::GoneSilent,
        ] {
            assert!(
                truth.outcomes.iter().any(|row| row.outcome == outcome),
                "{outcome:?}"
            );
        }
        for kb in truth.kbs.iter().filter(|kb| kb.tried > 500) {
            let planted = kb
                .codes
                .get(&hex(PLANTED_HRESULT))
                .copied()
                .unwrap_or_default();
            let permille = (kb.failed - planted) * 1_000 / kb.tried;
            assert!(permille <= 40, "{kb:?}");
        }
        assert!(truth.healed.len() >= 5);
        assert!(truth.repair.peers.len() > 100);
    }

    #[test]
    fn the_rows_of_the_target_list_add_up() {
        let rows = Truth::of(&plan(2_000, 5)).rollout;
        let parts = [
            rows.compliant,
            rows.failed,
            rows.pending_reboot,
            rows.cancelled,
            rows.not_tried,
            rows.not_applicable,
            rows.excluded,
            rows.silent,
            rows.no_collector,
        ];
        assert!(parts.iter().all(|part| *part > 0), "{rows:?}");
        assert_eq!(parts.iter().sum::<u64>(), rows.targets);
    }

    #[test]
    fn a_small_fleet_still_has_its_cluster() {
        let truth = Truth::of(&plan(100, 9));
        assert!(truth.clusters[0].devices.len() >= 3);
        assert_eq!(truth.silent.len(), 1);
    }
}
