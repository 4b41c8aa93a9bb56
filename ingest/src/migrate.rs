//! The tables that ingest writes.

use clickhouse::Client;
use kbwatch_clickhouse_migrations::{Migration, migrations};

pub use kbwatch_clickhouse_migrations::MigrateError;

const MIGRATIONS: [Migration; 12] = migrations![
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
];

/// Remembers what was applied.
const LEDGER: &str = "ingest_schema_migrations";

/// Creates the database if need be and applies what is missing.
///
/// # Errors
/// [`MigrateError`]; the migrations before the failing one stay applied.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    kbwatch_clickhouse_migrations::migrate(client, LEDGER, &MIGRATIONS).await
}

/// Names of the migrations that a database lacks.
///
/// # Errors
/// What ClickHouse said; a database without any table lacks them all.
pub async fn missing(client: &Client) -> Result<Vec<&'static str>, clickhouse::error::Error> {
    let known: u64 = client
        .query("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = ?")
        .bind(LEDGER)
        .fetch_one()
        .await?;
    let applied: Vec<String> = if known == 0 {
        Vec::new()
    } else {
        let names = format!("SELECT name FROM {LEDGER} FINAL");
        client.query(&names).fetch_all().await?
    };
    let names = MIGRATIONS.iter().map(|migration| migration.name);
    Ok(names
        .filter(|name| !applied.iter().any(|before| before == name))
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn migrations_are_numbered_without_gaps_and_each_holds_statements() {
        kbwatch_clickhouse_migrations::assert_in_order(&super::MIGRATIONS);
    }
}
