//! The tables that ingest writes.

use clickhouse::Client;
use kbwatch_clickhouse_migrations::{Migration, migrations};

pub use kbwatch_clickhouse_migrations::{MigrateError, Schema, Step};

const MIGRATIONS: [Migration; 13] = migrations![
    "0001_update_events",
    "0002_device_facts",
    "0003_presence",
    "0004_dead_letters",
    "0005_codes_seen",
    "0006_views",
    "0007_dead_letters_ttl",
    "0008_presence_sent_bytes",
    "0009_source_lines",
    "0010_update_events_parts",
    "0011_unread_logs",
    "0012_accounts",
    "0013_codes_seen_by_column",
];

/// Remembers what was applied.
const LEDGER: &str = "ingest_schema_migrations";

/// The tables of ingest; on a cluster unless its name is empty.
pub fn schema(cluster: &str) -> Schema<'_> {
    Schema {
        ledger: LEDGER,
        migrations: &MIGRATIONS,
        cluster,
    }
}

/// Creates the database if need be and applies what is missing, on one server.
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
