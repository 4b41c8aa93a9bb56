//! Writes what a cycle must not forget: rows of current state, replaced whole.

use clickhouse::{Client, Row, RowOwned, RowWrite};
use serde::{Deserialize, Serialize};

/// Rows of one INSERT.
const ROWS_PER_INSERT: usize = 20_000;

/// What a cycle wanted to keep could not be written; the next one tries again.
#[derive(Debug, thiserror::Error)]
#[error("could not write {table}")]
pub struct KeepError {
    /// Into which table.
    table: &'static str,
    /// Why not.
    #[source]
    source: clickhouse::error::Error,
}

/// Writes rows; all of them are there when it returns.
pub(crate) async fn keep<R>(
    client: &Client,
    table: &'static str,
    rows: &[R],
) -> Result<(), KeepError>
where
    R: RowOwned + RowWrite,
{
    for part in rows.chunks(ROWS_PER_INSERT) {
        insert(client, table, part)
            .await
            .map_err(|source| KeepError { table, source })?;
    }
    Ok(())
}

async fn insert<R>(client: &Client, table: &str, rows: &[R]) -> Result<(), clickhouse::error::Error>
where
    R: RowOwned + RowWrite,
{
    // These inserts are few and waited for: the server should not collect them.
    let mut insert = client
        .insert::<R>(table)
        .await?
        .with_setting("async_insert", "0");
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}

/// One attempt inside [`AttemptsRow`], in the order of the tuple.
pub(crate) type AttemptTuple = (i64, i64, String, String, Option<u32>, bool, Vec<[u8; 16]>);

/// `device_attempts`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(crate) struct AttemptsRow {
    pub(crate) device_id: String,
    pub(crate) kb: String,
    pub(crate) build: String,
    pub(crate) kind: String,
    pub(crate) outcome: String,
    pub(crate) phase: String,
    pub(crate) hresult: Option<u32>,
    pub(crate) closed_outcome: String,
    pub(crate) closed_hresult: Option<u32>,
    pub(crate) closed_at: Option<i64>,
    pub(crate) healed: bool,
    pub(crate) started_at: i64,
    pub(crate) ended_at: i64,
    pub(crate) ring: String,
    pub(crate) class: String,
    pub(crate) branch: String,
    pub(crate) image: String,
    pub(crate) attempts: Vec<AttemptTuple>,
    pub(crate) digest: u64,
    pub(crate) revised_at: i64,
    pub(crate) gone: u8,
}

/// `clusters`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(crate) struct ClusterRow {
    pub(crate) cluster_id: String,
    pub(crate) kb: String,
    pub(crate) hresult: u32,
    pub(crate) phase: String,
    pub(crate) generation: u32,
    pub(crate) life: String,
    pub(crate) since_at: i64,
    pub(crate) called_at: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) returned_at: Option<i64>,
    pub(crate) failed: u64,
    pub(crate) ever_failed: u64,
    pub(crate) healed: u64,
    pub(crate) tried: u64,
    pub(crate) cause: String,
    pub(crate) usual_rate: Option<f64>,
    pub(crate) p_value: Option<f64>,
    pub(crate) revised_at: i64,
}

/// `alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct AlertRow {
    pub(crate) alert_id: String,
    pub(crate) receiver: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) created_at: i64,
    pub(crate) delivered_at: Option<i64>,
    pub(crate) tries: u32,
    pub(crate) last_error: String,
    pub(crate) revised_at: i64,
}

/// `failure_codes`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct CodeRow {
    pub(crate) hresult: u32,
    pub(crate) first_seen_at: i64,
    pub(crate) last_seen_at: i64,
    pub(crate) episode: u32,
    pub(crate) standing: String,
    pub(crate) revised_at: i64,
}

/// `analyzer_state`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct StateRow {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) revised_at: i64,
}

/// `releases`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct ReleaseRow {
    pub(crate) release: String,
    pub(crate) family: u32,
    pub(crate) kb: String,
    pub(crate) revision: u32,
    pub(crate) revised_at: i64,
}

/// `rollouts`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct RolloutRow {
    pub(crate) rollout: String,
    pub(crate) release: String,
    pub(crate) import_id: String,
    pub(crate) imported_at: i64,
    pub(crate) revised_at: i64,
}

/// `rollout_targets`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct TargetRow {
    pub(crate) rollout: String,
    pub(crate) import_id: String,
    pub(crate) device_id: String,
    pub(crate) ring: String,
    pub(crate) excluded: String,
}

/// `rollout_states`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct RolloutStateRow {
    pub(crate) rollout: String,
    pub(crate) device_id: String,
    pub(crate) ring: String,
    pub(crate) state: String,
    pub(crate) revised_at: i64,
    pub(crate) gone: u8,
}

/// `depots`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct DepotRow {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) build: String,
    pub(crate) edition: String,
    pub(crate) language: String,
    pub(crate) arch: String,
    pub(crate) revised_at: i64,
    pub(crate) gone: u8,
}
