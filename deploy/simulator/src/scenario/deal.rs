//! Who gets the bad image, the follower, a wrong clock, a failure.

use super::{BAD_IMAGE, FOLLOWER, PLANTED, candidates, scaled};
use crate::dice::Dice;
use crate::plan::{Breaks, Class, DevicePlan, family};

/// `rate` of `count`, rounded.
pub(super) fn share_of(count: usize, rate: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a fleet"
    )]
    let share = (count as f64 * rate).round() as usize;
    share
}

pub(super) fn planted_in_ring(devices: usize, ring: u8) -> usize {
    let (history, live, untried) = PLANTED[usize::from(ring)];
    scaled(devices, history) + scaled(devices, live) + scaled(devices, untried)
}

/// Turns tellers, then back-office computers, into tellers of the bad image.
pub(super) fn deal_bad_image(devices: &mut [DevicePlan], dice: &mut Dice) {
    for ring in 0..4 {
        let mut found = candidates(devices, dice, |device| {
            device.ring == ring && device.build == 17763 && device.language == "zh-CN"
        });
        found.sort_by_key(|index| match devices[*index].class {
            Class::Teller => 0,
            Class::Pc => 1,
            Class::Atm | Class::Kiosk => 2,
        });
        for index in found.into_iter().take(planted_in_ring(devices.len(), ring)) {
            let device = &mut devices[index];
            if device.class != Class::Teller {
                device.class = Class::Teller;
                device.model = "CounterPC T20";
                device.driver_storage = "iastorac 17.9.1";
            }
            device.image = BAD_IMAGE;
            device.damaged = true;
        }
    }
}

/// Seven in ten devices of ring 1 run the follower, the same share inside and
/// outside the bad image: whoever compares within the ring sees no effect.
pub(super) fn deal_follower(devices: &mut [DevicePlan], dice: &mut Dice) {
    for damaged in [true, false] {
        let ring1 = candidates(devices, dice, |device| {
            device.ring == 1 && device.damaged == damaged
        });
        let share = (ring1.len() * 7).div_ceil(10);
        for index in ring1.into_iter().take(share) {
            devices[index].security = FOLLOWER;
        }
    }
}

/// A few clocks are minutes off.
pub(super) fn deal_clocks(devices: &mut [DevicePlan], dice: &mut Dice) {
    let wrong = candidates(devices, dice, |device| !device.damaged);
    for index in wrong.into_iter().take(scaled(devices.len(), 12)) {
        devices[index].clock_skew_s = dice.pick(&[-240, -150, -95, 100, 160, 230]);
    }
}

pub(super) fn exclude_some(devices: &mut [DevicePlan], dice: &mut Dice) {
    let found = candidates(devices, dice, |device| {
        !device.damaged && family(device.build).is_some() && device.ring > 1
    });
    for index in found.into_iter().take(scaled(devices.len(), 10)) {
        devices[index].excluded = Some("branch closes this month");
    }
}

/// How many codes a fleet of this size can show at least twice each.
pub(super) fn codes_in_use(devices: usize, known: usize, rate: f64) -> usize {
    (share_of(devices, rate) / 2).clamp(1, known)
}

/// Which devices fail for good or first, with which code; never two of one
/// branch with the same code, so that chance plants no cluster.
pub(super) fn deal_failures(
    devices: &[DevicePlan],
    eligible: &[usize],
    codes: &[(u32, Breaks)],
    rate: f64,
) -> Vec<(usize, (u32, Breaks))> {
    let wanted = share_of(eligible.len(), rate);
    let mut dealt: Vec<(usize, (u32, Breaks))> = Vec::with_capacity(wanted);
    for index in eligible {
        if dealt.len() >= wanted {
            break;
        }
        let code = codes[dealt.len() % codes.len()];
        let crowded = dealt.iter().any(|(other, taken)| {
            let near = &devices[*other];
            *taken == code && near.branch == devices[*index].branch
        });
        if !crowded {
            dealt.push((*index, code));
        }
    }
    dealt
}
