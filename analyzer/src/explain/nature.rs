//! How far single values differ by nature: where nothing compares, some were
//! always worse than others; where something does, they drifted.

use super::cuboids::Field;

/// Values of fewer expected failures say nothing about it, and fewer values.
const TELLS_FROM: f64 = 3.0;
const TELLING_VALUES: usize = 4;

/// What is assumed where too few values tell and nothing compares.
const UNKNOWN_SPREAD: f64 = 0.2;

/// Median of the square of a standard normal.
const MEDIAN_SQUARE: f64 = 0.455;

/// The spread at which the median value strays from the middle of its
/// attribute by more than counting explains; the median, so that a cause does
/// not count.
pub(super) fn natural_spread(field: &Field<'_>) -> f64 {
    let mut strays: Vec<f64> = Vec::new();
    for sums in &field.singles {
        let known = sums.iter();
        let known = known.filter(|sum| sum.expected * field.overall >= TELLS_FROM);
        let mut logs: Vec<(f64, f64)> = known
            .map(|sum| {
                (
                    factor(sum.failed, sum.expected).ln(),
                    1.0 / (sum.failed + 0.5),
                )
            })
            .collect();
        if logs.len() < 2 {
            continue;
        }
        logs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = logs.iter().map(|_| 1.0).sum::<f64>();
        let middle = median(&logs.iter().map(|log| log.0).collect::<Vec<_>>());
        let stray = |(log, counting): &(f64, f64)| {
            ((log - middle).powi(2) - counting).max(0.0) * values / (values - 1.0)
        };
        strays.extend(logs.iter().map(stray));
    }
    if strays.len() < TELLING_VALUES {
        return if field.table.compares {
            0.0
        } else {
            UNKNOWN_SPREAD
        };
    }
    strays.sort_by(f64::total_cmp);
    (median(&strays) / MEDIAN_SQUARE).sqrt().min(1.0)
}

/// Failed over expected, half a failure added to each so that it is finite.
pub(super) fn factor(failed: f64, expected: f64) -> f64 {
    (failed + 0.5) / (expected + 0.5)
}

/// Middle of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        0.5 * (at(half.saturating_sub(1)) + at(half))
    } else {
        at(half)
    }
}
