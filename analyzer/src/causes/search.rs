//! Finds the combinations of items that set failed rows apart: breadth first,
//! one to three items, pruned by support; the best explains its rows away, then
//! the rest is searched again.

use std::collections::HashMap;

use super::leaves::{Item, Leaf, Leaves};
use super::ratio::Fourfold;
use crate::find::rate::log_likelihood;

/// Most items of a combination.
const MAX_ITEMS: usize = 3;

/// Most combinations of one size that are refined further.
const WIDEST: usize = 400;

/// Most causes shown.
const MAX_CAUSES: usize = 5;

/// What a cause must show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Asked {
    /// Failed in it, at least.
    pub(crate) min_failed: f64,
    /// Part of all failed in it, at least.
    pub(crate) min_share: f64,
    /// Risk ratio, at least; its interval must be above 1 anyhow.
    pub(crate) min_ratio: f64,
    /// Log likelihood that chance may reach over everything that was tried.
    pub(crate) chance: f64,
    /// Log likelihood that each further item must add, and the part of the
    /// whole by which it must.
    pub(crate) per_item: f64,
    pub(crate) per_item_share: f64,
}

impl Asked {
    /// For the devices of a cluster: 1 in 1000 over all combinations tried.
    pub(crate) const OF_A_CLUSTER: Self = Self {
        min_failed: 3.0,
        min_share: 0.1,
        min_ratio: 2.0,
        chance: 6.9,
        per_item: 4.0,
        per_item_share: 0.1,
    };
}

/// A combination that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Its items, sorted.
    pub(crate) items: Vec<Item>,
    /// Failed and total with and without it, over all rows.
    pub(crate) counts: Fourfold,
    /// Log likelihood ratio among the rows that were left when it was found.
    pub(crate) score: f64,
}

/// Finds causes, best first.
pub(crate) fn search(leaves: &Leaves, asked: Asked) -> Vec<Found> {
    let mut left: Vec<usize> = (0..leaves.rows.len()).collect();
    let mut found: Vec<Found> = Vec::new();
    while found.len() < MAX_CAUSES {
        let rows: Vec<&Leaf> = left.iter().filter_map(|i| leaves.rows.get(*i)).collect();
        let Some(best) = best_of(&rows, leaves, asked) else {
            break;
        };
        left.retain(|i| leaves.rows.get(*i).is_some_and(|row| !row.has(&best.items)));
        found.push(Found {
            counts: counts(leaves.rows.iter(), &best.items),
            ..best
        });
    }
    found
}

/// Failed and total with and without `items`.
pub(crate) fn counts<'a>(rows: impl Iterator<Item = &'a Leaf>, items: &[Item]) -> Fourfold {
    let mut counts = Fourfold::default();
    for row in rows {
        counts.add(row.has(items), row.failed, row.total);
    }
    counts
}

fn best_of(rows: &[&Leaf], leaves: &Leaves, asked: Asked) -> Option<Found> {
    let failed: f64 = rows.iter().map(|row| row.failed).sum();
    let total: f64 = rows.iter().map(|row| row.total).sum();
    let whole = (failed, total);
    let floor = asked.min_failed.max(failed * asked.min_share);
    if failed < floor || failed <= 0.0 {
        return None;
    }
    let mut level: Vec<Vec<Item>> = (0..leaves.items())
        .filter_map(|item| Item::try_from(item).ok())
        .map(|item| vec![item])
        .collect();
    let mut best: Option<Found> = None;
    let mut tried = 0usize;
    for size in 1..=MAX_ITEMS {
        let mut scored = score_level(rows, &level, whole, floor);
        tried += level.len();
        scored.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.items.cmp(&b.items))
        });
        for candidate in &scored {
            best = Some(better(best, candidate, asked));
        }
        if size == MAX_ITEMS {
            break;
        }
        scored.truncate(WIDEST);
        level = refine(rows, &scored);
    }
    best.filter(|found| convinces(found, tried, asked))
}

/// A larger combination must be clearly better than a smaller one, else the
/// smaller explains as much.
fn better(best: Option<Found>, candidate: &Found, asked: Asked) -> Found {
    let Some(best) = best else {
        return candidate.clone();
    };
    let more = candidate.items.len().saturating_sub(best.items.len());
    let gain = match more {
        0 => 0.0,
        _ => (asked.per_item * crate::find::rate::real(more as u64))
            .max(best.score * asked.per_item_share),
    };
    if candidate.score > best.score + gain {
        candidate.clone()
    } else {
        best
    }
}

fn convinces(found: &Found, tried: usize, asked: Asked) -> bool {
    let looks = crate::find::rate::real(tried.max(1) as u64).ln();
    let ratio = found.counts.risk_ratio();
    found.score >= looks + asked.chance && ratio.value >= asked.min_ratio && ratio.low > 1.0
}

/// Counts every combination of a level in one pass over the rows.
fn score_level(
    rows: &[&Leaf],
    level: &[Vec<Item>],
    (failed, total): (f64, f64),
    floor: f64,
) -> Vec<Found> {
    let numbers: HashMap<&[Item], usize> = level
        .iter()
        .enumerate()
        .map(|(number, items)| (items.as_slice(), number))
        .collect();
    let size = level.first().map_or(1, Vec::len);
    let mut sums = vec![(0.0f64, 0.0f64); level.len()];
    let mut wanted: Vec<bool> = Vec::new();
    for item in level.iter().flatten() {
        let at = *item as usize;
        if wanted.len() <= at {
            wanted.resize(at + 1, false);
        }
        if let Some(flag) = wanted.get_mut(at) {
            *flag = true;
        }
    }
    let mut usable: Vec<Item> = Vec::new();
    for row in rows {
        usable.clear();
        let known = row.items.iter().copied();
        usable.extend(known.filter(|item| wanted.get(*item as usize).copied().unwrap_or(false)));
        for_each_combination(&usable, size, &mut |items| {
            if let Some(sum) = numbers.get(items).and_then(|number| sums.get_mut(*number)) {
                sum.0 += row.failed;
                sum.1 += row.total;
            }
        });
    }
    let scored = level.iter().zip(sums).filter_map(|(items, sum)| {
        let found = Found {
            items: items.clone(),
            counts: Fourfold {
                failed_in: sum.0,
                total_in: sum.1,
                failed_out: failed - sum.0,
                total_out: total - sum.1,
            },
            score: score((failed, total), sum)?,
        };
        (sum.0 >= floor).then_some(found)
    });
    scored.collect()
}

/// Log likelihood ratio of "inside and outside differ" over "all the same";
/// none where inside does not fail more.
fn score((failed, total): (f64, f64), (inside, inside_total): (f64, f64)) -> Option<f64> {
    let outside = failed - inside;
    let outside_total = total - inside_total;
    if inside_total <= 0.0 || outside_total <= 0.0 {
        return None;
    }
    if inside / inside_total <= outside / outside_total {
        return None;
    }
    let apart = log_likelihood(inside, inside_total) + log_likelihood(outside, outside_total);
    Some(apart - log_likelihood(failed, total))
}

/// Combinations with one more item that failed rows hold and whose parent is
/// among the best.
fn refine(rows: &[&Leaf], scored: &[Found]) -> Vec<Vec<Item>> {
    let size = scored.first().map_or(1, |found| found.items.len());
    let parents: std::collections::HashSet<&[Item]> =
        scored.iter().map(|found| found.items.as_slice()).collect();
    let singles: std::collections::HashSet<Item> = scored
        .iter()
        .flat_map(|found| found.items.iter().copied())
        .collect();
    let mut next: std::collections::BTreeSet<Vec<Item>> = std::collections::BTreeSet::new();
    let mut usable: Vec<Item> = Vec::new();
    for row in rows.iter().filter(|row| row.failed > 0.0) {
        usable.clear();
        usable.extend(
            row.items
                .iter()
                .copied()
                .filter(|item| singles.contains(item)),
        );
        for_each_combination(&usable, size + 1, &mut |items| {
            if next.contains(items) {
                return;
            }
            let has_parent = (0..items.len()).any(|out| {
                let mut parent = items.to_vec();
                parent.remove(out);
                parents.contains(parent.as_slice())
            });
            if has_parent {
                next.insert(items.to_vec());
            }
        });
    }
    next.into_iter().collect()
}

fn for_each_combination(items: &[Item], size: usize, visit: &mut impl FnMut(&[Item])) {
    match size {
        1 => items.iter().for_each(|item| visit(&[*item])),
        2 => {
            for (i, first) in items.iter().enumerate() {
                for second in items.iter().skip(i + 1) {
                    visit(&[*first, *second]);
                }
            }
        }
        _ => {
            for (i, first) in items.iter().enumerate() {
                for (j, second) in items.iter().enumerate().skip(i + 1) {
                    for third in items.iter().skip(j + 1) {
                        visit(&[*first, *second, *third]);
                    }
                }
            }
        }
    }
}
