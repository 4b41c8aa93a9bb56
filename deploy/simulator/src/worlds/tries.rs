//! When devices try an update, and what becomes of each try.

use super::estate::Endpoint;
use super::usual::Doom;
use crate::dice::Dice;
use crate::plan::{AttemptPlan, DAY_MS, FAMILY_17763, FAMILY_19044, Fate, HOUR_MS, Kb, MINUTE_MS};

/// Days after the begin on which each ring tries.
const WAVES: [i64; 4] = [0, 1, 3, 5];

/// Days from the begin of a rollout to its last look.
pub const DAYS: i64 = 9;

const FIRST_17763: Kb = Kb {
    number: "KB5019966",
    build: 17763,
    ubr: 3650,
    month: "2022-11",
    guid: "0b0f4f0e-0a0e-4f0b-9a55-8f6c0a37d101",
    revision: 199,
};
const LAST_17763: Kb = Kb {
    number: "KB5022840",
    build: 17763,
    ubr: 4010,
    month: "2023-02",
    guid: "d7b1c9a2-5e64-4f1f-8b0e-65a1c7f1e202",
    revision: 202,
};
const FIRST_19044: Kb = Kb {
    number: "KB5019959",
    build: 19044,
    ubr: 2251,
    month: "2022-11",
    guid: "2c9d51e6-7f38-4f6a-a1b4-0d9e8c27b303",
    revision: 199,
};
const LAST_19044: Kb = Kb {
    number: "KB5022834",
    build: 19044,
    ubr: 2604,
    month: "2023-02",
    guid: "93e0b7f4-1c2d-4ab8-9e77-3f5a6d48c404",
    revision: 202,
};

/// Update of a build: 0 and 1 are history, 2 rolls out, 3 supersedes it.
pub fn kb_of(build: u32, month: usize) -> Kb {
    let ladder = if build == FAMILY_19044.build {
        [
            FIRST_19044,
            FAMILY_19044.earlier,
            FAMILY_19044.current,
            LAST_19044,
        ]
    } else {
        [
            FIRST_17763,
            FAMILY_17763.earlier,
            FAMILY_17763.current,
            LAST_17763,
        ]
    };
    ladder[month.min(3)]
}

/// Level of a build before `month`.
pub fn level_before(build: u32, month: usize) -> u32 {
    match (month, build == FAMILY_19044.build) {
        (0, true) => 2130,
        (0, false) => 3532,
        _ => kb_of(build, month - 1).ubr,
    }
}

/// First try of every device: by ring, in working hours, often with the rest of
/// its branch.
pub fn starts(devices: &[Endpoint], begins_ms: i64, dice: &mut Dice) -> Vec<i64> {
    let branches = devices.iter().map(|device| device.branch + 1).max();
    let days: Vec<i64> = (0..branches.unwrap_or_default())
        .map(|_| dice.between(0, 1))
        .collect();
    let start = |device: &Endpoint| {
        let own = dice.between(0, 1);
        let day = match days.get(device.branch) {
            Some(day) if dice.chance(0.7) => *day,
            _ => own,
        };
        let wave = WAVES[usize::from(device.ring.min(3))];
        begins_ms + (wave + day) * DAY_MS + dice.between(0, 10 * HOUR_MS)
    };
    devices.iter().map(start).collect()
}

/// The tries of one update on one device, by what dooms it.
pub fn unfold(kb: Kb, start_ms: i64, doom: Option<Doom>, dice: &mut Dice) -> Vec<AttemptPlan> {
    let mut tries = Vec::new();
    let mut start = start_ms;
    if let Some(doom) = doom {
        for _ in 0..doom.tries.max(1) {
            let ended_at_ms = start + dice.between(6, 45) * MINUTE_MS;
            tries.push(AttemptPlan {
                kb,
                started_at_ms: start,
                ended_at_ms,
                fate: Fate::Failed {
                    hresult: doom.hresult,
                    breaks: doom.breaks,
                },
            });
            start = ended_at_ms + dice.between(3 * HOUR_MS, 26 * HOUR_MS);
        }
        if doom.heals_after.is_none() {
            return tries;
        }
    }
    // Installed by day, verified after the reboot of the night.
    tries.push(AttemptPlan {
        kb,
        started_at_ms: start,
        ended_at_ms: start + dice.between(4 * HOUR_MS, 16 * HOUR_MS),
        fate: Fate::Succeeded,
    });
    tries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Breaks;

    #[test]
    fn who_heals_fails_as_often_as_declared_and_succeeds_then() {
        let doom = Doom {
            hresult: 1,
            breaks: Breaks::Staging,
            heals_after: Some(2),
            tries: 2,
        };
        let tries = unfold(kb_of(17763, 2), 0, Some(doom), &mut Dice::new(1, 1));
        let fates: Vec<bool> = tries.iter().map(|t| t.fate == Fate::Succeeded).collect();
        assert_eq!(fates, [false, false, true]);
        assert!(tries.is_sorted_by_key(|t| t.started_at_ms));
    }
}
