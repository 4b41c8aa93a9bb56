//! Brings the tables that ingest writes to the state this code needs.
//!
//! Migrations are numbered files, applied in order, once, forward only. Their
//! checksums are kept: a file that changed after it was applied stops the
//! start, because the tables would no longer be what the code believes.

use clickhouse::sql::Identifier;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where this crate keeps its numbers; others keep theirs beside it.
const APPLIED_TABLE: &str = "ingest_schema_migrations";

/// A migration as it lies in `migrations/`.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_update_events",
        sql: include_str!("../migrations/0001_update_events.sql"),
    },
    Migration {
        name: "0002_device_facts",
        sql: include_str!("../migrations/0002_device_facts.sql"),
    },
    Migration {
        name: "0003_presence",
        sql: include_str!("../migrations/0003_presence.sql"),
    },
    Migration {
        name: "0004_dead_letters",
        sql: include_str!("../migrations/0004_dead_letters.sql"),
    },
    Migration {
        name: "0005_codes_seen",
        sql: include_str!("../migrations/0005_codes_seen.sql"),
    },
    Migration {
        name: "0006_views",
        sql: include_str!("../migrations/0006_views.sql"),
    },
];

/// Tables that cannot be brought to the needed state.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// ClickHouse did not answer, or refused a statement.
    #[error("migrate {step}")]
    ClickHouse {
        /// Which step.
        step: String,
        /// Why not.
        source: clickhouse::error::Error,
    },
    /// A migration is no longer what was applied.
    #[error("migration {name} changed after it was applied; run the version that applied it")]
    Changed {
        /// Which one.
        name: String,
    },
    /// The tables come from a newer version.
    #[error("migration {name} is not known here; run the newer version that applied it")]
    Newer {
        /// Which one.
        name: String,
    },
}

#[derive(Row, Serialize, Deserialize)]
struct Applied {
    name: String,
    checksum: String,
}

/// Creates the database if need be and applies what is missing.
///
/// # Errors
/// [`MigrateError`]; the migrations before the failing one stay applied.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    prepare(client).await?;
    let applied: Vec<Applied> = client
        .query("SELECT name, checksum FROM ? FINAL ORDER BY name")
        .bind(Identifier(APPLIED_TABLE))
        .fetch_all()
        .await
        .map_err(|source| failed("read what was applied", source))?;
    for before in &applied {
        match MIGRATIONS.iter().find(|known| known.name == before.name) {
            None => {
                return Err(MigrateError::Newer {
                    name: before.name.clone(),
                });
            }
            Some(known) if checksum(known.sql) != before.checksum => {
                return Err(MigrateError::Changed {
                    name: before.name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    for migration in MIGRATIONS {
        if !applied.iter().any(|before| before.name == migration.name) {
            apply(client, migration).await?;
        }
    }
    Ok(())
}

async fn prepare(client: &Client) -> Result<(), MigrateError> {
    if let Some(database) = client.database() {
        client
            .clone()
            .with_database("system")
            .query("CREATE DATABASE IF NOT EXISTS ?")
            .bind(Identifier(database))
            .execute()
            .await
            .map_err(|source| failed("create the database", source))?;
    }
    client
        .query(
            "CREATE TABLE IF NOT EXISTS ?
             (name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
             ENGINE = ReplacingMergeTree(applied_at) ORDER BY name",
        )
        .bind(Identifier(APPLIED_TABLE))
        .execute()
        .await
        .map_err(|source| failed("create the table of migrations", source))
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), MigrateError> {
    for statement in statements(migration.sql) {
        client
            .query(&statement.replace('?', "??"))
            .execute()
            .await
            .map_err(|source| failed(migration.name, source))?;
    }
    let row = Applied {
        name: migration.name.to_owned(),
        checksum: checksum(migration.sql),
    };
    let note = async {
        let mut insert = client.insert::<Applied>(APPLIED_TABLE).await?;
        insert.write(&row).await?;
        insert.end().await
    };
    note.await
        .map_err(|source| failed(migration.name, source))?;
    tracing::info!(migration = migration.name, "applied");
    Ok(())
}

fn failed(step: &str, source: clickhouse::error::Error) -> MigrateError {
    MigrateError::ClickHouse {
        step: step.to_owned(),
        source,
    }
}

/// Statements end with `;` at the end of a line.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';'))
        .filter(|statement| !statement.is_empty())
}

fn checksum(sql: &str) -> String {
    crate::hex(&Sha256::digest(sql.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_each_holds_statements() {
        for (number, migration) in (1..).zip(MIGRATIONS) {
            assert!(migration.name.starts_with(&format!("{number:04}_")));
            assert!(statements(migration.sql).count() > 0);
        }
    }

    #[test]
    fn a_semicolon_inside_a_line_does_not_end_a_statement() {
        let found: Vec<_> = statements("SELECT ';' AS a\n;\nSELECT 2;\n").collect();
        assert_eq!(found, ["SELECT ';' AS a", "SELECT 2"]);
    }
}
