//! The tables that the analyzer writes.

use clickhouse::Client;
use kbwatch_clickhouse_migrations::{Migration, migrations};

pub use kbwatch_clickhouse_migrations::MigrateError;

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

/// Creates the database if need be and applies what is missing. The tables of
/// ingest must be there before the first cycle.
///
/// # Errors
/// [`MigrateError`]; the migrations before the failing one stay applied.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    kbwatch_clickhouse_migrations::migrate(client, "analyzer_schema_migrations", &MIGRATIONS).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn migrations_are_numbered_without_gaps_and_each_holds_statements() {
        kbwatch_clickhouse_migrations::assert_in_order(&super::MIGRATIONS);
    }
}
