//! `explain --csv`: what sets failed rows of any table apart.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

use crate::causes::{Asked, Found, Fourfold, Item, Leaf, Leaves, search};
use crate::releases::decode;

/// One cause, as it is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Attribute and value; up to three.
    pub cause: BTreeMap<String, String>,
    /// Failed in it.
    pub failed: f64,
    /// Out of how many.
    pub total: f64,
    /// Rate inside ÷ outside, or ÷ the same rows' usual rate.
    pub risk_ratio: f64,
    /// 95 % interval of it.
    pub interval: [f64; 2],
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self
            .cause
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        write!(
            f,
            "{}: {} of {} failed, {:.1} times as often ({:.1} to {:.1})",
            facts.collect::<Vec<_>>().join(", "),
            self.failed,
            self.total,
            self.risk_ratio,
            self.interval[0],
            self.interval[1],
        )
    }
}

/// A table that cannot be explained: correct it.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A column that must be there is not.
    #[error("the table has no column {0:?}")]
    Column(&'static str),
    /// A line is no CSV.
    #[error("line {line} is no CSV")]
    Line {
        /// 1-based, the header is line 1.
        line: u64,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A number is wrong.
    #[error("line {line}: {what}")]
    Number {
        /// 1-based, the header is line 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// Counts of one leaf.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    failed: f64,
    total: f64,
    usual_failed: f64,
    usual_total: f64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.failed += other.failed;
        self.total += other.total;
        self.usual_failed += other.usual_failed;
        self.usual_total += other.usual_total;
    }
}

/// The causes that one would show a person, best first, and no others.
pub fn explain_csv(bytes: &[u8]) -> Result<Vec<Cause>, ExplainError> {
    let (leaves, has_usual) = read(bytes)?;
    let found = search(&leaves, Asked::OF_A_TABLE);
    Ok(found
        .iter()
        .map(|found| cause(&leaves, found, has_usual))
        .collect())
}

fn cause(leaves: &Leaves, found: &Found, has_usual: bool) -> Cause {
    let counts = if has_usual {
        against_usual(leaves, &found.items)
    } else {
        found.counts
    };
    let ratio = counts.risk_ratio();
    let names = found.items.iter().map(|item| leaves.name(*item));
    Cause {
        cause: names.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        failed: found.counts.failed_in,
        total: found.counts.total_in,
        risk_ratio: ratio.value,
        interval: [ratio.low, ratio.high],
    }
}

/// The same rows now and in the comparison period.
fn against_usual(leaves: &Leaves, items: &[Item]) -> Fourfold {
    let mut counts = Fourfold::default();
    for row in leaves.rows.iter().filter(|row| row.has(items)) {
        counts.add(true, row.failed, row.total);
        let usual = row.usual.unwrap_or_default();
        counts.add(false, usual.0, usual.1);
    }
    counts
}

/// A table with its columns told apart.
struct Table {
    header: csv::StringRecord,
    failed: usize,
    total: usize,
    usual: Option<(usize, usize)>,
    attributes: Vec<usize>,
}

impl Table {
    fn of(header: csv::StringRecord) -> Result<Self, ExplainError> {
        let column = |name: &str| header.iter().position(|column| column == name);
        let failed = column("failed").ok_or(ExplainError::Column("failed"))?;
        let total = column("total").ok_or(ExplainError::Column("total"))?;
        let usual = column("usual_failed").zip(column("usual_total"));
        let counted = [
            Some(failed),
            Some(total),
            usual.map(|u| u.0),
            usual.map(|u| u.1),
        ];
        Ok(Self {
            failed,
            total,
            usual,
            attributes: (0..header.len())
                .filter(|at| !counted.contains(&Some(*at)))
                .collect(),
            header,
        })
    }

    fn counts(&self, record: &csv::StringRecord, line: u64) -> Result<Counts, ExplainError> {
        let number = |at: usize, name: &str| parse_number(record.get(at), name, line);
        let mut counts = Counts {
            failed: number(self.failed, "failed")?,
            total: number(self.total, "total")?,
            ..Counts::default()
        };
        if let Some((usual_failed, usual_total)) = self.usual {
            counts.usual_failed = number(usual_failed, "usual_failed")?;
            counts.usual_total = number(usual_total, "usual_total")?;
        }
        check(counts, line)?;
        Ok(counts)
    }

    fn items(&self, record: &csv::StringRecord, leaves: &mut Leaves) -> Vec<Item> {
        let named = self.attributes.iter().map(|at| {
            let name = self.header.get(*at).unwrap_or_default();
            leaves.item(name, record.get(*at).unwrap_or_default())
        });
        let mut items: Vec<Item> = named.collect();
        items.sort_unstable();
        items
    }
}

/// Reads a table; rows of the same attributes are summed, in the order of their
/// first.
fn read(bytes: &[u8]) -> Result<(Leaves, bool), ExplainError> {
    let text = decode(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|source| ExplainError::Line { line: 1, source })?
        .clone();
    let table = Table::of(header)?;
    let mut leaves = Leaves::default();
    let mut sums: HashMap<Vec<Item>, Counts> = HashMap::new();
    let mut order: Vec<Vec<Item>> = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at as u64 + 2;
        let record = record.map_err(|source| ExplainError::Line { line, source })?;
        let line = record.position().map_or(line, csv::Position::line);
        let counts = table.counts(&record, line)?;
        let items = table.items(&record, &mut leaves);
        let sum = sums.entry(items.clone()).or_insert_with(|| {
            order.push(items);
            Counts::default()
        });
        sum.add(counts);
    }
    leaves.compares = table.usual.is_some();
    leaves.rows = rows(order, &sums, leaves.compares);
    let compares = leaves.compares;
    Ok((leaves, compares))
}

/// One leaf for each set of attributes.
fn rows(order: Vec<Vec<Item>>, sums: &HashMap<Vec<Item>, Counts>, compares: bool) -> Vec<Leaf> {
    let all = sums.values().fold((0.0, 0.0), |all, counts| {
        (all.0 + counts.usual_failed, all.1 + counts.usual_total)
    });
    // Stands for rows that the comparison period does not know.
    let overall = (all.0 + 0.5) / (all.1 + 1.0);
    let leaf = |items: Vec<Item>| {
        let sum = sums.get(&items).copied().unwrap_or_default();
        let expected = if sum.usual_total > 0.0 {
            sum.usual_failed * sum.total / sum.usual_total
        } else {
            overall * sum.total
        };
        let exposure = if compares {
            sum.failed + expected
        } else {
            sum.total
        };
        Leaf {
            items,
            failed: sum.failed,
            total: sum.total,
            usual: compares.then_some((sum.usual_failed, sum.usual_total)),
            exposure,
            stratum: 0,
        }
    };
    order.into_iter().map(leaf).collect()
}

fn parse_number(text: Option<&str>, name: &str, line: u64) -> Result<f64, ExplainError> {
    let text = text.unwrap_or_default();
    let number = text.parse::<f64>().ok();
    let sound = number.filter(|number| number.is_finite() && *number >= 0.0);
    sound.ok_or_else(|| ExplainError::Number {
        line,
        what: format!("{name} {text:?} is no number of 0 or more"),
    })
}

fn check(counts: Counts, line: u64) -> Result<(), ExplainError> {
    let wrong = |what: &str| {
        Err(ExplainError::Number {
            line,
            what: what.to_owned(),
        })
    };
    if counts.failed > counts.total {
        return wrong("failed is more than total");
    }
    if counts.usual_failed > counts.usual_total {
        return wrong("usual_failed is more than usual_total");
    }
    Ok(())
}
