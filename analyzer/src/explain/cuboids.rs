//! Sums over all combinations of one, two and three attribute values.

use std::collections::HashMap;

use super::nature::{factor, natural_spread};
use super::ripple::Voice;
use super::table::Table;

/// Attribute and value, by number.
pub(super) type Item = (usize, usize);

/// Pairs that are refined to triples, at most.
const WIDEST: usize = 400;

/// Most items of a combination.
const MAX_ITEMS: usize = 3;

/// Values differ by nature, from the comparison or within the table: a cause is
/// judged by what it adds to so many times that spread.
const NATURAL: f64 = 1.5;

/// Weighted sums over leaves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    pub(super) failed: f64,
    pub(super) expected: f64,
    /// The same over those leaves alone that fail more than all do: no part of
    /// the set can say more than these.
    high_failed: f64,
    high_expected: f64,
}

impl Sum {
    fn add(&mut self, voice: &Voice, overall: f64) {
        let (failed, expected) = (voice.failed * voice.weight, voice.expected * voice.weight);
        self.failed += failed;
        self.expected += expected;
        if voice.failed > overall * voice.expected {
            self.high_failed += failed;
            self.high_expected += expected;
        }
    }
}

/// A combination and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// In order of attributes.
    pub(super) items: Vec<Item>,
    pub(super) sum: Sum,
    /// Log likelihood ratio of "the inside differs" over "all alike".
    pub(super) score: f64,
}

/// The leaves that are searched.
pub(super) struct Field<'a> {
    pub(super) table: &'a Table,
    voices: &'a [Voice],
    rows: Vec<usize>,
    whole: Sum,
    pub(super) overall: f64,
    /// How far single values differ from each other by nature, as the spread of
    /// the logarithm of their factors.
    natural: f64,
}

impl<'a> Field<'a> {
    pub(super) fn new(table: &'a Table, voices: &'a [Voice], rows: Vec<usize>) -> Self {
        let known = rows.iter().filter_map(|row| voices.get(*row));
        let (mut failed, mut expected) = (0.0, 0.0);
        for voice in known.clone() {
            failed += voice.failed * voice.weight;
            expected += voice.expected * voice.weight;
        }
        let overall = if expected > 0.0 {
            failed / expected
        } else {
            0.0
        };
        let mut whole = Sum::default();
        for voice in known {
            whole.add(voice, overall);
        }
        let mut field = Self {
            table,
            voices,
            rows,
            whole,
            overall,
            natural: 0.0,
        };
        field.natural = natural_spread(&field);
        field
    }

    /// Every cell that fails more than the rest: all single values and pairs,
    /// and those triples that could be better than `worth` of what is there.
    pub(super) fn cells(&self, worth: impl Fn(&Cell) -> f64) -> Vec<Cell> {
        let attributes = self.table.columns.len();
        let mut cells: Vec<Cell> = Vec::new();
        for a in 0..attributes {
            self.sum_up(&[a], &mut cells);
        }
        let singles = cells.len();
        for a in 0..attributes {
            for b in a + 1..attributes {
                self.sum_up(&[a, b], &mut cells);
            }
        }
        let best = cells.iter().map(&worth).fold(0.0, f64::max);
        let mut promising: Vec<(f64, usize)> = cells
            .iter()
            .enumerate()
            .skip(singles)
            .map(|(at, cell)| (self.at_best(&cell.sum), at))
            .filter(|(at_best, _)| *at_best > best)
            .collect();
        promising.sort_by(|a, b| b.0.total_cmp(&a.0));
        promising.truncate(WIDEST);
        let pairs: Vec<Vec<Item>> = promising
            .iter()
            .filter_map(|(_, at)| cells.get(*at).map(|cell| cell.items.clone()))
            .collect();
        for pair in &pairs {
            self.refine(pair, &mut cells);
        }
        cells
    }

    /// Cells of one cuboid.
    fn sum_up(&self, cuboid: &[usize], cells: &mut Vec<Cell>) {
        for (items, sum) in self.sums(cuboid) {
            if let Some(score) = self.score(&sum, items.len()) {
                cells.push(Cell { items, sum, score });
            }
        }
    }

    /// Sums of one cuboid.
    pub(super) fn sums(&self, cuboid: &[usize]) -> Vec<(Vec<Item>, Sum)> {
        let sizes: Vec<usize> = cuboid
            .iter()
            .filter_map(|a| self.table.attributes.get(*a))
            .map(|attribute| attribute.values.len())
            .collect();
        let columns: Vec<&Vec<usize>> = cuboid
            .iter()
            .filter_map(|a| self.table.columns.get(*a))
            .collect();
        let key = |row: usize| {
            let values = columns.iter().zip(&sizes);
            values.fold(0, |key, (column, size)| {
                key * size + column.get(row).copied().unwrap_or_default()
            })
        };
        let voiced = self
            .rows
            .iter()
            .filter_map(|row| Some((key(*row), self.voices.get(*row)?)));
        let possible = sizes.iter().product::<usize>();
        let mut keyed: Vec<(usize, Sum)> = Vec::new();
        if possible <= 4 * self.rows.len() + 1_024 {
            let mut sums = vec![Sum::default(); possible];
            for (key, voice) in voiced {
                if let Some(sum) = sums.get_mut(key) {
                    sum.add(voice, self.overall);
                }
            }
            let held = |(_, sum): &(usize, Sum)| sum.expected > 0.0;
            keyed.extend(sums.into_iter().enumerate().filter(held));
        } else {
            let mut sums: HashMap<usize, Sum> = HashMap::new();
            for (key, voice) in voiced {
                sums.entry(key).or_default().add(voice, self.overall);
            }
            keyed.extend(sums);
            keyed.sort_unstable_by_key(|(key, _)| *key);
        }
        let items = |mut key: usize| {
            let mut items: Vec<Item> = Vec::with_capacity(cuboid.len());
            for (attribute, size) in cuboid.iter().zip(&sizes).rev() {
                items.push((*attribute, key % size));
                key /= size;
            }
            items.reverse();
            items
        };
        keyed
            .into_iter()
            .map(|(key, sum)| (items(key), sum))
            .collect()
    }

    /// The triples within a pair.
    fn refine(&self, pair: &[Item], cells: &mut Vec<Cell>) {
        let inside = self.inside(pair);
        for (attribute, column) in self.table.columns.iter().enumerate() {
            if pair.iter().any(|(of, _)| *of == attribute) {
                continue;
            }
            let mut sums: HashMap<usize, Sum> = HashMap::new();
            for row in &inside {
                if let Some((value, voice)) = column.get(*row).zip(self.voices.get(*row)) {
                    sums.entry(*value).or_default().add(voice, self.overall);
                }
            }
            for (value, sum) in sums {
                if let Some(score) = self.score(&sum, MAX_ITEMS) {
                    let mut items = pair.to_vec();
                    items.push((attribute, value));
                    items.sort_unstable();
                    cells.push(Cell { items, sum, score });
                }
            }
        }
    }

    /// Rows that have all `items`.
    pub(super) fn inside(&self, items: &[Item]) -> Vec<usize> {
        let rows = self.rows.iter().copied();
        rows.filter(|row| has(self.table, *row, items)).collect()
    }

    /// Log likelihood ratio of "the inside differs by more than nature does" over
    /// "it does not"; none where it does not.
    fn score(&self, inside: &Sum, items: usize) -> Option<f64> {
        self.apart(inside.failed, inside.expected, items)
    }

    /// What a part of the set could score at most, about.
    fn at_best(&self, inside: &Sum) -> f64 {
        let high = self.apart(inside.high_failed, inside.high_expected, MAX_ITEMS);
        high.unwrap_or_default()
    }

    fn apart(&self, failed: f64, expected: f64, items: usize) -> Option<f64> {
        let rest_failed = (self.whole.failed - failed).max(0.0);
        let rest_expected = self.whole.expected - expected;
        if expected <= 0.0 || rest_expected <= 1e-9 * self.whole.expected {
            return None;
        }
        let root = f64::from(u32::try_from(items).unwrap_or(1)).sqrt();
        let natural = (NATURAL * self.natural * root).exp();
        let own = |failed: f64, expected: f64| {
            if failed > 0.0 {
                failed * (failed / expected).ln()
            } else {
                0.0
            }
        };
        let higher = failed * rest_expected > natural * rest_failed * expected;
        higher.then(|| {
            let apart = own(failed, expected) + own(rest_failed, rest_expected);
            let alike = own(self.whole.failed, rest_expected + natural * expected);
            apart - alike - failed * natural.ln()
        })
    }

    /// Factor inside over factor outside.
    pub(super) fn lift(&self, inside: &Sum) -> f64 {
        let rest_failed = (self.whole.failed - inside.failed).max(0.0);
        let rest_expected = (self.whole.expected - inside.expected).max(0.0);
        factor(inside.failed, inside.expected) / factor(rest_failed, rest_expected)
    }
}

/// Whether a row has all `items`.
pub(super) fn has(table: &Table, row: usize, items: &[Item]) -> bool {
    items.iter().all(|(attribute, value)| {
        let column = table.columns.get(*attribute);
        column.and_then(|column| column.get(row)) == Some(value)
    })
}
