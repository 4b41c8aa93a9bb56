//! Rates with intervals, and the few distributions that they need.

use crate::view::Rate;

/// Two-sided 95 % point of the normal distribution.
const Z95: f64 = 1.959_964;

/// One-sided 69 % and 95 % points.
pub(crate) const Z69_ONE_SIDED: f64 = 0.495_850;
pub(crate) const Z95_ONE_SIDED: f64 = 1.644_854;

/// A count as a real number; counts of devices are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "device counts are far below 2^52"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// `failed ÷ tried` with its 95 % interval after Wilson; nothing tried: 0 to 1.
pub(crate) fn wilson(failed: u64, tried: u64) -> Rate {
    let (value, low, high) = wilson_of(real(failed), real(tried));
    Rate {
        failed,
        tried,
        value,
        low,
        high,
    }
}

/// `hits ÷ cases` with its 95 % interval after Wilson; without a case 0, 0 to 1.
pub(crate) fn wilson_of(hits: f64, cases: f64) -> (f64, f64, f64) {
    if cases <= 0.0 {
        return (0.0, 0.0, 1.0);
    }
    let p = (hits / cases).clamp(0.0, 1.0);
    let z2 = Z95 * Z95;
    let centre = (p + z2 / (2.0 * cases)) / (1.0 + z2 / cases);
    let spread = p * (1.0 - p) / cases + z2 / (4.0 * cases * cases);
    let half = Z95 / (1.0 + z2 / cases) * spread.sqrt();
    (p, (centre - half).max(0.0), (centre + half).min(1.0))
}

/// Upper bound of a rate, at the one-sided point `z`, of which `seen` cases were seen in `exposure`
/// trials, with a wide prior of half a case in `prior` trials.
///
/// Posterior Gamma(seen + ½, exposure + prior); the quantile after Wilson and
/// Hilferty, good to a few percent even for half a case.
pub(crate) fn upper_rate(seen: f64, (exposure, prior): (f64, f64), z: f64) -> f64 {
    let shape = seen + 0.5;
    let ninth = 1.0 / (9.0 * shape);
    let root = 1.0 - ninth + z * ninth.sqrt();
    (shape * root.powi(3) / (exposure + prior)).min(0.5)
}

/// Binomial log likelihood at its maximum.
pub(crate) fn log_likelihood(failed: f64, total: f64) -> f64 {
    let rest = total - failed;
    let mut sum = 0.0;
    if failed > 0.0 {
        sum += failed * (failed / total).ln();
    }
    if rest > 0.0 {
        sum += rest * (rest / total).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_rate_and_stays_between_0_and_1() {
        for (failed, tried) in [(0, 1), (1, 1), (0, 1000), (37, 2000), (1000, 1000)] {
            let rate = wilson(failed, tried);
            assert!(rate.low >= 0.0 && rate.high <= 1.0, "{rate:?}");
            assert!(rate.low <= rate.value + 1e-12 && rate.value <= rate.high + 1e-12);
        }
        let known = wilson(10, 100);
        assert!((known.low - 0.0552).abs() < 0.001 && (known.high - 0.1744).abs() < 0.001);
    }

    #[test]
    fn nothing_seen_in_many_trials_bounds_the_rate_by_about_two_cases() {
        let bound = upper_rate(0.0, (1_900.0, 100.0), Z95_ONE_SIDED);
        assert!((bound - 1.92 / 2000.0).abs() < 2e-4, "{bound}");
        assert!(upper_rate(0.0, (0.0, 100.0), Z95_ONE_SIDED) > 0.015);
        let eight = upper_rate(8.0, (1_900.0, 100.0), Z95_ONE_SIDED);
        assert!((eight - 13.8 / 2000.0).abs() < 3e-4, "{eight}");
    }
}
