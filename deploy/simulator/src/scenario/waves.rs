//! The two updates: the one of a month ago, and the one that rolls out now.

use super::deal::{codes_in_use, deal_failures, exclude_some, share_of};
use super::{
    HEALING_CODES, HEALING_RATE, PLANTED, PLANTED_HRESULT, USUAL_CODES, USUAL_RATE, WAVES,
    candidates, scaled,
};
use crate::dice::Dice;
use crate::plan::{
    AttemptPlan, Breaks, DAY_MS, DevicePlan, FAMILY_17763, FAMILY_19044, Family, Fate, HOUR_MS, Kb,
    MINUTE_MS, PlanConfig, family,
};

/// When a device of the bad image tries again.
const AGAIN_AFTER_MS: i64 = 7 * HOUR_MS;

pub(super) fn attempt(kb: Kb, started_at_ms: i64, minutes: i64, fate: Fate) -> AttemptPlan {
    AttemptPlan {
        kb,
        started_at_ms,
        ended_at_ms: started_at_ms + minutes * MINUTE_MS,
        fate,
    }
}

pub(super) fn failed(code: (u32, Breaks)) -> Fate {
    Fate::Failed {
        hresult: code.0,
        breaks: code.1,
    }
}

/// The update of a month ago: the usual failures, on every part of the fleet.
pub(super) fn plan_earlier(devices: &mut [DevicePlan], config: &PlanConfig, dice: &mut Dice) {
    let eligible = candidates(devices, dice, |device| {
        family(device.build).is_some() && !device.damaged
    });
    let used = codes_in_use(devices.len(), USUAL_CODES.len(), USUAL_RATE);
    let used_heal = codes_in_use(devices.len(), HEALING_CODES.len(), HEALING_RATE / 2.0);
    let failing = deal_failures(devices, &eligible, &USUAL_CODES[..used], USUAL_RATE);
    let rest: Vec<usize> = eligible
        .into_iter()
        .filter(|index| failing.iter().all(|(taken, _)| taken != index))
        .collect();
    let healing = deal_failures(devices, &rest, &HEALING_CODES[..used_heal], HEALING_RATE);
    // Codes of first tries must be known to the fleet as final codes too, or
    // the current update would seem to bring new ones.
    let known = rest
        .iter()
        .filter(|index| healing.iter().all(|(taken, _)| taken != *index))
        .zip(HEALING_CODES[..used_heal].iter().cycle())
        .take(used_heal * 2)
        .map(|(index, code)| (*index, *code));
    let failing: Vec<_> = failing.iter().copied().chain(known).collect();
    for (index, device) in devices.iter_mut().enumerate() {
        let Some(family) = family(device.build) else {
            continue;
        };
        let ring = i64::from(device.ring);
        let offset = ring * 36 * HOUR_MS + dice.between(0, 40) * HOUR_MS;
        let started = config.now_ms - 34 * DAY_MS + offset + dice.between(0, 59) * MINUTE_MS;
        let minutes = dice.between(24, 70);
        let code_of = |dealt: &[(usize, (u32, Breaks))]| {
            dealt
                .iter()
                .find(|(at, _)| *at == index)
                .map(|(_, code)| *code)
        };
        let attempts = &mut device.attempts;
        if let Some(code) = code_of(&failing) {
            attempts.push(attempt(family.earlier, started, minutes, failed(code)));
            continue;
        }
        let mut started = started;
        if let Some(code) = code_of(&healing) {
            attempts.push(attempt(family.earlier, started, minutes, failed(code)));
            started += 26 * HOUR_MS;
        }
        attempts.push(attempt(
            family.earlier,
            started,
            minutes + 90,
            Fate::Succeeded,
        ));
    }
}

/// The update that rolls out: waves by ring, the planted failures, the usual
/// ones, the ones that heal, and everyone else succeeds.
pub(super) fn plan_current(devices: &mut [DevicePlan], config: &PlanConfig, dice: &mut Dice) {
    plan_planted(devices, config, dice);
    exclude_some(devices, dice);
    let mut tried = Vec::new();
    for ring in 0..4_u8 {
        let (_, _, share) = WAVES[usize::from(ring)];
        let found = candidates(devices, dice, |device| {
            device.ring == ring
                && !device.damaged
                && device.excluded.is_none()
                && family(device.build).is_some()
        });
        let count = share_of(found.len(), share);
        tried.extend(found.into_iter().take(count));
    }
    dice.shuffle(&mut tried);
    let used = codes_in_use(devices.len(), USUAL_CODES.len(), USUAL_RATE);
    let used_heal = codes_in_use(devices.len(), HEALING_CODES.len(), HEALING_RATE / 2.0);
    let failing = deal_failures(devices, &tried, &USUAL_CODES[..used], USUAL_RATE);
    let rest: Vec<usize> = tried
        .iter()
        .copied()
        .filter(|index| failing.iter().all(|(taken, _)| taken != index))
        .collect();
    let healing = deal_failures(devices, &rest, &HEALING_CODES[..used_heal], HEALING_RATE);
    for index in tried {
        let fate_of = |dealt: &[(usize, (u32, Breaks))]| {
            dealt
                .iter()
                .find(|(at, _)| *at == index)
                .map(|(_, code)| *code)
        };
        let started = wave_start(&devices[index], config, dice);
        let room = (config.now_ms - started) / MINUTE_MS - 5;
        let device = &mut devices[index];
        let kb = current_of(device).current;
        if let Some(code) = fate_of(&failing) {
            let minutes = dice.between(14, 50).min(room);
            device
                .attempts
                .push(attempt(kb, started, minutes, failed(code)));
        } else if let Some(code) = fate_of(&healing) {
            let half = (room / 2 - 1).min(40);
            device
                .attempts
                .push(attempt(kb, started, half, failed(code)));
            let again = started + (half + 1) * MINUTE_MS;
            device
                .attempts
                .push(attempt(kb, again, half, Fate::Succeeded));
        } else {
            let minutes = dice.between(26, 200).min(room);
            device
                .attempts
                .push(attempt(kb, started, minutes, Fate::Succeeded));
        }
    }
}

pub(super) fn current_of(device: &DevicePlan) -> &'static Family {
    if device.build == FAMILY_19044.build {
        &FAMILY_19044
    } else {
        &FAMILY_17763
    }
}

pub(super) fn wave_start(device: &DevicePlan, config: &PlanConfig, dice: &mut Dice) -> i64 {
    let (from, until, _) = WAVES[usize::from(device.ring)];
    config.now_ms - dice.between(until * 60, from * 60) * MINUTE_MS
}

/// Every device of the bad image fails whenever it tries; some try twice.
pub(super) fn plan_planted(devices: &mut [DevicePlan], config: &PlanConfig, dice: &mut Dice) {
    let fate = failed((PLANTED_HRESULT, Breaks::Hydration));
    let kb = FAMILY_17763.current;
    for ring in 0..4_u8 {
        let (history, live, _) = PLANTED[usize::from(ring)];
        let history = scaled(devices.len(), history);
        let live = scaled(devices.len(), live);
        let found = candidates(devices, dice, |device| {
            device.damaged && device.ring == ring
        });
        for (turn, index) in found.into_iter().enumerate().take(history + live) {
            let started = wave_start(&devices[index], config, dice);
            let minutes = dice.between(12, 24);
            let twice = dice.chance(0.4);
            let device = &mut devices[index];
            if turn < history {
                device.attempts.push(attempt(kb, started, minutes, fate));
                // Hours later: damage that is seen again soon is one finding.
                let again = started + AGAIN_AFTER_MS;
                if twice && again + HOUR_MS < config.now_ms {
                    device.attempts.push(attempt(kb, again, minutes, fate));
                }
            } else {
                device.attempts.push(live_attempt(kb, config, dice, fate));
            }
        }
    }
}

/// Began a while ago, ends while people watch.
pub(super) fn live_attempt(
    kb: Kb,
    config: &PlanConfig,
    dice: &mut Dice,
    fate: Fate,
) -> AttemptPlan {
    let start = dice.between(14, 50) * MINUTE_MS;
    let end = dice.between(config.live_ms / 12, (config.live_ms * 11 / 12).max(1));
    AttemptPlan {
        kb,
        started_at_ms: config.now_ms - start,
        ended_at_ms: config.now_ms + end,
        fate,
    }
}
