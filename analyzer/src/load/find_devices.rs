//! Devices by where they stand or how they are called: lists behind the counts
//! on pages, and the search.

use clickhouse::Row;
use kbwatch_proto::result_code::ResultCode;
use serde::{Deserialize, Serialize};

use super::{Asking, LoadError, Reader};

/// Devices that a list holds at most.
pub const MAX_LISTED: usize = 1_000;

/// Devices that a search shows at most.
pub const MAX_FOUND: usize = 50;

/// A device on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ListedDevice {
    /// Identity.
    pub device_id: String,
    /// Ring, or empty.
    pub ring: String,
    /// Final code of its latest attempt, or empty.
    pub hresult: String,
    /// Since when it stands so; `None` where nobody knows.
    pub since_ms: Option<i64>,
}

/// Devices that stand in one way, and how many they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DeviceList {
    /// All of them.
    pub total: u64,
    /// The first by name, [`MAX_LISTED`] at most.
    pub devices: Vec<ListedDevice>,
}

/// A device whose name has the text that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize, Default)]
pub struct FoundDevice {
    /// Identity.
    pub device_id: String,
    /// Host name, or empty.
    pub hostname: String,
}

#[derive(Row, Deserialize)]
struct Columns {
    device_id: String,
    ring: String,
    hresult: Option<u32>,
    since_ms: i64,
    total: u64,
}

impl Reader {
    /// Devices whose latest attempt of a KB ended in one of these ways.
    pub async fn devices_of_kb(
        &self,
        kb: &str,
        outcomes: &[&str],
    ) -> Result<DeviceList, LoadError> {
        let query = self.client().query(
            "SELECT toString(device_id) AS device_id, toString(ring) AS ring, hresult, \
             toUnixTimestamp64Milli(ended_at) AS since_ms, count() OVER () AS total \
             FROM device_attempts FINAL WHERE kb = ? AND outcome IN ? \
             ORDER BY device_id LIMIT ?",
        );
        let query = query.bind(kb).bind(outcomes).bind(MAX_LISTED);
        let rows = query.fetch_all::<Columns>().await;
        Ok(list(rows.asking("devices of a KB")?))
    }

    /// Targets of a rollout in one state.
    pub async fn devices_of_rollout(
        &self,
        rollout: &str,
        state: &str,
    ) -> Result<DeviceList, LoadError> {
        let query = self.client().query(
            "SELECT device_id, toString(ring) AS ring, \
             CAST(NULL, 'Nullable(UInt32)') AS hresult, \
             toUnixTimestamp64Milli(revised_at) AS since_ms, count() OVER () AS total \
             FROM rollout_states FINAL WHERE rollout = ? AND state = ? \
             ORDER BY device_id LIMIT ?",
        );
        let query = query.bind(rollout).bind(state).bind(MAX_LISTED);
        let rows = query.fetch_all::<Columns>().await;
        Ok(list(rows.asking("devices of a rollout")?))
    }

    /// Devices whose id or latest host name contains a text, one more than
    /// [`MAX_FOUND`] where there are more.
    pub async fn find_devices(&self, text: &str) -> Result<Vec<FoundDevice>, LoadError> {
        let query = self.client().query(
            "SELECT id AS device_id, argMaxIf(name, revised, name != '') AS hostname FROM ( \
             SELECT toString(device_id) AS id, '' AS name, 0 AS revised FROM presence \
             UNION ALL SELECT DISTINCT toString(device_id) AS id, '' AS name, 0 AS revised \
             FROM device_attempts \
             UNION ALL SELECT toString(device_id) AS id, facts['hostname'] AS name, \
             revision AS revised FROM device_facts) \
             GROUP BY id HAVING positionCaseInsensitiveUTF8(id, ?) > 0 \
             OR positionCaseInsensitiveUTF8(hostname, ?) > 0 ORDER BY id LIMIT ?",
        );
        let query = query.bind(text).bind(text).bind(MAX_FOUND + 1);
        query.fetch_all().await.asking("devices by name")
    }
}

fn list(rows: Vec<Columns>) -> DeviceList {
    DeviceList {
        total: rows.first().map_or(0, |row| row.total),
        devices: rows
            .into_iter()
            .map(|row| ListedDevice {
                device_id: row.device_id,
                ring: row.ring,
                hresult: row
                    .hresult
                    .filter(|code| *code != 0)
                    .map_or_else(String::new, |code| ResultCode(code).to_string()),
                since_ms: (row.since_ms > 0).then_some(row.since_ms),
            })
            .collect(),
    }
}
