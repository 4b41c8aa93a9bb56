//! Sums over all combinations of one, two and three attribute values.

use std::collections::HashMap;

use super::nature::natural_spread;
use super::ripple::Voice;
use super::sums::Sums;
use super::table::Table;

/// Attribute and value, by number.
pub(super) type Item = (usize, usize);

/// Of attributes with more values, only those are paired that could hold a cause.
const FEW_VALUES: usize = 64;

/// Pairs that are refined to triples, at most.
const WIDEST: usize = 400;

/// Weighted sums over leaves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    pub(super) failed: f64,
    pub(super) expected: f64,
    /// The same over those leaves alone that fail more than all do: no part of
    /// the set can say more than these.
    pub(super) high_failed: f64,
    pub(super) high_expected: f64,
}

impl Sum {
    pub(super) fn add(&mut self, voice: &Voice, overall: f64) {
        let (failed, expected) = (voice.failed * voice.weight, voice.expected * voice.weight);
        self.failed += failed;
        self.expected += expected;
        if voice.failed > overall * voice.expected {
            self.high_failed += failed;
            self.high_expected += expected;
        }
    }
}

impl Sum {
    pub(super) fn less(&self, other: &Self) -> Self {
        Self {
            failed: (self.failed - other.failed).max(0.0),
            expected: (self.expected - other.expected).max(0.0),
            ..*self
        }
    }
}

/// What makes a cell worth looking at.
pub(super) struct Asked {
    /// By score and number of items.
    pub(super) worth: fn(f64, usize) -> f64,
    /// Score beyond the logarithm of what was tried.
    pub(super) chance: f64,
}

/// Cells that were looked at, and how many could have been.
pub(super) struct Tried {
    pub(super) cells: Vec<Cell>,
    pub(super) number: f64,
}

/// A combination and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// In order of attributes.
    pub(super) items: Vec<Item>,
    pub(super) sum: Sum,
    /// Log likelihood ratio of "the inside differs" over "it does not".
    pub(super) score: f64,
}

/// The leaves that are searched.
pub(super) struct Field<'a> {
    pub(super) table: &'a Table,
    pub(super) voices: &'a [Voice],
    rows: Vec<usize>,
    pub(super) whole: Sum,
    pub(super) overall: f64,
    /// How far single values differ from each other by nature, as the spread of
    /// the logarithm of their factors.
    pub(super) natural: f64,
    /// By attribute and value.
    pub(super) singles: Vec<Vec<Sum>>,
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
            singles: Vec::new(),
        };
        let sizes = table.attributes.iter().map(|a| a.values.len());
        let mut singles: Vec<Vec<Sum>> = sizes.map(|size| vec![Sum::default(); size]).collect();
        for (column, singles) in table.columns.iter().zip(&mut singles) {
            for row in &field.rows {
                let value = column.get(*row).and_then(|value| singles.get_mut(*value));
                if let Some((sum, voice)) = value.zip(voices.get(*row)) {
                    sum.add(voice, overall);
                }
            }
        }
        field.singles = singles;
        field.natural = natural_spread(&field);
        field
    }

    /// Cells that fail more than the rest: all single values, and of pairs and
    /// triples those that could be better than what is there, and convince.
    pub(super) fn cells(&self, asked: &Asked) -> Tried {
        let mut tried = Tried {
            cells: Vec::new(),
            number: self.combinations(),
        };
        for (attribute, singles) in self.singles.iter().enumerate() {
            for (value, sum) in singles.iter().enumerate() {
                self.add(vec![(attribute, value)], *sum, &mut tried.cells);
            }
        }
        let worth = |cell: &Cell| (asked.worth)(cell.score, cell.items.len());
        let best = tried.cells.iter().map(worth).fold(0.0, f64::max);
        let least = asked.chance + tried.number.ln();
        let open = |singles: &Vec<Sum>| {
            let few = singles.len() <= FEW_VALUES;
            let hopeful = |sum: &Sum| {
                let at_best = self.at_best(sum);
                few || (at_best >= least && at_best > best)
            };
            singles.iter().map(hopeful).collect()
        };
        let open: Vec<Vec<bool>> = self.singles.iter().map(open).collect();
        let singles = tried.cells.len();
        for a in 0..open.len() {
            for b in a + 1..open.len() {
                self.pairs((a, b), &open, &mut tried.cells);
            }
        }
        let mut best = tried.cells.iter().map(worth).fold(0.0, f64::max);
        let mut pairs: Vec<(f64, Vec<Item>)> = tried
            .cells
            .iter()
            .skip(singles)
            .map(|cell| (self.at_best(&cell.sum), cell.items.clone()))
            .filter(|(at_best, _)| *at_best > best)
            .collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut held: HashMap<Item, Vec<usize>> = HashMap::new();
        for (at_best, pair) in pairs.iter().take(WIDEST) {
            if *at_best <= best {
                break;
            }
            let before = tried.cells.len();
            self.refine(pair, &mut held, &mut tried.cells);
            let new = tried.cells.iter().skip(before);
            tried.number += new.clone().map(|_| 1.0).sum::<f64>();
            best = new.map(worth).fold(best, f64::max);
        }
        tried
    }

    /// Single values and pairs that there can be; about half of them fail more
    /// than the rest does.
    fn combinations(&self) -> f64 {
        let sizes: Vec<usize> = self.singles.iter().map(Vec::len).collect();
        let mut number = sizes.iter().sum::<usize>();
        for (at, size) in sizes.iter().enumerate() {
            let pairs = sizes.iter().skip(at + 1);
            number += pairs
                .map(|other| (size * other).min(self.rows.len()))
                .sum::<usize>();
        }
        (0.5 * f64::from(u32::try_from(number).unwrap_or(u32::MAX))).max(1.0)
    }

    fn add(&self, items: Vec<Item>, sum: Sum, cells: &mut Vec<Cell>) {
        let score = self.score(&sum, &items);
        if let Some(score) = score.filter(|_| self.table.named(&items)) {
            cells.push(Cell { items, sum, score });
        }
    }

    /// The pairs of two attributes' open values.
    fn pairs(&self, (a, b): (usize, usize), open: &[Vec<bool>], cells: &mut Vec<Cell>) {
        let ((Some(left), Some(right)), (Some(open_left), Some(open_right))) = (
            (self.table.columns.get(a), self.table.columns.get(b)),
            (open.get(a), open.get(b)),
        ) else {
            return;
        };
        if !open_left.contains(&true) || !open_right.contains(&true) {
            return;
        }
        let number = |open: &[bool]| {
            let mut next = 0;
            let number = |open: &bool| {
                next += usize::from(*open);
                open.then(|| next - 1)
            };
            open.iter().map(number).collect::<Vec<_>>()
        };
        let (left_number, right_number) = (number(open_left), number(open_right));
        let values = |numbers: &[Option<usize>]| {
            let open = numbers.iter().enumerate();
            open.filter_map(|(value, number)| number.map(|_| value))
                .collect::<Vec<_>>()
        };
        let (left_values, right_values) = (values(&left_number), values(&right_number));
        let width = right_values.len();
        let mut sums = Sums::new(left_values.len() * width, self.rows.len());
        for row in &self.rows {
            let at =
                |column: &[usize], numbers: &[Option<usize>]| *numbers.get(*column.get(*row)?)?;
            let (Some(x), Some(y)) = (at(left, &left_number), at(right, &right_number)) else {
                continue;
            };
            if let Some(voice) = self.voices.get(*row) {
                sums.add(x * width + y, voice, self.overall);
            }
        }
        for (key, sum) in sums.held() {
            let (x, y) = (left_values.get(key / width), right_values.get(key % width));
            if let Some((x, y)) = x.zip(y) {
                self.add(vec![(a, *x), (b, *y)], sum, cells);
            }
        }
    }

    /// The triples within a pair.
    fn refine(&self, pair: &[Item], held: &mut HashMap<Item, Vec<usize>>, cells: &mut Vec<Cell>) {
        let expected = |(attribute, value): &Item| {
            let single = self.singles.get(*attribute).and_then(|s| s.get(*value));
            single.map_or(0.0, |single| single.expected)
        };
        let Some(rarer) = pair
            .iter()
            .min_by(|a, b| expected(a).total_cmp(&expected(b)))
        else {
            return;
        };
        let rows = held.entry(*rarer).or_insert_with(|| self.inside(&[*rarer]));
        let inside: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|row| has(self.table, *row, pair))
            .collect();
        for (attribute, column) in self.table.columns.iter().enumerate() {
            if pair.iter().any(|(of, _)| *of == attribute) {
                continue;
            }
            let values = self.singles.get(attribute).map_or(0, Vec::len);
            let mut sums = Sums::new(values, inside.len());
            for row in &inside {
                if let Some((value, voice)) = column.get(*row).zip(self.voices.get(*row)) {
                    sums.add(*value, voice, self.overall);
                }
            }
            for (value, sum) in sums.held() {
                let mut items = pair.to_vec();
                items.push((attribute, value));
                items.sort_unstable();
                self.add(items, sum, cells);
            }
        }
    }

    /// Rows that have all `items`.
    pub(super) fn inside(&self, items: &[Item]) -> Vec<usize> {
        let rows = self.rows.iter().copied();
        rows.filter(|row| has(self.table, *row, items)).collect()
    }
}

/// Whether a row has all `items`.
pub(super) fn has(table: &Table, row: usize, items: &[Item]) -> bool {
    items.iter().all(|(attribute, value)| {
        let column = table.columns.get(*attribute);
        column.and_then(|column| column.get(row)) == Some(value)
    })
}
