//! Draws one table of a family: leaves, usual rates, causes that can be seen, and
//! what happened.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::families::Family;
use super::table::{Leaf, Pattern, Table};

/// Beyond so many possible leaves, so many are drawn.
const MANY: usize = 2_000_000;
const FEW: usize = 6_000;

/// One table of a family.
pub(crate) fn draw(family: &Family, seed: u64) -> Table {
    let mut dice = Dice::new(seed);
    loop {
        if let Some(table) = try_draw(family, &mut dice) {
            return table;
        }
    }
}

fn within(dice: &mut Dice, (low, high): (usize, usize)) -> usize {
    low + dice.below(high - low + 1)
}

fn range(dice: &mut Dice, (low, high): (f64, f64)) -> f64 {
    dice.between(low, high)
}

/// `None` where no cause fits that could be told from its neighbours.
fn try_draw(family: &Family, dice: &mut Dice) -> Option<Table> {
    let sizes: Vec<usize> = family
        .sizes
        .iter()
        .map(|size| within(dice, *size))
        .collect();
    let mut table = Table {
        attributes: sizes.len(),
        leaves: populate(family, &sizes, dice),
        compares: family.usual.is_some(),
        ..Table::default()
    };
    let overall = dice.log_between(family.rate.0, family.rate.1);
    let rates = usual_rates(family, &table, overall, dice);
    let strays = by_value(&table, family.wander, dice);
    let world = World {
        strays,
        noise: range(dice, family.noise),
        drift: range(dice, family.drift),
        covers: range(dice, family.covers),
        periods: family.usual.map_or(0.0, |usual| range(dice, usual)),
    };
    let wanted = within(dice, family.causes);
    let mut lifts: Vec<(Pattern, f64)> = Vec::new();
    for _ in 0..200 {
        if lifts.len() == wanted {
            break;
        }
        let pattern = pick(family, &table, dice);
        let lift = dice.log_between(family.lift.0, family.lift.1);
        let apart = lifts
            .iter()
            .all(|(other, _)| table.overlap(&pattern, other) == 0.0);
        if apart && can_be_seen(&table, &rates, (&pattern, lift), &world) {
            lifts.push((pattern, lift));
        }
    }
    if lifts.len() < wanted {
        return None;
    }
    happen(family, &mut table, (&rates, &lifts), &world, dice);
    disturb(family, &mut table, &lifts, dice);
    table.truth = lifts.into_iter().map(|(pattern, _)| pattern).collect();
    Some(table)
}

fn populate(family: &Family, sizes: &[usize], dice: &mut Dice) -> Vec<Leaf> {
    let density = range(dice, family.density);
    let shape = range(dice, family.shape);
    let popular: Vec<Vec<f64>> = sizes
        .iter()
        .map(|size| (0..*size).map(|_| dice.weibull(0.8) + 0.05).collect())
        .collect();
    // The value of the attribute before that a value goes along with.
    let partner: Vec<Vec<usize>> = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| {
            let before = at.checked_sub(1).and_then(|at| sizes.get(at)).copied();
            (0..*size)
                .map(|_| dice.below(before.unwrap_or(1)))
                .collect()
        })
        .collect();
    let mut leaves = Vec::new();
    for values in chosen(sizes, &popular, density, dice) {
        let mut weight = dice.weibull(shape);
        for (at, value) in values.iter().enumerate() {
            weight *= popular[at][*value];
            let before = at.checked_sub(1).and_then(|at| values.get(at));
            if before.is_some_and(|before| *before != partner[at][*value]) {
                weight *= 1.0 - family.follows;
            }
        }
        leaves.push(Leaf {
            values,
            failed: 0.0,
            total: weight,
            usual_failed: 0.0,
            usual_total: 0.0,
        });
    }
    if family.giant > 0.0 {
        let sum: f64 = leaves.iter().map(|leaf| leaf.total).sum();
        let giant = dice.below(leaves.len().max(1));
        if let Some(leaf) = leaves.get_mut(giant) {
            leaf.total = sum * family.giant / (1.0 - family.giant);
        }
    }
    let sum: f64 = leaves.iter().map(|leaf| leaf.total).sum();
    let total = dice.log_between(family.total.0, family.total.1);
    for leaf in &mut leaves {
        leaf.total = (leaf.total / sum * total).round();
    }
    leaves.retain(|leaf| leaf.total > 0.0);
    leaves
}

/// Which leaves there are: each with the chance of `density`; popular values
/// where there are too many leaves to ask each.
fn chosen(sizes: &[usize], popular: &[Vec<f64>], density: f64, dice: &mut Dice) -> Vec<Vec<usize>> {
    let all: usize = sizes.iter().product();
    if all <= MANY {
        let mut leaves = Vec::new();
        for number in 0..all {
            if dice.chance(density) {
                let mut rest = number;
                let value = |size: &usize| {
                    let value = rest % size;
                    rest /= size;
                    value
                };
                leaves.push(sizes.iter().map(value).collect());
            }
        }
        return leaves;
    }
    let mut leaves: BTreeSet<Vec<usize>> = BTreeSet::new();
    for _ in 0..FEW {
        let value = |popular: &Vec<f64>| {
            let mut left = dice.unit() * popular.iter().sum::<f64>();
            let at = popular.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            at.unwrap_or(0)
        };
        leaves.insert(popular.iter().map(value).collect());
    }
    leaves.into_iter().collect()
}

fn usual_rates(family: &Family, table: &Table, overall: f64, dice: &mut Dice) -> Vec<f64> {
    let factors = by_value(table, family.by_value, dice);
    let rate =
        |leaf: &Leaf| (overall * product(&factors, leaf) * dice.factor(family.by_leaf)).min(0.6);
    table.leaves.iter().map(rate).collect()
}

/// A factor for every value of every attribute.
fn by_value(table: &Table, spread: f64, dice: &mut Dice) -> Vec<Vec<f64>> {
    let attributes = 0..table.attributes;
    attributes
        .map(|attribute| {
            let size = table.leaves.iter().map(|leaf| leaf.values[attribute]).max();
            (0..=size.unwrap_or(0))
                .map(|_| dice.factor(spread))
                .collect()
        })
        .collect()
}

fn product(factors: &[Vec<f64>], leaf: &Leaf) -> f64 {
    let values = factors.iter().zip(&leaf.values);
    values.map(|(factors, value)| factors[*value]).product()
}

fn pick(family: &Family, table: &Table, dice: &mut Dice) -> Pattern {
    let items = within(dice, family.items);
    let leaf = &table.leaves[dice.below(table.leaves.len())];
    let chosen = dice.choose(items, table.attributes);
    chosen.into_iter().map(|at| (at, leaf.values[at])).collect()
}

/// What holds for a whole table.
struct World {
    /// By attribute and value.
    strays: Vec<Vec<f64>>,
    noise: f64,
    drift: f64,
    covers: f64,
    /// Length of the comparison; 0 without.
    periods: f64,
}

/// Big enough to be noticed (six standard deviations), small enough to be a
/// part, and told from every shorter pattern and every single value by what it
/// holds.
fn can_be_seen(
    table: &Table,
    rates: &[f64],
    (pattern, lift): (&Pattern, f64),
    world: &World,
) -> bool {
    let (mut expected, mut inside, mut all, mut leaves) = (0.0, 0.0, 0.0, 0);
    let mut variance = 0.0;
    for (leaf, rate) in table.leaves.iter().zip(rates) {
        all += leaf.total;
        if leaf.matches(pattern) {
            let mean = leaf.total * rate;
            let forecast = if world.periods > 0.0 {
                mean / world.periods
            } else {
                0.0
            };
            variance += mean * lift + forecast + (mean * lift * world.noise).powi(2);
            expected += mean;
            inside += leaf.total;
            leaves += 1;
        }
    }
    let excess = expected * (lift - 1.0) * world.covers;
    let noticed = excess >= 15.0 && excess >= 6.0 * variance.sqrt();
    if leaves < 2 || !noticed || inside > 0.5 * all || inside < 0.002 * all {
        return false;
    }
    let shorter = pattern.keys().filter(|_| pattern.len() > 1).map(|out| {
        let mut shorter = pattern.clone();
        shorter.remove(out);
        shorter
    });
    let mut others = shorter.filter(|other| other != pattern);
    others.all(|other| table.overlap(pattern, &other) < 0.8) && no_value_is_like(table, pattern)
}

/// Whether no single value holds nearly what `pattern` does.
fn no_value_is_like(table: &Table, pattern: &Pattern) -> bool {
    let inside: Vec<bool> = table.leaves.iter().map(|l| l.matches(pattern)).collect();
    let held: f64 = table
        .leaves
        .iter()
        .zip(&inside)
        .map(|(leaf, inside)| if *inside { leaf.total } else { 0.0 })
        .sum();
    (0..table.attributes).all(|attribute| {
        let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (leaf, inside) in table.leaves.iter().zip(&inside) {
            let sum = sums.entry(leaf.values[attribute]).or_default();
            sum.0 += leaf.total;
            sum.1 += if *inside { leaf.total } else { 0.0 };
        }
        sums.into_iter().all(|(value, (all, both))| {
            let itself = pattern.len() == 1 && pattern.get(&attribute) == Some(&value);
            itself || both < 0.8 * (all + held - both)
        })
    })
}

fn happen(
    family: &Family,
    table: &mut Table,
    (rates, lifts): (&[f64], &[(Pattern, f64)]),
    world: &World,
    dice: &mut Dice,
) {
    for (leaf, rate) in table.leaves.iter_mut().zip(rates) {
        let mut now = rate * world.drift * dice.factor(world.noise);
        now *= product(&world.strays, leaf);
        for (pattern, lift) in lifts {
            if leaf.matches(pattern) && dice.chance(world.covers) {
                now *= 1.0 + (lift - 1.0) * dice.factor(family.uneven);
            }
        }
        leaf.failed = dice.hits(leaf.total, now.min(0.98));
        leaf.usual_total = (leaf.total * world.periods * dice.factor(0.1)).round();
        leaf.usual_failed = dice.hits(leaf.usual_total, *rate);
    }
}

/// What no cause explains: leaves that are not known from before, and storms of
/// one client each.
fn disturb(family: &Family, table: &mut Table, lifts: &[(Pattern, f64)], dice: &mut Dice) {
    if family.absent > 0.0 {
        for leaf in &mut table.leaves {
            if dice.chance(family.absent) {
                leaf.usual_failed = 0.0;
                leaf.usual_total = 0.0;
            }
        }
    }
    let failed: f64 = table.leaves.iter().map(|leaf| leaf.failed).sum();
    let apart: Vec<usize> = (0..table.leaves.len())
        .filter(|at| !lifts.iter().any(|(p, _)| table.leaves[*at].matches(p)))
        .collect();
    if apart.is_empty() || family.storms.1 == 0 {
        return;
    }
    for _ in 0..within(dice, family.storms) {
        let leaf = &mut table.leaves[apart[dice.below(apart.len())]];
        let tries = (failed * dice.between(0.03, 0.1)).round();
        leaf.failed += tries;
        leaf.total += tries;
    }
}
