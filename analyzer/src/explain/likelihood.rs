//! How much better two factors describe a table than one.
//!
//! Values differ by nature: from their comparison, or where there is none, from
//! each other. A cause is judged by what it adds to that. Without a comparison a
//! conjunction must also fail more often than the product of its single values,
//! as they fail outside of it.

use super::cuboids::{Field, Item, Sum};
use super::nature::factor;

/// How many times the natural spread is passed over: with a comparison; for a
/// single value that nothing compares; for a conjunction that is compared with
/// its values.
const NATURAL: f64 = 1.5;
const NATURAL_ALONE: f64 = 2.5;
const NATURAL_OF_PRODUCT: f64 = 0.8;

/// Failures that are added to what a value has outside of a conjunction.
const PRIOR_OF_PRODUCT: f64 = 1.0;

impl Field<'_> {
    /// Log likelihood ratio of "the inside differs by more than nature does" over
    /// "it does not"; none where it does not.
    pub(super) fn score(&self, inside: &Sum, items: &[Item]) -> Option<f64> {
        apart(
            &self.whole,
            (inside.failed, inside.expected),
            self.null(inside, items),
        )
    }

    /// What a part of the set could score at most, about.
    pub(super) fn at_best(&self, inside: &Sum) -> f64 {
        let high = (inside.high_failed, inside.high_expected);
        apart(&self.whole, high, self.nature(2)).unwrap_or_default()
    }

    /// Factor inside over factor outside, beyond the product of single values.
    pub(super) fn lift(&self, inside: &Sum, items: &[Item]) -> f64 {
        lift(&self.whole, inside) / self.product(inside, items)
    }

    /// How many times the factor of the rest is no news.
    pub(super) fn null(&self, inside: &Sum, items: &[Item]) -> f64 {
        self.nature(items.len()) * self.product(inside, items)
    }

    fn nature(&self, items: usize) -> f64 {
        let passed_over = match (self.table.compares, items) {
            (true, _) => NATURAL,
            (false, 0 | 1) => NATURAL_ALONE,
            (false, _) => NATURAL_OF_PRODUCT,
        };
        let root = f64::from(u32::try_from(items).unwrap_or(1)).sqrt();
        (passed_over * self.natural * root).exp()
    }

    /// How many times the factor of the rest a conjunction has because of its
    /// single values, as they are outside of it.
    pub(super) fn product(&self, inside: &Sum, items: &[Item]) -> f64 {
        if items.len() < 2 || self.table.compares {
            return 1.0;
        }
        let beside = |(attribute, value): &Item| {
            let single = self.singles.get(*attribute).and_then(|s| s.get(*value));
            let beside = single.copied().unwrap_or_default().less(inside);
            let expected = beside.expected * self.overall;
            (beside.failed + PRIOR_OF_PRODUCT) / (expected + PRIOR_OF_PRODUCT)
        };
        items.iter().map(beside).product::<f64>().max(1.0)
    }
}

/// Two factors over one, where `null` times the other factor is no news.
pub(super) fn apart(whole: &Sum, (failed, expected): (f64, f64), null: f64) -> Option<f64> {
    let rest_failed = (whole.failed - failed).max(0.0);
    let rest_expected = whole.expected - expected;
    if expected <= 0.0 || rest_expected <= 1e-9 * whole.expected {
        return None;
    }
    let higher = failed * rest_expected > null * rest_failed * expected;
    higher.then(|| {
        let apart = own(failed, expected) + own(rest_failed, rest_expected);
        let alike = own(whole.failed, rest_expected + null * expected);
        apart - alike - failed * null.ln()
    })
}

/// Log likelihood of counts at their own factor, less what is common to all.
pub(super) fn own(failed: f64, expected: f64) -> f64 {
    if failed > 0.0 && expected > 0.0 {
        failed * (failed / expected).ln()
    } else {
        0.0
    }
}

/// Factor inside over factor outside.
pub(super) fn lift(whole: &Sum, inside: &Sum) -> f64 {
    let rest_failed = (whole.failed - inside.failed).max(0.0);
    let rest_expected = (whole.expected - inside.expected).max(0.0);
    factor(inside.failed, inside.expected) / factor(rest_failed, rest_expected)
}
