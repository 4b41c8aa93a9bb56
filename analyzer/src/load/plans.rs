//! What people planned and decided, and what was said of rings.

use std::collections::HashMap;

use super::{Asking, LoadError};
use crate::releases::{DecisionRow, ExceptionRow, ImportRow, VerdictRow, WindowRow};

/// Every verdict that was ever given.
pub(crate) async fn read_verdicts(
    client: &clickhouse::Client,
) -> Result<Vec<VerdictRow>, LoadError> {
    let query = client.query("SELECT ?fields FROM ring_verdicts ORDER BY number, given_at");
    query.fetch_all().await.asking("verdicts")
}

/// Every decision.
pub(crate) async fn read_decisions(
    client: &clickhouse::Client,
) -> Result<Vec<DecisionRow>, LoadError> {
    let query = client.query("SELECT ?fields FROM ring_decisions ORDER BY decided_at");
    query.fetch_all().await.asking("decisions")
}

/// The newest exception of every device and rollout, also those that ended.
pub(crate) async fn read_exceptions(
    client: &clickhouse::Client,
) -> Result<Vec<ExceptionRow>, LoadError> {
    let query = client.query(
        "SELECT ?fields FROM rollout_exceptions ORDER BY recorded_at DESC \
         LIMIT 1 BY rollout, device_id",
    );
    query.fetch_all().await.asking("exceptions")
}

/// The windows of the newest import.
pub(crate) async fn read_windows(client: &clickhouse::Client) -> Result<Vec<WindowRow>, LoadError> {
    let query = client.query(
        "SELECT ?fields FROM maintenance_windows WHERE position > 0 AND (imported_at, import_id) = \
         (SELECT max((imported_at, import_id)) FROM maintenance_windows) ORDER BY position",
    );
    query.fetch_all().await.asking("maintenance windows")
}

/// Every import of a target list, newest first.
pub(crate) async fn read_imports(
    client: &clickhouse::Client,
    rollout: &str,
) -> Result<Vec<ImportRow>, LoadError> {
    let query = client.query(
        "SELECT ?fields FROM rollout_imports WHERE rollout = ? ORDER BY imported_at DESC LIMIT 500",
    );
    query
        .bind(rollout)
        .fetch_all()
        .await
        .asking("imports of a rollout")
}

/// Number and word of the newest verdict on a ring.
pub(crate) async fn read_last_verdict(
    client: &clickhouse::Client,
    rollout: &str,
    ring: &str,
) -> Result<Option<(u32, String)>, LoadError> {
    let query = client.query(
        "SELECT number, toString(verdict) FROM ring_verdicts WHERE rollout = ? AND ring = ? \
         ORDER BY number DESC, given_at LIMIT 1",
    );
    let query = query.bind(rollout).bind(ring);
    query
        .fetch_optional()
        .await
        .asking("the verdict that stands")
}

/// Whether the list of a rollout that counts has targets of a ring.
pub(crate) async fn ring_exists(
    client: &clickhouse::Client,
    rollout: &str,
    ring: &str,
) -> Result<bool, LoadError> {
    let query = client.query(
        "SELECT count() FROM rollout_targets WHERE rollout = ? AND ring = ? AND import_id IN \
         (SELECT import_id FROM rollouts FINAL WHERE rollout = ?)",
    );
    let query = query.bind(rollout).bind(ring).bind(rollout);
    let targets: u64 = query.fetch_one().await.asking("the rings of a rollout")?;
    Ok(targets > 0)
}

/// Whether a rollout of that name was declared.
pub(crate) async fn rollout_exists(
    client: &clickhouse::Client,
    rollout: &str,
) -> Result<bool, LoadError> {
    let query = client.query("SELECT count() FROM rollouts FINAL WHERE rollout = ?");
    let found: u64 = query
        .bind(rollout)
        .fetch_one()
        .await
        .asking("the rollout")?;
    Ok(found > 0)
}

/// Device ids by what lists may call the device: its id, and its host name in
/// small letters. A host name that two devices state names none of them.
pub(crate) async fn read_names(
    client: &clickhouse::Client,
) -> Result<HashMap<String, String>, LoadError> {
    let query = client.query(
        "SELECT toString(device_id) AS id, lower(argMax(facts['hostname'], revision)) AS host \
         FROM device_facts GROUP BY device_id",
    );
    let rows: Vec<(String, String)> = query.fetch_all().await.asking("host names")?;
    let mut names: HashMap<String, String> = HashMap::new();
    let mut twice: Vec<String> = Vec::new();
    for (id, host) in &rows {
        if !host.is_empty() && names.insert(host.clone(), id.clone()).is_some() {
            twice.push(host.clone());
        }
    }
    for host in twice {
        names.remove(&host);
    }
    names.extend(rows.into_iter().map(|(id, _)| (id.clone(), id)));
    Ok(names)
}
