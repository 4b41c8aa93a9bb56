//! The families of worlds.

use super::tries::DAYS;
use super::{BEGINS_MS, World};
use super::{ladder, misled, nulls, outside, planted, repair, silent};
use crate::plan::{DAY_MS, HOUR_MS};

/// Hours after the begin at which somebody looks.
const LOOKS_H: [i64; 13] = [3, 6, 10, 26, 32, 54, 76, 82, 102, 124, 132, 156, 196];

/// A family of worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scenario {
    /// Nothing but the usual.
    S0,
    /// One fact fails.
    S1,
    /// A conjunction of two or three facts fails.
    S2,
    /// Several causes at once.
    S3,
    /// A cause of at most one device in a thousand.
    S4,
    /// A cause that shows over weeks.
    S5,
    /// The update server, a proxy or the time is to blame.
    S6,
    /// A flood of codes that look like failure and are not.
    S7,
    /// The update leaves devices dark in its reboot.
    S8,
    /// Late, duplicate and replayed records, and history read for the first time.
    S9,
    /// A bad update is superseded by a good one.
    S10,
    /// One device tries 500 times.
    S11,
    /// A fact that merely follows the cause.
    S12,
    /// A golden image with damaged files, and sources to repair from.
    S13,
    /// First failures that heal by themselves, as in every month.
    S14,
    /// A build whose logs nobody knows yet.
    S15,
    /// Failures are told at once, successes the next morning.
    S16,
    /// Branches are off over the weekend, in the midst of it.
    S17,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::S0,
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
        Self::S9,
        Self::S10,
        Self::S11,
        Self::S12,
        Self::S13,
        Self::S14,
        Self::S15,
        Self::S16,
        Self::S17,
    ];

    /// `S0` to `S17`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Days that a rollout takes.
    fn days(self) -> i64 {
        match self {
            Self::S5 => 24,
            Self::S10 => 16,
            _ => DAYS,
        }
    }

    /// Moments at which somebody looks.
    pub(super) fn looks(self) -> Vec<i64> {
        let mut looks: Vec<i64> = LOOKS_H.iter().map(|h| BEGINS_MS + h * HOUR_MS).collect();
        if self == Self::S4 {
            // A large fleet is looked at less often, to save time.
            looks = looks.split_off(8).into_iter().step_by(2).collect();
        }
        looks.extend((DAYS..=self.days()).map(|day| BEGINS_MS + day * DAY_MS));
        looks
    }

    pub(super) fn draw(self, seed: u64) -> World {
        match self {
            Self::S1 => planted::facts(self, seed, 1),
            Self::S2 => planted::facts(self, seed, if seed.is_multiple_of(3) { 3 } else { 2 }),
            Self::S3 => planted::several(seed),
            Self::S4 => planted::rare(seed),
            Self::S5 => planted::drip(seed),
            Self::S6 => outside::draw(seed),
            Self::S8 => silent::bricks(seed),
            Self::S10 => ladder::superseded(seed),
            Self::S12 => misled::draw(seed),
            Self::S13 => repair::draw(seed),
            Self::S15 => ladder::unknown_logs(seed),
            Self::S0 | Self::S7 | Self::S9 | Self::S11 | Self::S14 | Self::S16 | Self::S17 => {
                nulls::draw(self, seed)
            }
        }
    }
}
