//! `explain --csv`: what sets failed rows of any table apart.
//!
//! A cause raises the rate of all its leaves by the same factor. For every
//! combination of up to three values ([`cuboids`]) a likelihood ratio says how
//! much better that describes the table than one factor for all ([`likelihood`]).
//! What a leaf is expected to do comes from its own comparison and from what its
//! values usually add ([`usual`]); leaves weigh by how far leaves stray from their
//! forecast anyhow ([`ripple`]); a leaf that fails alone is put aside
//! ([`storms`]); the combination that explains most for its length is told, then
//! the next among the rest ([`search`]). In the line of Squeeze (Li and others 2019) and `RiskLoc`
//! (Kalander 2022), with a likelihood in place of thresholds on deviations.

#[cfg(test)]
mod cases;
mod cuboids;
mod likelihood;
mod nature;
mod ripple;
mod search;
mod storms;
mod sums;
mod table;
mod usual;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use self::cuboids::has;
use self::search::{Found, search};
pub use self::table::ExplainError;
use self::table::{Counts, Table, read};
use crate::causes::{Fourfold, Ratio};

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

/// The causes that one would show a person, best first, and no others.
pub fn explain_csv(bytes: &[u8]) -> Result<Vec<Cause>, ExplainError> {
    let table = read(bytes)?;
    let found = search(&table);
    Ok(found.iter().map(|found| cause(&table, found)).collect())
}

/// Rate inside over what it is compared with.
fn ratio(table: &Table, inside: &Counts, outside: &Counts) -> Ratio {
    let against = if table.compares {
        (inside.usual_failed, inside.usual_total)
    } else {
        (outside.failed, outside.total)
    };
    let fourfold = Fourfold {
        failed_in: inside.failed,
        total_in: inside.total,
        failed_out: against.0,
        total_out: against.1,
    };
    fourfold.risk_ratio()
}

fn cause(table: &Table, found: &Found) -> Cause {
    let (mut inside, mut outside) = (Counts::default(), Counts::default());
    for (row, counts) in table.counts.iter().enumerate() {
        let side = if has(table, row, &found.items) {
            &mut inside
        } else {
            &mut outside
        };
        side.add(*counts);
    }
    let ratio = ratio(table, &inside, &outside);
    let named = found.items.iter().filter_map(|(attribute, value)| {
        let attribute = table.attributes.get(*attribute)?;
        Some((
            attribute.name.clone(),
            attribute.values.get(*value)?.clone(),
        ))
    });
    Cause {
        cause: named.collect(),
        failed: inside.failed,
        total: inside.total,
        risk_ratio: ratio.value,
        interval: [ratio.low, ratio.high],
    }
}
