//! Maintenance windows: when a device may update at all. Outside of them it is
//! not late, it waits.
//!
//! Times are local with an offset from UTC that the list states; weekly or on
//! one date; a window that ends before it begins goes past midnight.

mod import;
#[cfg(test)]
mod tests;
mod when;

use std::collections::HashMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

pub use import::{WindowsRefused, import_windows};

use crate::view::WindowLine;
use when::When;

/// `maintenance_windows`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct WindowRow {
    pub(crate) import_id: String,
    /// From 1 on; 0 marks an import, also one without windows.
    pub(crate) position: u32,
    pub(crate) name: String,
    pub(crate) ring: String,
    pub(crate) branch: String,
    pub(crate) class: String,
    pub(crate) days: String,
    pub(crate) begins: String,
    pub(crate) ends: String,
    pub(crate) utc_offset: String,
    pub(crate) imported_at: i64,
}

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    /// By the branch that they name; under an empty one those for any.
    by_branch: HashMap<String, Vec<(WindowRow, When)>>,
}

/// Whom a window may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Whom<'a> {
    pub(crate) ring: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) class: &'a str,
}

/// How a device stands with its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// No window names it, or none is to come: it may update at any time.
    Any,
    /// One is open.
    Open,
    /// The next one begins then.
    Waits(i64),
}

impl Calendar {
    /// Windows as they are kept; what this version cannot read is left out.
    pub(crate) fn of(rows: &[WindowRow]) -> Self {
        let mut by_branch: HashMap<String, Vec<(WindowRow, When)>> = HashMap::new();
        for row in rows {
            if let Ok(when) = When::parse(row) {
                let of_branch = by_branch.entry(row.branch.clone()).or_default();
                of_branch.push((row.clone(), when));
            }
        }
        Self { by_branch }
    }

    /// How one stands with the windows that name it.
    pub(crate) fn turn(&self, whom: Whom<'_>, now_ms: i64) -> Turn {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let own = (!whom.branch.is_empty()).then_some(whom.branch);
        let lists = own.into_iter().chain([""]);
        let named = lists
            .filter_map(|branch| self.by_branch.get(branch))
            .flatten()
            .filter(|(row, _)| fits(&row.ring, whom.ring) && fits(&row.class, whom.class));
        let next = named.filter_map(|(_, when)| when.now_or_next(now_ms)).min();
        match next {
            None => Turn::Any,
            Some((begin, _)) if begin <= now_ms => Turn::Open,
            Some((begin, _)) => Turn::Waits(begin),
        }
    }

    /// As people see them, the next to begin first.
    pub(crate) fn lines(&self, now_ms: i64) -> Vec<WindowLine> {
        let mut lines: Vec<WindowLine> = self
            .by_branch
            .values()
            .flatten()
            .map(|(row, when)| {
                let next = when.now_or_next(now_ms);
                WindowLine {
                    name: row.name.clone(),
                    ring: row.ring.clone(),
                    branch: row.branch.clone(),
                    class: row.class.clone(),
                    when: format!(
                        "{} {}-{} {}",
                        row.days, row.begins, row.ends, row.utc_offset
                    ),
                    open: next.is_some_and(|(begin, _)| begin <= now_ms),
                    next_ms: next.map(|(begin, _)| begin),
                }
            })
            .collect();
        lines.sort_by(|a, b| {
            let order = |line: &WindowLine| (line.next_ms.is_none(), line.next_ms);
            (order(a), &a.name, &a.ring).cmp(&(order(b), &b.name, &b.ring))
        });
        lines
    }
}
