//! How often each leaf fails usually: the product of what its values add, moved
//! towards the leaf's own comparison as far as leaves stray from their products.

use super::table::Table;

/// Rounds in which the factors of all attributes settle.
const ROUNDS: usize = 3;

/// Failures at the common rate that are added to each value's.
const PRIOR_OF_VALUE: f64 = 2.0;

/// How far leaves may stray from the product of their values, as the variance
/// of the factor.
const LEAST_VARIANCE: f64 = 0.02;
const MOST_VARIANCE: f64 = 2.0;

/// What is known of one leaf's usual rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    pub(super) rate: f64,
    /// Trials that it is known from.
    pub(super) trials: f64,
}

/// Usual rate of every leaf.
pub(super) fn usual(table: &Table) -> Vec<Usual> {
    let counted: Vec<(f64, f64)> = table
        .counts
        .iter()
        .map(|counts| (counts.usual_failed, counts.usual_total))
        .collect();
    let products = products(table, &counted);
    let alike = 1.0 / variance(&counted, &products);
    let one = |((failed, total), product): (&(f64, f64), &f64)| {
        let trials = total + alike / product;
        Usual {
            rate: ((failed + alike) / trials).min(1.0),
            trials,
        }
    };
    counted.iter().zip(&products).map(one).collect()
}

/// The rate of every leaf as a product of one factor for each of its values.
pub(super) fn products(table: &Table, counted: &[(f64, f64)]) -> Vec<f64> {
    let failed: f64 = counted.iter().map(|(failed, _)| failed).sum();
    let total: f64 = counted.iter().map(|(_, total)| total).sum();
    let mut rates = vec![(failed + 0.5) / (total + 1.0); counted.len()];
    let sizes = table.attributes.iter().map(|a| a.values.len());
    let mut factors: Vec<Vec<f64>> = sizes.map(|size| vec![1.0; size]).collect();
    for _ in 0..ROUNDS {
        for (column, factors) in table.columns.iter().zip(&mut factors) {
            let mut sums = vec![(PRIOR_OF_VALUE, PRIOR_OF_VALUE); factors.len()];
            for ((value, (failed, total)), rate) in column.iter().zip(counted).zip(&rates) {
                if let Some((sum, factor)) = sums.get_mut(*value).zip(factors.get(*value)) {
                    sum.0 += failed;
                    sum.1 += rate / factor * total;
                }
            }
            let news: Vec<f64> = sums
                .iter()
                .map(|(failed, expected)| failed / expected)
                .collect();
            for (value, rate) in column.iter().zip(&mut rates) {
                if let Some((new, old)) = news.get(*value).zip(factors.get(*value)) {
                    *rate *= new / old;
                }
            }
            *factors = news;
        }
    }
    rates
        .into_iter()
        .map(|rate| rate.clamp(1e-9, 0.95))
        .collect()
}

/// How far leaves stray from the product of their values beyond counting.
fn variance(counted: &[(f64, f64)], products: &[f64]) -> f64 {
    let (mut strays, mut means) = (0.0, 0.0);
    for ((failed, total), product) in counted.iter().zip(products) {
        let mean = total * product;
        if mean > 0.0 {
            // A large leaf tells more, but not for ever.
            let weight = 1.0 / (mean + mean * mean);
            strays += ((failed - mean).powi(2) - mean) * weight;
            means += mean * mean * weight;
        }
    }
    if means <= 0.0 {
        return MOST_VARIANCE;
    }
    (strays / means).clamp(LEAST_VARIANCE, MOST_VARIANCE)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::table::read;
    use super::*;

    #[test]
    fn a_leaf_that_was_hardly_seen_is_expected_to_fail_as_its_values_do() {
        let mut csv = String::from("x,y,failed,total,usual_failed,usual_total\n");
        for y in 0..10 {
            let seen = if y == 0 { (0, 2) } else { (90, 300) };
            writeln!(csv, "a,y{y},1,10,{},{}", seen.0, seen.1).unwrap();
            writeln!(csv, "b,y{y},1,10,9,300").unwrap();
        }
        let usual = usual(&read(csv.as_bytes()).unwrap());
        let rates: Vec<f64> = usual.iter().map(|usual| usual.rate).collect();
        assert!((rates[0] - 0.3).abs() < 0.05, "{rates:?}");
        assert!((rates[1] - 0.03).abs() < 0.005, "{rates:?}");
    }
}
