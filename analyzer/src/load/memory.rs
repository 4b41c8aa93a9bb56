//! What the analyzer itself kept: clusters, alerts, codes, rollouts, depots.

use clickhouse::Row;
use serde::Deserialize;

use super::plans::{read_decisions, read_exceptions, read_verdicts, read_windows};
use super::{Asking, LoadError};
use crate::keep::{
    AlertRow, ClusterRow, CodeRow, DepotRow, ReleaseRow, RolloutRow, RolloutStateRow, StateRow,
    TargetRow,
};
use crate::releases::{DecisionRow, ExceptionRow, VerdictRow, WindowRow};

/// Key and digest of a row that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(crate) struct KeptAttempts {
    pub(crate) device_id: String,
    pub(crate) kb: String,
    pub(crate) digest: u64,
}

/// Everything that survives a restart.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) clusters: Vec<ClusterRow>,
    pub(crate) alerts: Vec<AlertRow>,
    pub(crate) codes: Vec<CodeRow>,
    pub(crate) attempts: Vec<KeptAttempts>,
    pub(crate) rollout_states: Vec<RolloutStateRow>,
    pub(crate) verdicts: Vec<VerdictRow>,
}

/// What people declared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) releases: Vec<ReleaseRow>,
    pub(crate) rollouts: Vec<RolloutRow>,
    pub(crate) depots: Vec<DepotRow>,
    pub(crate) state: Vec<StateRow>,
    /// Codes that a baseline brought along.
    pub(crate) known_codes: Vec<CodeRow>,
    pub(crate) decisions: Vec<DecisionRow>,
    pub(crate) exceptions: Vec<ExceptionRow>,
    pub(crate) windows: Vec<WindowRow>,
}

/// Reads what the analyzer kept.
pub(crate) async fn read_memory(client: &clickhouse::Client) -> Result<Memory, LoadError> {
    Ok(Memory {
        clusters: all(client, "clusters").await?,
        alerts: all(client, "alerts").await?,
        codes: all(client, "failure_codes").await?,
        attempts: client
            .query(
                "SELECT toString(device_id) AS device_id, toString(kb) AS kb, digest \
                 FROM device_attempts FINAL",
            )
            .fetch_all()
            .await
            .asking("kept attempts")?,
        rollout_states: all(client, "rollout_states").await?,
        verdicts: read_verdicts(client).await?,
    })
}

/// Reads what people declared; small, so that an import counts at once.
pub(crate) async fn read_declared(client: &clickhouse::Client) -> Result<Declared, LoadError> {
    Ok(Declared {
        releases: all(client, "releases").await?,
        rollouts: all(client, "rollouts").await?,
        depots: read_depots(client).await?,
        state: read_state(client).await?,
        known_codes: client
            .query("SELECT ?fields FROM failure_codes FINAL WHERE standing = 'baseline'")
            .fetch_all()
            .await
            .asking("the baseline")?,
        decisions: read_decisions(client).await?,
        exceptions: read_exceptions(client).await?,
        windows: read_windows(client).await?,
    })
}

/// Facts about the analyzer itself.
pub(crate) async fn read_state(client: &clickhouse::Client) -> Result<Vec<StateRow>, LoadError> {
    all(client, "analyzer_state").await
}

/// Depots that may serve.
pub(crate) async fn read_depots(client: &clickhouse::Client) -> Result<Vec<DepotRow>, LoadError> {
    all(client, "depots").await
}

/// The rollout of that name, and which import of its list counts.
pub(crate) async fn read_rollout(
    client: &clickhouse::Client,
    name: &str,
) -> Result<Option<RolloutRow>, LoadError> {
    let query = client.query("SELECT ?fields FROM rollouts FINAL WHERE rollout = ?");
    query.bind(name).fetch_optional().await.asking("a rollout")
}

/// The target list of one import.
pub(crate) async fn read_targets(
    client: &clickhouse::Client,
    rollout: &RolloutRow,
) -> Result<Vec<TargetRow>, LoadError> {
    client
        .query(
            "SELECT ?fields FROM rollout_targets FINAL \
             WHERE rollout = ? AND import_id = ? ORDER BY device_id",
        )
        .bind(&rollout.rollout)
        .bind(&rollout.import_id)
        .fetch_all()
        .await
        .asking("a target list")
}

/// When the first event was stored; `None` in an empty database.
pub(crate) async fn read_birth(client: &clickhouse::Client) -> Result<Option<i64>, LoadError> {
    let birth: i64 = client
        .query("SELECT toUnixTimestamp64Milli(min(stored_at)) FROM update_events")
        .fetch_one()
        .await
        .asking("the first event")?;
    Ok((birth > 0).then_some(birth))
}

async fn all<R>(client: &clickhouse::Client, table: &'static str) -> Result<Vec<R>, LoadError>
where
    R: clickhouse::RowOwned + clickhouse::RowRead,
{
    let sql = format!("SELECT ?fields FROM {table} FINAL");
    client.query(&sql).fetch_all().await.asking(table)
}
