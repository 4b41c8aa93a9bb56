//! Devices that try one after the other, each with its verdict at once: how
//! many must be seen until a shift of the rate is called?

use super::draft::{BEGINS_MS, Draft};
use super::estate::estate;
use super::tries::kb_of;
use super::usual::Usual;
use super::{Scenario, Truth, World};
use crate::dice::Dice;
use crate::plan::{AttemptPlan, Breaks, FAMILY_17763, Fate, MINUTE_MS};

/// Devices of a stream.
const DEVICES: usize = 2_500;

/// The code whose rate shifts.
pub const CODE: u32 = 0x800f_0922;

/// A stream, and which devices failed in order of trying.
pub struct Stream {
    /// As a world.
    pub world: World,
    /// Whether each device failed with [`CODE`], in order.
    pub failed: Vec<bool>,
}

/// Moment at which `devices` have their verdict.
pub fn after(devices: usize) -> i64 {
    let devices = i64::try_from(devices).unwrap_or(i64::MAX / MINUTE_MS);
    BEGINS_MS + devices * MINUTE_MS + MINUTE_MS / 2
}

/// A code that fails on the share `usual` of devices every month fails on the
/// share `now`.
pub fn shift(usual: f64, now: f64, seed: u64) -> Stream {
    let dice = Dice::new(seed, 13);
    let ordinary = Usual::steady(usual, CODE);
    // All of one build: the oracle sees one update, and so must the analyzer.
    let mut devices = estate(DEVICES, seed);
    for device in &mut devices {
        device.build = FAMILY_17763.build;
        let build = device.build.to_string();
        device.facts.insert("os_build".to_owned(), build);
    }
    let mut draft = Draft::with(devices, 2, (ordinary, dice));
    let mut order: Vec<usize> = (0..DEVICES).collect();
    draft.dice.shuffle(&mut order);
    let mut failed = Vec::with_capacity(DEVICES);
    for (turn, number) in (0i64..).zip(order) {
        let fails = draft.dice.chance(now);
        failed.push(fails);
        let started_at_ms = BEGINS_MS + turn * MINUTE_MS;
        let life = &mut draft.lives[number];
        life.delay_ms = 0;
        life.skew_ms = 0;
        let fate = if fails {
            Fate::Failed {
                hresult: CODE,
                breaks: Breaks::Staging,
            }
        } else {
            Fate::Succeeded
        };
        life.tries.push(AttemptPlan {
            kb: kb_of(draft.devices[number].build, 2),
            started_at_ms,
            ended_at_ms: started_at_ms + MINUTE_MS,
            fate,
        });
    }
    let world = World::of(Scenario::S0, seed, draft, Truth::default());
    Stream { world, failed }
}
