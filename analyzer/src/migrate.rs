//! The tables that the analyzer writes.

use clickhouse::Client;
use kbwatch_clickhouse_migrations::{Migration, migrations};

pub use kbwatch_clickhouse_migrations::{MigrateError, Schema, Step};

const MIGRATIONS: [Migration; 9] = migrations![
    "0001_device_attempts",
    "0002_clusters",
    "0003_alerts",
    "0004_failure_codes",
    "0005_rollouts",
    "0006_views",
    "0007_cluster_evidence",
    "0008_verdicts",
    "0009_plans",
];

/// The tables of the analyzer; on a cluster unless its name is empty.
pub fn schema(cluster: &str) -> Schema<'_> {
    Schema {
        ledger: "analyzer_schema_migrations",
        migrations: &MIGRATIONS,
        cluster,
    }
}

/// Creates the database if need be and applies what is missing, on one server.
/// The tables of ingest must be there before the first cycle.
///
/// # Errors
/// [`MigrateError`]; the migrations before the failing one stay applied.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    schema("").apply(client).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn migrations_are_numbered_without_gaps_and_each_holds_statements() {
        kbwatch_clickhouse_migrations::assert_in_order(&super::MIGRATIONS);
    }
}
