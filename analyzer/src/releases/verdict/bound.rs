//! How high a failure rate may still be, however often one looks.
//!
//! **Any look.** Against every rate p0 we hold a bet: the likelihood of what was
//! seen, averaged over all rates (Beta with ½ and ½), divided by its likelihood
//! at p0. If p0 is true, that quotient exceeds 1 ÷ α at any look with a chance
//! of at most α (Ville's inequality). The rates that have not lost so are a
//! confidence sequence; its upper end is the bound (Robbins 1970; Howard et al.
//! 2021).
//!
//! **Branches fail together.** A branch of m devices counts as m ÷ (1 + (m - 1)
//! ρ) of them, as in samples of clusters (Kish 1965). With ρ estimated that is
//! no proof but a good approximation.

use crate::find::rate::real;

/// Correlation that devices of one branch are taken to have.
const TOGETHER: f64 = 0.05;

/// More devices than this are not asked for.
const MOST_NEEDED: u64 = 1_000_000;

/// What settled, as so many independent devices.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Settled {
    failed: f64,
    devices: f64,
    /// How many devices count as one.
    weight: f64,
}

impl Settled {
    /// `failed` of `devices`, which stand in branches of these sizes.
    pub(super) fn new(failed: u64, devices: u64, branches: impl Iterator<Item = u64>) -> Self {
        let (mut sum, mut squares) = (0.0, 0.0);
        for size in branches {
            sum += real(size);
            squares += real(size) * real(size);
        }
        let mean = if sum > 0.0 { squares / sum } else { 1.0 };
        let weight = 1.0 + (mean - 1.0).max(0.0) * TOGETHER;
        Self {
            failed: real(failed) / weight,
            devices: real(devices) / weight,
            weight,
        }
    }

    /// The same with further devices of which a share fails.
    fn and(self, devices: u64, share: f64) -> Self {
        let more = real(devices) / self.weight;
        Self {
            failed: self.failed + more * share,
            devices: self.devices + more,
            ..self
        }
    }

    fn rate(self) -> f64 {
        if self.devices > 0.0 {
            self.failed / self.devices
        } else {
            0.0
        }
    }

    /// How sure it is that the rate lies below `limit`: 0 to 1.
    pub(super) fn confidence_below(self, limit: f64) -> f64 {
        if self.devices <= 0.0 || self.rate() >= limit || limit >= 1.0 {
            return 0.0;
        }
        (1.0 - (-self.log_e(limit)).exp()).max(0.0)
    }

    /// Upper bound of the rate, with the certainty `wanted`.
    pub(super) fn upper(self, wanted: f64) -> f64 {
        let (mut low, mut high) = (self.rate(), 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if self.confidence_below(middle) >= wanted {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Further devices, failing as `usual`, until the rate lies below `limit`
    /// with the certainty `wanted`.
    pub(super) fn needed(self, usual: f64, limit: f64, wanted: f64) -> Option<u64> {
        let enough = |more: u64| self.and(more, usual).confidence_below(limit) >= wanted;
        if enough(0) {
            return Some(0);
        }
        let mut high = 1;
        while !enough(high) {
            high *= 2;
            if high > MOST_NEEDED {
                return None;
            }
        }
        let mut low = high / 2;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }

    /// Logarithm of the bet against the rate `p0`.
    fn log_e(self, p0: f64) -> f64 {
        let whole = self.devices - self.failed;
        let mixed =
            ln_gamma(self.failed + 0.5) + ln_gamma(whole + 0.5) - ln_gamma(self.devices + 1.0);
        let prior = 2.0 * ln_gamma(0.5);
        mixed - prior - self.failed * p0.ln() - whole * (1.0 - p0).ln()
    }
}

/// Logarithm of the gamma function, for x > 0 (Lanczos, g = 7: good to 15
/// digits).
fn ln_gamma(x: f64) -> f64 {
    const SERIES: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_9;
    let mut at = x;
    for coefficient in SERIES {
        at += 1.0;
        sum += coefficient / at;
    }
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(failed: u64, devices: u64) -> Settled {
        Settled::new(failed, devices, std::iter::repeat_n(1, 3))
    }

    #[test]
    fn factorials_come_out_of_the_gamma_function() {
        for (x, factorial) in [(1.0, 1.0_f64), (5.0, 24.0), (11.0, 3_628_800.0)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-10, "{x}");
        }
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-10);
    }

    #[test]
    fn the_bound_falls_with_devices_and_rises_with_failures_and_branches() {
        assert!(alone(0, 0).upper(0.95) > 0.999);
        let bounds = [(0, 20), (0, 200), (0, 2_000)].map(|(k, n)| alone(k, n).upper(0.95));
        assert!(bounds[0] > bounds[1] && bounds[1] > bounds[2], "{bounds:?}");
        assert!(bounds[2] < 0.005);
        assert!(alone(40, 2_000).upper(0.95) > 0.02);
        let together = Settled::new(40, 2_000, std::iter::repeat_n(20, 100));
        assert!(together.upper(0.95) > alone(40, 2_000).upper(0.95));
    }

    #[test]
    fn what_is_said_to_be_needed_is_enough_and_one_less_is_not() {
        let now = alone(1, 40);
        let needed = now.needed(0.02, 0.04, 0.95).unwrap();
        assert!((100..2_000).contains(&needed), "{needed}");
        assert!(now.and(needed, 0.02).upper(0.95) <= 0.04 + 1e-9);
        assert!(now.and(needed - 1, 0.02).confidence_below(0.04) < 0.95);
        assert_eq!(alone(0, 9).needed(0.05, 0.04, 0.95), None);
    }

    /// Devices one after the other at the limit itself: a bound below it is an
    /// error, at whatever look.
    #[test]
    fn a_rate_at_the_limit_is_called_lower_at_most_as_often_as_allowed() {
        let mut dice = fastrand::Rng::with_seed(7);
        let worlds = 400;
        let mut wrong = 0;
        for _ in 0..worlds {
            let mut failed = 0;
            let seen = (1..=600).any(|devices| {
                failed += u64::from(dice.f64() < 0.04);
                alone(failed, devices).confidence_below(0.04) >= 0.95
            });
            wrong += u32::from(seen);
        }
        assert!(wrong <= worlds / 20 + 9, "{wrong} of {worlds}");
    }
}
