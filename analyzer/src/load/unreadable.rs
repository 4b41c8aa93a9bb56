//! Logs that collectors cannot read, as their last heartbeats told.

use clickhouse::Row;
use serde::Deserialize;

use super::understood::HEARD_MS;
use super::{Asking, LoadError};
use crate::view::{UnreadableDevice, UnreadableLog};

/// Devices that are named for each source and reason.
const NAMED: usize = 200;

#[derive(Row, Deserialize)]
struct Columns {
    source: String,
    reason: String,
    devices: u64,
    some: Vec<(i64, String, i64, u32)>,
}

/// Devices that live and cannot read some log: by source and reason, and how
/// many they are together.
pub(crate) async fn read_unreadable(
    client: &clickhouse::Client,
    now_ms: i64,
) -> Result<(Vec<UnreadableLog>, u64), LoadError> {
    let heard_since_ms = now_ms - HEARD_MS;
    let rows: Vec<Columns> = client
        .query(&format!(
            "SELECT log.1 AS source, log.2 AS reason, uniqExact(device_id) AS devices, \
             groupArraySorted({NAMED})((toUnixTimestamp64Milli(log.3), toString(device_id), \
             toUnixTimestamp64Milli(last_heard_at), log.4)) AS some \
             FROM presence FINAL ARRAY JOIN unreadable AS log \
             WHERE last_heard_at >= fromUnixTimestamp64Milli(?) \
             GROUP BY source, reason ORDER BY devices DESC, source, reason"
        ))
        .bind(heard_since_ms)
        .fetch_all()
        .await
        .asking("logs that cannot be read")?;
    let devices: u64 = client
        .query(
            "SELECT count() FROM presence FINAL \
             WHERE notEmpty(unreadable) AND last_heard_at >= fromUnixTimestamp64Milli(?)",
        )
        .bind(heard_since_ms)
        .fetch_one()
        .await
        .asking("devices that cannot read a log")?;
    Ok((rows.into_iter().map(Columns::log).collect(), devices))
}

impl Columns {
    fn log(self) -> UnreadableLog {
        let some = self.some.into_iter();
        UnreadableLog {
            source: self.source,
            reason: self.reason,
            devices: self.devices,
            some: some
                .map(
                    |(since_ms, device_id, last_heard_ms, logs)| UnreadableDevice {
                        device_id,
                        since_ms,
                        last_heard_ms,
                        logs,
                    },
                )
                .collect(),
        }
    }
}
