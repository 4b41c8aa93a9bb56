//! Simple rivals: published methods and one that anyone would write, each in
//! its plain form.

use std::collections::BTreeSet;

use super::table::{Leaf, Pattern, Table, cuboids, group};

/// Finds the causes of a table.
pub(crate) type Rival = fn(&Table) -> BTreeSet<Pattern>;

/// Each with its name.
pub(crate) const RIVALS: [(&str, Rival); 3] = [
    ("Adtributor", adtributor),
    ("RiskLoc", riskloc),
    ("likelihood", likelihood),
];

/// Single attributes by surprise and explanatory power (Bhagwan and others,
/// NSDI 2014), with its thresholds; of the attribute of most surprise.
fn adtributor(table: &Table) -> BTreeSet<Pattern> {
    const EACH: f64 = 0.1;
    const TOGETHER: f64 = 0.67;
    let figures: Vec<(&Leaf, [f64; 2])> = table
        .leaves
        .iter()
        .map(|leaf| (leaf, [leaf.failed, table.forecast(leaf) * leaf.total]))
        .collect();
    let sum = |at: usize| figures.iter().map(|(_, f)| f[at]).sum::<f64>();
    let (real, expected) = (sum(0), sum(1));
    // Without a comparison the sums are the same by construction.
    let change = if table.compares {
        real - expected
    } else {
        real
    };
    if change <= 0.0 {
        return BTreeSet::new();
    }
    let mut best: Option<(f64, BTreeSet<Pattern>)> = None;
    for attribute in 0..table.attributes {
        let groups = group(&figures, &[attribute], |sum, one| {
            sum[0] += one[0];
            sum[1] += one[1];
        });
        let mut values: Vec<(f64, f64, Pattern)> = groups
            .into_iter()
            .map(|(pattern, [now, before])| {
                let (q, p) = (now / real.max(1e-9), before / expected.max(1e-9));
                (surprise(p, q), (now - before) / change, pattern)
            })
            .collect();
        values.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut explained, mut surprised) = (0.0, 0.0);
        let mut chosen = BTreeSet::new();
        for (surprise, power, pattern) in values {
            if power <= EACH || explained > TOGETHER {
                continue;
            }
            explained += power;
            surprised += surprise;
            chosen.insert(pattern);
        }
        let enough = explained > TOGETHER || (!table.compares && !chosen.is_empty());
        if enough && best.as_ref().is_none_or(|(most, _)| surprised > *most) {
            best = Some((surprised, chosen));
        }
    }
    best.map(|(_, chosen)| chosen).unwrap_or_default()
}

/// Part of a Jensen-Shannon divergence.
fn surprise(p: f64, q: f64) -> f64 {
    let part = |a: f64| {
        if a > 0.0 {
            a * (2.0 * a / (p + q)).ln()
        } else {
            0.0
        }
    };
    0.5 * (part(p) + part(q))
}

/// A leaf as `RiskLoc` sees it.
#[derive(Debug, Clone, Copy, Default)]
struct Risk {
    high: f64,
    low: f64,
    power: f64,
    leaves: f64,
    real: f64,
    forecast: f64,
}

/// Weighted risk of leaves beyond a cutoff of their deviation (Kalander 2022),
/// with its thresholds, layer by layer.
fn riskloc(table: &Table) -> BTreeSet<Pattern> {
    const RISK: f64 = 0.5;
    const POWER: f64 = 0.02;
    let mut deviations: Vec<f64> = Vec::new();
    let rated: Vec<(&Leaf, f64, f64)> = table
        .leaves
        .iter()
        .map(|leaf| (leaf, leaf.rate(), table.forecast(leaf)))
        .collect();
    let deviation = |real: f64, forecast: f64| {
        if real + forecast > 0.0 {
            2.0 * (forecast - real) / (forecast + real)
        } else {
            0.0
        }
    };
    deviations.extend(
        rated
            .iter()
            .map(|(_, real, forecast)| deviation(*real, *forecast)),
    );
    deviations.sort_by(f64::total_cmp);
    deviations.dedup();
    // Without the five most extreme, the side that strays less is the noise.
    let at = |index: usize| deviations.get(index).copied().unwrap_or_default();
    let (low, high) = (at(5), at(deviations.len().saturating_sub(6)));
    let cutoff = if low.abs() < high.abs() { -low } else { -high };
    let change: f64 = rated.iter().map(|(leaf, r, f)| (r - f) * leaf.total).sum();
    let scale = if change.abs() > 0.0 { change } else { 1.0 };
    let mut left: Vec<(&Leaf, Risk)> = rated
        .iter()
        .map(|(leaf, real, forecast)| {
            let strays = deviation(*real, *forecast);
            let beyond = if cutoff >= 0.0 {
                strays > cutoff
            } else {
                strays < cutoff
            };
            let weight = if beyond {
                strays.abs()
            } else {
                (cutoff - strays).abs()
            }
            .min(1.0);
            let risk = Risk {
                high: if beyond { weight } else { 0.0 },
                low: if beyond || *real + *forecast <= 0.0 {
                    0.0
                } else {
                    weight
                },
                power: (real - forecast) * leaf.total / scale,
                leaves: if beyond { 1.0 } else { 0.0 },
                real: *real,
                forecast: *forecast,
            };
            (*leaf, risk)
        })
        .collect();
    let beyond = |left: &[(&Leaf, Risk)]| {
        left.iter()
            .filter(|(_, r)| r.leaves > 0.0)
            .map(|(_, r)| r.power)
            .sum::<f64>()
    };
    let sign = if beyond(&left) < 0.0 { -1.0 } else { 1.0 };
    for (_, risk) in &mut left {
        risk.power *= sign;
    }
    let least = beyond(&left) * POWER;
    let mut found = BTreeSet::new();
    while beyond(&left) >= least && found.len() < 10 {
        let Some(pattern) = riskiest(table, &left, (least, RISK)) else {
            break;
        };
        left.retain(|(leaf, _)| !leaf.matches(&pattern));
        found.insert(pattern);
    }
    found
}

fn riskiest(table: &Table, left: &[(&Leaf, Risk)], (least, enough): (f64, f64)) -> Option<Pattern> {
    for size in 1..=table.attributes.min(3) {
        let mut best: Option<(f64, Pattern)> = None;
        for cuboid in cuboids(table.attributes, size) {
            let mut groups = group(left, &cuboid, |sum, one| {
                sum.high += one.high;
                sum.low += one.low;
                sum.power += one.power;
                sum.leaves += one.leaves;
                sum.real += one.real;
                sum.forecast += one.forecast;
            });
            let floor = best.as_ref().map_or(least, |(power, _)| *power);
            groups.retain(|(_, sum)| sum.leaves > 0.0 && sum.power > floor);
            groups.sort_by(|a, b| b.1.power.total_cmp(&a.1.power));
            let risky = groups.into_iter().find(|(pattern, sum)| {
                let high = sum.high / (sum.high + sum.low + 1.0);
                high - unlike_ripple(left, pattern, sum) >= enough
            });
            if let Some((pattern, sum)) = risky {
                best = Some((sum.power, pattern));
            }
        }
        if let Some((_, pattern)) = best {
            return Some(pattern);
        }
    }
    None
}

/// How far leaves stray from the ripple of their sum, over how far they stray.
fn unlike_ripple(left: &[(&Leaf, Risk)], pattern: &Pattern, sum: &Risk) -> f64 {
    let apart = |a: f64, b: f64| {
        if a + b > 0.0 {
            (2.0 * (a - b) / (a + b)).abs()
        } else {
            0.0
        }
    };
    let inside = left
        .iter()
        .filter(|(leaf, risk)| risk.real > 0.0 && risk.forecast > 0.0 && leaf.matches(pattern));
    let ripple = sum.real / sum.forecast.max(1e-12);
    let (mut from_ripple, mut from_forecast) = (0.0, 0.0);
    for (_, risk) in inside {
        from_ripple += apart(risk.forecast * ripple, risk.real);
        from_forecast += apart(risk.forecast, risk.real);
    }
    if from_forecast > 0.0 {
        from_ripple / from_forecast
    } else {
        0.0
    }
}

/// Greedy likelihood-ratio search over all combinations: what a statistician
/// writes in thirty lines.
fn likelihood(table: &Table) -> BTreeSet<Pattern> {
    let mut left: Vec<(&Leaf, [f64; 2])> = table
        .leaves
        .iter()
        .map(|leaf| {
            (
                leaf,
                [leaf.failed, (table.forecast(leaf) * leaf.total).max(1e-6)],
            )
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut first: Option<f64> = None;
    while found.len() < 5 {
        let whole = left
            .iter()
            .fold([0.0, 0.0], |s, (_, f)| [s[0] + f[0], s[1] + f[1]]);
        let mut best: (f64, Option<Pattern>) = (12.0, None);
        for size in 1..=3 {
            for cuboid in cuboids(table.attributes, size) {
                let groups = group(&left, &cuboid, |sum, one| {
                    sum[0] += one[0];
                    sum[1] += one[1];
                });
                for (pattern, inside) in groups {
                    let items = u8::try_from(size).map_or(0.0, f64::from);
                    let score = apart(inside, whole) - 4.0 * items;
                    if score > best.0 {
                        best = (score, Some(pattern));
                    }
                }
            }
        }
        let (score, Some(pattern)) = best else { break };
        if score < 0.2 * *first.get_or_insert(score) {
            break;
        }
        left.retain(|(leaf, _)| !leaf.matches(&pattern));
        found.insert(pattern);
    }
    found
}

/// Log likelihood ratio of two rates over one; 0 where the inside is lower.
fn apart(inside: [f64; 2], whole: [f64; 2]) -> f64 {
    let outside = [whole[0] - inside[0], whole[1] - inside[1]];
    if outside[1] <= 0.0 || inside[0] / inside[1] <= outside[0] / outside[1] {
        return 0.0;
    }
    let own = |[failed, expected]: [f64; 2]| {
        if failed > 0.0 {
            failed * (failed / expected).ln()
        } else {
            0.0
        }
    };
    own(inside) + own(outside) - own(whole)
}
