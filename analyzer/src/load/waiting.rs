//! Devices that share a cluster's leading cause, by name: those whom it meets
//! next, and those who have tried already.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use kbwatch_proto::identity::DROPPED_PREFIX;
use serde::{Deserialize, Serialize};

use super::{Asking, LoadError, Reader};
use crate::kb::Build;

/// A device that shares the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct WaitingDevice {
    /// Identity.
    pub device_id: String,
    /// It has an attempt of the KB.
    pub tried: bool,
    /// Level that it states now.
    pub level: String,
}

/// What a device says of itself now.
#[derive(Row, Deserialize)]
struct FactsNow {
    id: String,
    now: Vec<(String, String)>,
}

impl Reader {
    /// Devices with these facts now that have tried a KB or have a use for it;
    /// on the KB's target lists alone where there are such.
    pub(crate) async fn sharing(
        &self,
        facts: &BTreeMap<String, String>,
        kb: &str,
        build: Option<Build>,
    ) -> Result<Vec<WaitingDevice>, LoadError> {
        let query = self.client().query(
            "SELECT toString(device_id) AS id, \
             CAST(argMax(facts, (observed_at, revision)), 'Array(Tuple(String, String))') AS now \
             FROM device_facts FINAL GROUP BY device_id ORDER BY id",
        );
        let rows: Vec<FactsNow> = query.fetch_all().await.asking("facts of the fleet")?;
        let tried = self.ids(
            "SELECT DISTINCT toString(device_id) FROM device_attempts FINAL WHERE kb = ?",
            kb,
        );
        let tried = tried.await?;
        let listed = self.ids(
            "SELECT DISTINCT device_id FROM rollout_targets FINAL WHERE excluded = '' AND \
             (rollout, import_id) IN (SELECT rollout, import_id FROM rollouts FINAL \
             WHERE release IN (SELECT release FROM releases FINAL WHERE kb = ?))",
            kb,
        );
        let listed = listed.await?;
        let devices = rows.into_iter().filter_map(|row| {
            let device_id = row.id;
            let now: BTreeMap<String, String> = row.now.into_iter().collect();
            let shares = facts
                .iter()
                .all(|(key, value)| same(now.get(key), key, value));
            let level = level(&now);
            let tried = tried.contains(&device_id);
            let wants = level
                .zip(build)
                .is_none_or(|(level, build)| level.same_family(build) && !level.covers(build));
            let listed = listed.is_empty() || listed.contains(&device_id);
            let counts = !device_id.starts_with(DROPPED_PREFIX);
            (shares && listed && counts && (tried || wants)).then(|| WaitingDevice {
                device_id,
                tried,
                level: level.map_or_else(String::new, |level| level.to_string()),
            })
        });
        Ok(devices.collect())
    }

    async fn ids(&self, sql: &str, kb: &str) -> Result<BTreeSet<String>, LoadError> {
        let ids: Vec<String> = self
            .client()
            .query(sql)
            .bind(kb)
            .fetch_all()
            .await
            .asking("devices of a KB")?;
        Ok(ids.into_iter().collect())
    }
}

/// Rings are compared without regard to capitals, as everywhere.
fn same(now: Option<&String>, key: &str, value: &str) -> bool {
    now.is_some_and(|now| match key {
        "ring" => now.to_lowercase() == value,
        _ => now == value,
    })
}

fn level(facts: &BTreeMap<String, String>) -> Option<Build> {
    Some(Build {
        family: facts.get("os_build")?.parse().ok()?,
        revision: facts.get("ubr")?.parse().ok()?,
    })
}
