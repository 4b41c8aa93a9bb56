//! Risk ratios: crude, and compared like with like.

/// Two-sided 95 % point of the normal distribution.
const Z95: f64 = 1.959_964;

/// Failed and total, with and without a property.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Fourfold {
    pub(crate) failed_in: f64,
    pub(crate) total_in: f64,
    pub(crate) failed_out: f64,
    pub(crate) total_out: f64,
}

/// A risk ratio with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Fourfold {
    /// Rate with ÷ rate without, half a case added to each count so that it is
    /// finite; interval on the log scale.
    pub(crate) fn risk_ratio(&self) -> Ratio {
        let a = self.failed_in + 0.5;
        let n = self.total_in + 0.5;
        let c = self.failed_out + 0.5;
        let m = self.total_out + 0.5;
        let value = (a / n) / (c / m);
        let spread = Z95 * (1.0 / a - 1.0 / n + 1.0 / c - 1.0 / m).max(0.0).sqrt();
        Ratio {
            value,
            low: value * (-spread).exp(),
            high: value * spread.exp(),
        }
    }

    pub(crate) fn add(&mut self, inside: bool, failed: f64, total: f64) {
        if inside {
            self.failed_in += failed;
            self.total_in += total;
        } else {
            self.failed_out += failed;
            self.total_out += total;
        }
    }
}

/// Common risk ratio over strata after Mantel and Haenszel, with the interval
/// of Greenland and Robins. `None` if no stratum has devices on both sides.
///
/// Where one side has no failure at all, half a case is added on both sides of
/// every stratum, so that the ratio is finite.
pub(crate) fn mantel_haenszel(strata: &[Fourfold]) -> Option<Ratio> {
    let comparable =
        |s: &&Fourfold| s.total_in > 0.0 && s.total_out > 0.0 && s.failed_in + s.failed_out > 0.0;
    let strata: Vec<Fourfold> = strata.iter().filter(comparable).copied().collect();
    let plain = common_ratio(&strata, 0.0);
    plain.or_else(|| common_ratio(&strata, 0.5))
}

fn common_ratio(strata: &[Fourfold], added: f64) -> Option<Ratio> {
    let (mut up, mut down, mut variance) = (0.0, 0.0, 0.0);
    for stratum in strata {
        let (a, c) = (stratum.failed_in + added, stratum.failed_out + added);
        let (n1, n0) = (stratum.total_in + added, stratum.total_out + added);
        let total = n1 + n0;
        up += a * n0 / total;
        down += c * n1 / total;
        variance += (n1 * n0 * (a + c) - a * c * total) / (total * total);
    }
    if up <= 0.0 || down <= 0.0 {
        return None;
    }
    let value = up / down;
    let spread = Z95 * (variance.max(0.0) / (up * down)).sqrt();
    Some(Ratio {
        value,
        low: value * (-spread).exp(),
        high: value * spread.exp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fourfold(failed_in: f64, total_in: f64, failed_out: f64, total_out: f64) -> Fourfold {
        Fourfold {
            failed_in,
            total_in,
            failed_out,
            total_out,
        }
    }

    #[test]
    fn a_ratio_without_failures_outside_is_finite() {
        let ratio = fourfold(37.0, 40.0, 0.0, 1_960.0).risk_ratio();
        assert!(ratio.value.is_finite() && ratio.low > 10.0);
    }

    #[test]
    fn a_fact_that_only_follows_a_ring_is_cleared_within_rings() {
        // Ring 1 fails at 20 %, the others at 2 %; the fact is nearly only in ring 1.
        let ring1 = fourfold(18.0, 90.0, 2.0, 10.0);
        let others = fourfold(0.0, 10.0, 18.0, 890.0);
        let crude = fourfold(18.0, 100.0, 20.0, 900.0).risk_ratio();
        assert!(crude.low > 2.0);
        let adjusted = mantel_haenszel(&[ring1, others]).unwrap();
        assert!(adjusted.low < 1.0 && adjusted.value < 1.5, "{adjusted:?}");
    }

    #[test]
    fn a_real_cause_survives_the_strata() {
        let strata = [
            fourfold(10.0, 12.0, 1.0, 100.0),
            fourfold(20.0, 25.0, 3.0, 400.0),
        ];
        let adjusted = mantel_haenszel(&strata).unwrap();
        assert!(adjusted.low > 10.0, "{adjusted:?}");
    }

    #[test]
    fn without_comparable_devices_there_is_no_ratio() {
        assert_eq!(mantel_haenszel(&[fourfold(3.0, 3.0, 0.0, 0.0)]), None);
    }
}
