//! The ledger: which events must have arrived from which device, how often.
//!
//! It is summed from the plan's tellings, never from parsed text, and holds
//! every event whose result says more than that something began or is so.

use std::collections::BTreeMap;

use kbwatch_proto::words::EventResult;
use serde::{Deserialize, Serialize};

use crate::plan::{DevicePlan, FleetPlan};
use crate::render::{Rendered, render};
use crate::story::Expected;
use crate::truth::hex;

/// How often one device must have said one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Device id.
    pub device: String,
    /// Source kind as in the tables, for example `cbs`.
    pub source: String,
    /// Result word.
    pub result: String,
    /// KB, or empty.
    pub kb: String,
    /// `0x800f0985`, or empty.
    pub hresult: String,
    /// Component file, or empty.
    pub file: String,
    /// Distinct events.
    pub count: u64,
}

/// A row that stands differently in plan and in what was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The row; its count is the expected one.
    pub row: LedgerRow,
    /// Distinct events found.
    pub found: u64,
}

/// Whether the ledger counts events with this result.
pub fn is_counted(result: EventResult) -> bool {
    !matches!(
        result,
        EventResult::Start | EventResult::Info | EventResult::LogStart | EventResult::LogRotated
    )
}

/// Sums what one device must say.
pub fn of_device(device: &DevicePlan, rendered: &Rendered) -> Vec<LedgerRow> {
    let mut counts = BTreeMap::<&Expected, u64>::new();
    for expected in &rendered.expected {
        debug_assert!(is_counted(expected.result), "{expected:?}");
        *counts.entry(expected).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(expected, count)| LedgerRow {
            device: device.id.clone(),
            source: expected.source.as_str().to_owned(),
            result: expected.result.as_str().to_owned(),
            kb: expected.kb.clone(),
            hresult: expected.hresult.map(hex).unwrap_or_default(),
            file: expected.file.clone(),
            count,
        })
        .collect()
}

/// Sums what a whole fleet must say.
pub fn of_fleet(plan: &FleetPlan) -> Vec<LedgerRow> {
    plan.devices
        .iter()
        .flat_map(|device| of_device(device, &render(plan, device)))
        .collect()
}

/// Compares a ledger with rows that were read back; rows with results that the
/// ledger does not count are left out of the comparison. Rows may come in any
/// order; equal keys are summed.
pub fn verify(ledger: &[LedgerRow], found: &[LedgerRow]) -> Vec<Difference> {
    let mut both = BTreeMap::<LedgerRow, (u64, u64)>::new();
    for row in ledger {
        both.entry(key(row)).or_default().0 += row.count;
    }
    for row in found {
        if row.result.parse().is_ok_and(is_counted) {
            both.entry(key(row)).or_default().1 += row.count;
        }
    }
    both.into_iter()
        .filter(|(_, (expected, found))| expected != found)
        .map(|(row, (expected, found))| Difference {
            row: LedgerRow {
                count: expected,
                ..row
            },
            found,
        })
        .collect()
}

fn key(row: &LedgerRow) -> LedgerRow {
    LedgerRow {
        count: 0,
        ..row.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(result: &str, count: u64) -> LedgerRow {
        LedgerRow {
            device: "pc-1".to_owned(),
            source: "cbs".to_owned(),
            result: result.to_owned(),
            kb: "KB5022286".to_owned(),
            hresult: String::new(),
            file: String::new(),
            count,
        }
    }

    #[test]
    fn a_lost_a_doubled_and_an_unplanned_event_each_make_a_difference() {
        assert_eq!(
            verify(&[row("fail", 2)], &[row("fail", 1), row("fail", 1)]),
            []
        );
        assert_eq!(verify(&[row("fail", 2)], &[row("fail", 1)])[0].found, 1);
        assert_eq!(verify(&[row("fail", 1)], &[row("fail", 2)])[0].found, 2);
        assert_eq!(verify(&[], &[row("success", 1)])[0].row.count, 0);
    }

    #[test]
    fn what_only_began_or_is_so_is_not_compared() {
        assert_eq!(verify(&[], &[row("start", 3), row("info", 9)]), []);
    }
}
