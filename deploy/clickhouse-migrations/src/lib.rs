//! Brings the tables of a stage to the state its code needs.
//!
//! Migrations are numbered files, applied in order, once, forward only. Their
//! checksums are kept in a table per stage: a file that changed after it was
//! applied stops the start, because the tables would no longer be what the
//! code believes.

use clickhouse::sql::Identifier;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A migration as it lies in a crate's `migrations/`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The file's name without `.sql`, such as `0001_update_events`.
    pub name: &'static str,
    /// Statements, each ended by `;` at the end of a line.
    pub sql: &'static str,
}

/// Names the migrations of a crate by their files.
///
/// Paths are those of `include_str!`: from the file that calls.
#[macro_export]
macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        [$($crate::Migration {
            name: $name,
            sql: include_str!(concat!("../migrations/", $name, ".sql")),
        }),+]
    };
}

/// Tables that cannot be brought to the needed state.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// ClickHouse did not answer, or refused a statement: mend it and migrate again.
    #[error("could not {step}")]
    Retry {
        /// What was being done.
        step: String,
        /// What ClickHouse said.
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

/// Creates the client's database if need be and applies what is missing;
/// harmless if nothing is.
///
/// `ledger` is the table that remembers what was applied, one per stage.
///
/// # Errors
/// [`MigrateError`]; the migrations before the failing one stay applied.
pub async fn migrate(
    client: &Client,
    ledger: &str,
    migrations: &[Migration],
) -> Result<(), MigrateError> {
    prepare(client, ledger).await?;
    let applied: Vec<Applied> = client
        .query("SELECT name, checksum FROM ? FINAL ORDER BY name")
        .bind(Identifier(ledger))
        .fetch_all()
        .await
        .map_err(|source| failed("read what was applied", source))?;
    for before in &applied {
        check_applied(before, migrations)?;
    }
    for migration in migrations {
        if !applied.iter().any(|before| before.name == migration.name) {
            apply(client, ledger, migration).await?;
        }
    }
    Ok(())
}

fn check_applied(before: &Applied, migrations: &[Migration]) -> Result<(), MigrateError> {
    let name = before.name.clone();
    match migrations.iter().find(|known| known.name == before.name) {
        None => Err(MigrateError::Newer { name }),
        Some(known) if same(&checksum(known.sql), &before.checksum) => Ok(()),
        Some(_) => Err(MigrateError::Changed { name }),
    }
}

/// Older databases kept the first 8 of the 16 bytes.
fn same(checksum: &str, kept: &str) -> bool {
    kept.len() >= 16 && checksum.starts_with(kept)
}

async fn prepare(client: &Client, ledger: &str) -> Result<(), MigrateError> {
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
        .bind(Identifier(ledger))
        .execute()
        .await
        .map_err(|source| failed("create the table of migrations", source))
}

async fn apply(client: &Client, ledger: &str, migration: &Migration) -> Result<(), MigrateError> {
    let step = format!("apply migration {}", migration.name);
    for statement in statements(migration.sql) {
        // A question mark would stand for a bound value.
        let run = client.query(&statement.replace('?', "??")).execute().await;
        run.map_err(|source| failed(&step, source))?;
    }
    let row = Applied {
        name: migration.name.to_owned(),
        checksum: checksum(migration.sql),
    };
    let noted = async {
        let mut insert = client.insert::<Applied>(ledger).await?;
        insert.write(&row).await?;
        insert.end().await
    };
    noted.await.map_err(|source| failed(&step, source))?;
    tracing::info!(migration = migration.name, "applied");
    Ok(())
}

fn failed(step: &str, source: clickhouse::error::Error) -> MigrateError {
    MigrateError::Retry {
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
    let digest = Sha256::digest(sql.as_bytes());
    let first: [u8; 16] = std::array::from_fn(|place| digest[place]);
    format!("{:032x}", u128::from_be_bytes(first))
}

/// For the tests of a stage: its migrations are sound.
///
/// # Panics
/// Unless they are numbered without gaps and each holds statements.
pub fn assert_in_order(migrations: &[Migration]) {
    for (number, migration) in (1..).zip(migrations) {
        assert!(
            migration.name.starts_with(&format!("{number:04}_")),
            "{} is not number {number}",
            migration.name
        );
        assert!(
            statements(migration.sql).next().is_some(),
            "{} holds no statement",
            migration.name
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_inside_a_line_does_not_end_a_statement() {
        let found: Vec<_> = statements("SELECT ';' AS a\n;\nSELECT 2;\n").collect();
        assert_eq!(found, ["SELECT ';' AS a", "SELECT 2"]);
    }

    #[test]
    fn what_was_applied_must_be_known_and_unchanged() {
        const KNOWN: [Migration; 1] = [Migration {
            name: "0001_a",
            sql: "SELECT 1;\n",
        }];
        let applied = |name: &str, checksum: String| Applied {
            name: name.to_owned(),
            checksum,
        };
        let same = applied("0001_a", checksum(KNOWN[0].sql));
        assert!(check_applied(&same, &KNOWN).is_ok());
        let changed = applied("0001_a", checksum("SELECT 2;\n"));
        assert!(matches!(
            check_applied(&changed, &KNOWN),
            Err(MigrateError::Changed { .. })
        ));
        let newer = applied("0002_b", String::new());
        assert!(matches!(
            check_applied(&newer, &KNOWN),
            Err(MigrateError::Newer { .. })
        ));
    }
}
