//! Brings the tables that the analyzer writes to the state this code needs.
//!
//! Migrations are numbered files, applied in order, once, forward only. Their
//! checksums are kept: a file that changed after it was applied stops the
//! start, because the tables would no longer be what the code believes.

use clickhouse::sql::Identifier;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::damage::short_hex;

/// Where this crate keeps its numbers; others keep theirs beside it.
const APPLIED_TABLE: &str = "analyzer_schema_migrations";

struct Migration {
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 6] = [
    Migration {
        name: "0001_device_attempts",
        sql: include_str!("../migrations/0001_device_attempts.sql"),
    },
    Migration {
        name: "0002_clusters",
        sql: include_str!("../migrations/0002_clusters.sql"),
    },
    Migration {
        name: "0003_alerts",
        sql: include_str!("../migrations/0003_alerts.sql"),
    },
    Migration {
        name: "0004_failure_codes",
        sql: include_str!("../migrations/0004_failure_codes.sql"),
    },
    Migration {
        name: "0005_rollouts",
        sql: include_str!("../migrations/0005_rollouts.sql"),
    },
    Migration {
        name: "0006_views",
        sql: include_str!("../migrations/0006_views.sql"),
    },
];

/// The tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server refused or did not answer: fix it and migrate again.
    #[error("could not {step}")]
    Stop {
        /// What was being done.
        step: String,
        /// What the server said.
        #[source]
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

/// Creates the database if need be and applies what is missing; harmless if
/// nothing is. The tables of ingest must be there before the first cycle.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    prepare(client).await?;
    let applied: Vec<Applied> = client
        .query("SELECT name, checksum FROM ? FINAL ORDER BY name")
        .bind(Identifier(APPLIED_TABLE))
        .fetch_all()
        .await
        .map_err(|source| failed("read what was applied", source))?;
    for before in &applied {
        let known = MIGRATIONS.iter().find(|known| known.name == before.name);
        let name = before.name.clone();
        match known {
            None => return Err(MigrateError::Newer { name }),
            Some(known) if checksum(known.sql) != before.checksum => {
                return Err(MigrateError::Changed { name });
            }
            Some(_) => {}
        }
    }
    for migration in &MIGRATIONS {
        if !applied.iter().any(|before| before.name == migration.name) {
            apply(client, migration).await?;
        }
    }
    Ok(())
}

async fn prepare(client: &Client) -> Result<(), MigrateError> {
    if let Some(database) = client.database() {
        let create = client.clone().with_database("system");
        let create = create.query("CREATE DATABASE IF NOT EXISTS ?");
        let created = create.bind(Identifier(database)).execute().await;
        created.map_err(|source| failed("create the database", source))?;
    }
    client
        .query(
            "CREATE TABLE IF NOT EXISTS ? \
             (name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) \
             ENGINE = ReplacingMergeTree(applied_at) ORDER BY name",
        )
        .bind(Identifier(APPLIED_TABLE))
        .execute()
        .await
        .map_err(|source| failed("create the table of migrations", source))
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), MigrateError> {
    for statement in statements(migration.sql) {
        // A question mark would stand for a bound value.
        let run = client.query(&statement.replace('?', "??")).execute().await;
        run.map_err(|source| failed(migration.name, source))?;
    }
    let row = Applied {
        name: migration.name.to_owned(),
        checksum: checksum(migration.sql),
    };
    let noted = async {
        let mut insert = client.insert::<Applied>(APPLIED_TABLE).await?;
        insert.write(&row).await?;
        insert.end().await
    };
    noted
        .await
        .map_err(|source| failed(migration.name, source))?;
    tracing::info!(migration = migration.name, "applied");
    Ok(())
}

fn failed(step: &str, source: clickhouse::error::Error) -> MigrateError {
    MigrateError::Stop {
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
    short_hex(&Sha256::digest(sql.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_each_holds_statements() {
        for (number, migration) in (1..).zip(&MIGRATIONS) {
            assert!(migration.name.starts_with(&format!("{number:04}_")));
            assert!(statements(migration.sql).count() > 0);
        }
    }
}
