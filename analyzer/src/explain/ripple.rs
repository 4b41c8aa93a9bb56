//! What each leaf says: how many failed, how many were to be expected, and how
//! much weight that has.
//!
//! **The ripple.** A cause multiplies the rate of all its leaves by the same
//! factor; elsewhere all leaves share another factor, near 1. So a leaf speaks
//! by failed ÷ expected, and a set of leaves by the sums of both.
//!
//! **Weights.** Leaves stray from their forecast by more than counting explains:
//! by a share of themselves. With that spread, estimated from the median leaf so
//! that the cause itself does not count, the variance of a leaf is
//! expected + error of the forecast + spread² · expected², and its weight is
//! what counting alone would give, divided by that. Where the whole table fails
//! some times as often, expected is so many times more, and so are error and
//! spread: the luck of a usual count is no cause. A leaf of a million viewers
//! then outvotes a leaf of a hundred, but not ten thousand of them.

use super::table::{Counts, Table};
use super::usual::{Usual, usual};

/// A leaf strays from its forecast by this share of itself at least.
const LEAST_SPREAD: f64 = 0.05;

/// A forecast errs by this share of what the whole table's comparison allows at
/// least: what leaves learn from each other errs for all of them together.
const LEAST_ERROR: f64 = 0.5;

/// Largest spread that is believed.
const MOST_SPREAD: f64 = 2.0;

/// Leaves with fewer expected failures say nothing about the spread.
const TELLS_FROM: f64 = 3.0;

/// Fewest leaves that tell a spread.
const TELLING_LEAVES: usize = 8;

/// Median of the square of a standard normal.
const MEDIAN_SQUARE: f64 = 0.455;

/// One leaf's evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Voice {
    pub(super) failed: f64,
    pub(super) expected: f64,
    /// Variance of `expected` as a forecast.
    error: f64,
    /// What a failure of it counts.
    pub(super) weight: f64,
}

/// Expected failures of every leaf; weights are not set yet.
pub(super) fn voices(table: &Table) -> Vec<Voice> {
    let mut all = Counts::default();
    for counts in &table.counts {
        all.add(*counts);
    }
    let overall = (all.failed + 0.5) / (all.total + 1.0);
    let voice = |counts: &Counts, expected: f64, error: f64| Voice {
        failed: counts.failed,
        expected,
        error,
        weight: 1.0,
    };
    if !table.compares {
        let alone = |counts: &Counts| voice(counts, overall * counts.total, 0.0);
        return table.counts.iter().map(alone).collect();
    }
    let least = (all.total + 1.0) / (all.usual_total + 1.0);
    let compared = |(counts, usual): (&Counts, Usual)| {
        let expected = usual.rate * counts.total;
        let error = (counts.total / usual.trials).max(LEAST_ERROR * least);
        voice(counts, expected, expected * error)
    };
    table
        .counts
        .iter()
        .zip(usual(table))
        .map(compared)
        .collect()
}

/// Sets the weights, given the factor by which each leaf's rate is changed.
pub(super) fn weigh(voices: &mut [Voice], factors: &[f64], common: f64) {
    let telling = voices.iter().zip(factors).filter_map(|(voice, factor)| {
        let mean = voice.expected * factor;
        let counting = mean + voice.error * factor * factor;
        let strays = (voice.failed - mean).powi(2);
        (mean >= TELLS_FROM).then_some((strays, counting, mean * mean))
    });
    let telling: Vec<(f64, f64, f64)> = telling.collect();
    let spread = spread(&telling);
    // As if all were as usual: a cause is judged against that.
    for voice in voices {
        let relative = spread * spread * voice.expected;
        let error = voice.error / voice.expected.max(1e-12);
        voice.weight = 1.0 / (1.0 + common * (error + relative));
    }
}

/// The spread at which the median leaf strays as a median leaf should.
fn spread(telling: &[(f64, f64, f64)]) -> f64 {
    if telling.len() < TELLING_LEAVES {
        return LEAST_SPREAD;
    }
    let median = |spread: f64| {
        let square = |(strays, counting, mean2): &(f64, f64, f64)| {
            strays / (counting + spread * spread * mean2)
        };
        let mut squares: Vec<f64> = telling.iter().map(square).collect();
        let middle = squares.len() / 2;
        *squares.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    let (mut low, mut high) = (LEAST_SPREAD, MOST_SPREAD);
    if median(low) <= MEDIAN_SQUARE {
        return low;
    }
    for _ in 0..20 {
        let middle = (low * high).sqrt();
        if median(middle) > MEDIAN_SQUARE {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves of 100 expected failures that stray by `share` of themselves, up
    /// and down, and one that fails ten times as often.
    fn straying(share: f64) -> Vec<Voice> {
        let voice = |number: u32| {
            let up = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
            Voice {
                failed: if number == 0 {
                    1_000.0
                } else {
                    100.0 * (1.0 + up * share)
                },
                expected: 100.0,
                error: 0.0,
                weight: 1.0,
            }
        };
        (0..41).map(voice).collect()
    }

    #[test]
    fn a_leaf_weighs_less_the_more_leaves_stray() {
        let weight = |share: f64| {
            let mut voices = straying(share);
            weigh(&mut voices, &[1.0; 41], 1.0);
            voices[5].weight
        };
        assert!(weight(0.0) > 0.75, "{}", weight(0.0));
        assert!(weight(0.4) < 0.06, "{}", weight(0.4));
        assert!(weight(0.2) < weight(0.0));
    }

    #[test]
    fn a_leaf_without_comparison_is_expected_to_fail_as_the_table_does() {
        let counts = |usual_failed, usual_total| Counts {
            failed: 1.0,
            total: 10.0,
            usual_failed,
            usual_total,
        };
        let table = Table {
            counts: vec![counts(50.0, 500.0), counts(0.0, 0.0)],
            compares: true,
            ..Table::default()
        };
        let expected: Vec<f64> = voices(&table).iter().map(|v| v.expected).collect();
        assert!((expected[0] - 1.0).abs() < 0.02 && (expected[1] - 1.0).abs() < 0.02);
    }
}
