//! Which devices have new rows in a table.
//!
//! Rows carry `stored_at` of their INSERT, which may become visible a little
//! after younger ones. So every look starts an overlap before the newest row
//! of the look before, and compares each device's rows in that overlap, by a
//! digest, with those seen before: only real news counts.

use std::collections::HashMap;

use super::rows::DigestRow;
use super::{Asking, LoadError};

/// Watches one table.
pub(super) struct Watched {
    table: &'static str,
    identity: &'static str,
    overlap_ms: i64,
    since_ms: i64,
    newest_ms: i64,
    seen: HashMap<String, u64>,
}

/// What a look found; nothing is remembered until it is accepted.
pub(super) struct Look {
    /// Devices with news.
    pub(super) changed: Vec<String>,
    newest_ms: i64,
    next_since_ms: i64,
    seen: HashMap<String, u64>,
}

impl Watched {
    /// `identity`: columns that tell two rows of a device apart.
    pub(super) fn new(table: &'static str, identity: &'static str, overlap_ms: i64) -> Self {
        Self {
            table,
            identity,
            overlap_ms,
            since_ms: 0,
            newest_ms: 0,
            seen: HashMap::new(),
        }
    }

    pub(super) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    pub(super) fn overlap_ms(&self) -> i64 {
        self.overlap_ms
    }

    pub(super) async fn look(&self, client: &clickhouse::Client) -> Result<Look, LoadError> {
        let newest_ms = self.newest(client).await?.max(self.newest_ms);
        let next_since_ms = (newest_ms - self.overlap_ms).max(self.since_ms);
        let sql = format!(
            "SELECT toString(device_id) AS device_id, \
             sum(cityHash64({identity})) AS since, \
             sumIf(cityHash64({identity}), stored_at >= fromUnixTimestamp64Milli(?)) AS since_next \
             FROM {table} WHERE stored_at >= fromUnixTimestamp64Milli(?) GROUP BY device_id",
            identity = self.identity,
            table = self.table,
        );
        let query = client.query(&sql).bind(next_since_ms).bind(self.since_ms);
        let rows: Vec<DigestRow> = query.fetch_all().await.asking("which devices changed")?;
        let mut look = Look {
            changed: Vec::new(),
            newest_ms,
            next_since_ms,
            seen: HashMap::new(),
        };
        for row in rows {
            if self.seen.get(&row.device_id) != Some(&row.since) {
                look.changed.push(row.device_id.clone());
            }
            if row.since_next != 0 {
                look.seen.insert(row.device_id, row.since_next);
            }
        }
        Ok(look)
    }

    async fn newest(&self, client: &clickhouse::Client) -> Result<i64, LoadError> {
        let sql = format!(
            "SELECT toUnixTimestamp64Milli(max(stored_at)) FROM {} \
             WHERE stored_at >= fromUnixTimestamp64Milli(?)",
            self.table
        );
        let query = client.query(&sql).bind(self.since_ms);
        query.fetch_one::<i64>().await.asking("the newest row")
    }

    /// Remembers a look, once everything that it announced was read.
    pub(super) fn accept(&mut self, look: Look) {
        self.since_ms = look.next_since_ms;
        self.newest_ms = look.newest_ms;
        self.seen = look.seen;
    }
}
