//! What ClickHouse says it was busy with, so that its CPU can be told apart.

use kbwatch_clickhouse_engine::Connection;

use crate::Failure;
use crate::river::limits::ask;

/// Counters of `system.events` and what they are called in a table.
const EVENTS: [(&str, &str); 6] = [
    ("InsertQuery", "inserts"),
    ("InsertQueryTimeMicroseconds", "µs in inserts"),
    ("SelectQuery", "selects"),
    ("SelectQueryTimeMicroseconds", "µs in selects"),
    ("MergedRows", "rows merged"),
    ("MergeExecuteMilliseconds", "ms in merges"),
];

/// The counters at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Busy([f64; EVENTS.len()]);

impl Busy {
    /// What the server counted since its start.
    pub(crate) fn now(connection: &Connection) -> Result<Self, Failure> {
        let mut counted = [0.0; EVENTS.len()];
        for ((event, _), counted) in EVENTS.iter().zip(&mut counted) {
            let asked = format!("SELECT sum(value) FROM system.events WHERE event = '{event}'");
            let answer = ask(connection, &asked, &[])?;
            *counted = String::from_utf8_lossy(&answer).trim().parse()?;
        }
        Ok(Self(counted))
    }

    /// What was counted since an earlier moment, by name.
    pub(crate) fn since(&self, before: &Self) -> Vec<(String, f64)> {
        let counted = self.0.iter().zip(before.0);
        EVENTS
            .iter()
            .zip(counted)
            .map(|((_, name), (after, before))| (format!("ClickHouse: {name}"), after - before))
            .collect()
    }
}
