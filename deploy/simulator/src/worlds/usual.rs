//! What fails in any month: a few percent, with a handful of codes, together
//! within branches, and often healed by trying again.

use super::estate::Endpoint;
use crate::dice::Dice;
use crate::plan::Breaks;

/// How a device fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doom {
    /// Final code.
    pub hresult: u32,
    /// Where it breaks.
    pub breaks: Breaks,
    /// Failed tries before it succeeds; `None`: it never does.
    pub heals_after: Option<u32>,
    /// Tries at most.
    pub tries: u32,
}

/// Codes of ordinary failures.
const CODES: [(u32, Breaks); 12] = [
    (0x8007_0070, Breaks::Staging),
    (0x800f_0922, Breaks::AfterReboot),
    (0x8024_402c, Breaks::Download),
    (0x8007_3712, Breaks::Staging),
    (0x800f_0831, Breaks::Staging),
    (0x8007_05b4, Breaks::Staging),
    (0x80d0_5001, Breaks::Download),
    (0x8007_0005, Breaks::Staging),
    (0x8007_000d, Breaks::Staging),
    (0x8007_0bc9, Breaks::Staging),
    (0x8024_200b, Breaks::Staging),
    (0x800f_0821, Breaks::Staging),
];

const NO_ROOM: u32 = 0x8007_0070;

/// A fleet's ordinary failures.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Share of devices on which an update fails at first.
    pub rate: f64,
    /// Intra-class correlation of failures in a branch.
    pub together: f64,
    /// Share that heals by trying again.
    pub heals: f64,
    /// How far the rates of months differ, on the log scale.
    pub wanders: f64,
    codes: Vec<(u32, Breaks, f64)>,
}

impl Usual {
    /// Draws what is ordinary in a world.
    pub fn draw(dice: &mut Dice) -> Self {
        let mut codes = CODES.to_vec();
        dice.shuffle(&mut codes);
        let count = 4 + dice.below(5);
        let steep = 0.6 + dice.unit();
        let weights = (1..).map(|n: i32| 1.0 / f64::from(n).powf(steep));
        let codes = codes.into_iter().take(count).zip(weights);
        Self {
            rate: 0.01 + 0.025 * dice.unit(),
            together: dice.pick(&[0.01, 0.03, 0.05, 0.1]),
            heals: 0.2 + 0.4 * dice.unit(),
            wanders: 0.1,
            codes: codes
                .map(|((code, at), weight)| (code, at, weight))
                .collect(),
        }
    }

    /// One code at a steady rate, alike in all branches, beside a few rare ones.
    pub fn steady(rate: f64, code: u32) -> Self {
        let others = [0x8007_0005, 0x8007_05b4, 0x8007_000d];
        let mut codes = vec![(code, Breaks::Staging, 1.0)];
        codes.extend(others.map(|code| (code, Breaks::Staging, 0.03)));
        Self {
            rate: rate * 1.09,
            together: 1e-3,
            heals: 0.0,
            wanders: 0.0,
            codes,
        }
    }

    /// The codes, the most common first.
    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        self.codes.iter().map(|(code, _, _)| *code)
    }

    /// One month without any cause but chance: how each device fails.
    pub fn month(&self, devices: &[Endpoint], dice: &mut Dice) -> Vec<Option<Doom>> {
        let branches = devices.iter().map(|device| device.branch + 1).max();
        let rate = self.rate * (self.wanders * dice.normal()).exp();
        let moods: Vec<(f64, (u32, Breaks))> = (0..branches.unwrap_or_default())
            .map(|_| (self.branch_rate(rate, dice), self.code(dice)))
            .collect();
        devices
            .iter()
            .map(|device| {
                let (rate, code) = moods.get(device.branch)?;
                let free = device.says("free_disk_gb").parse::<u32>().unwrap_or(99);
                let full = free < 15 && self.codes().any(|code| code == NO_ROOM);
                let rate = if full { rate * 2.0 } else { *rate };
                dice.chance(rate).then(|| {
                    let own = match dice.unit() {
                        roll if full && roll < 0.5 => (NO_ROOM, Breaks::Staging),
                        roll if roll < 0.6 => *code,
                        _ => self.code(dice),
                    };
                    self.doom(own, dice)
                })
            })
            .collect()
    }

    fn doom(&self, (hresult, breaks): (u32, Breaks), dice: &mut Dice) -> Doom {
        let tries = 1 + u32::try_from(dice.below(3)).unwrap_or(0);
        Doom {
            hresult,
            breaks,
            heals_after: dice.chance(self.heals).then_some(tries),
            tries,
        }
    }

    /// Beta-distributed around the rate, as strongly as branches hang together.
    fn branch_rate(&self, rate: f64, dice: &mut Dice) -> f64 {
        let strength = 1.0 / self.together - 1.0;
        let a = dice.gamma(rate * strength);
        let b = dice.gamma((1.0 - rate) * strength);
        if a + b > 0.0 { a / (a + b) } else { rate }
    }

    fn code(&self, dice: &mut Dice) -> (u32, Breaks) {
        let total: f64 = self.codes.iter().map(|(_, _, weight)| weight).sum();
        let mut left = dice.unit() * total;
        for (code, breaks, weight) in &self.codes {
            left -= weight;
            if left < 0.0 {
                return (*code, *breaks);
            }
        }
        CODES[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::estate::estate;

    #[test]
    fn failures_of_a_branch_hang_together_as_declared() {
        let devices = estate(4_000, 3);
        let mut dice = Dice::new(3, 1);
        let usual = Usual {
            rate: 0.05,
            together: 0.1,
            ..Usual::draw(&mut dice)
        };
        let mut failed = 0;
        let mut pairs = [0.0f64; 2];
        for _ in 0..20 {
            let month = usual.month(&devices, &mut dice);
            failed += month.iter().flatten().count();
            for (pair, dooms) in devices.windows(2).zip(month.windows(2)) {
                if pair[0].branch == pair[1].branch && dooms[0].is_some() {
                    pairs[0] += 1.0;
                    pairs[1] += f64::from(u8::from(dooms[1].is_some()));
                }
            }
        }
        let share = f64::from(u32::try_from(failed).unwrap()) / 80_000.0;
        assert!((0.04..0.07).contains(&share), "{share}");
        let together = pairs[1] / pairs[0];
        assert!((0.11..0.24).contains(&together), "{together}");
    }
}
