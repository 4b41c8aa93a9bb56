//! Brings the tables of a stage to the state its code needs.
//!
//! Migrations are numbered files, applied in order, once, forward only. Their
//! checksums are kept in a table per stage: a file that changed after it was
//! applied stops the start, because the tables would no longer be what the
//! code believes.

mod statements;

use std::fmt::{Display, Formatter};

use clickhouse::sql::Identifier;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use statements::Unclustered;
use statements::{clustered, on_cluster, statements};

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
    /// Tables of one server cannot become replicated ones, nor the other way
    /// round: name another database.
    #[error(
        "the tables that are there are of engine {engine}: clickhouse.cluster must be as it was \
         when they were made; name another database"
    )]
    OtherKind {
        /// Of the ledger that is there.
        engine: String,
    },
    /// A statement has no form for a cluster: a fault of this version.
    #[error("could not write migration {name} for a cluster")]
    Unclustered {
        /// Which one.
        name: String,
        /// Which statement.
        source: Unclustered,
    },
}

#[derive(Row, Serialize, Deserialize)]
struct Applied {
    name: String,
    checksum: String,
}

/// The tables of a stage: what makes them, and where that is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    /// Table that remembers what was applied, one per stage.
    pub ledger: &'a str,
    /// In the order in which they are applied.
    pub migrations: &'a [Migration],
    /// Cluster on whose servers the tables are replicated; empty for tables of
    /// one server.
    pub cluster: &'a str,
}

/// A part of what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The migration's name, or what comes before them all.
    pub name: String,
    /// What is run, in order.
    pub statements: Vec<String>,
    /// Of the migration; none of what comes before.
    checksum: Option<String>,
}

impl Display for Step {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "-- {}", self.name)?;
        for statement in &self.statements {
            writeln!(formatter, "{statement};")?;
        }
        Ok(())
    }
}

impl Schema<'_> {
    /// Creates the client's database if need be and applies what is missing;
    /// harmless if nothing is.
    ///
    /// # Errors
    /// [`MigrateError`]; the migrations before the failing one stay applied.
    pub async fn apply(&self, client: &Client) -> Result<(), MigrateError> {
        for step in self.plan(client).await? {
            run(client, &step).await?;
            if let Some(checksum) = step.checksum {
                self.note(client, &step.name, checksum).await?;
                tracing::info!(migration = step.name, "applied");
            }
        }
        Ok(())
    }

    /// What is to be done, in order; nothing where all is as it should be.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`MigrateError`].
    pub async fn plan(&self, client: &Client) -> Result<Vec<Step>, MigrateError> {
        let database = client.database().unwrap_or("default");
        let mut steps = Vec::new();
        let mut applied = Vec::new();
        match self.engine(client, database).await? {
            None => steps.push(self.beginning(database)),
            Some(engine) if engine.starts_with("Replicated") == self.cluster.is_empty() => {
                return Err(MigrateError::OtherKind { engine });
            }
            Some(_) => applied = self.applied(client).await?,
        }
        for before in &applied {
            check_applied(before, self.migrations)?;
        }
        for migration in self.migrations {
            if !applied.iter().any(|before| before.name == migration.name) {
                steps.push(self.step(migration)?);
            }
        }
        Ok(steps)
    }

    /// One migration, as it is run.
    ///
    /// # Errors
    /// [`MigrateError::Unclustered`].
    pub fn step(&self, migration: &Migration) -> Result<Step, MigrateError> {
        let name = migration.name.to_owned();
        let mut written = Vec::new();
        for statement in statements(migration.sql) {
            if self.cluster.is_empty() {
                written.push(statement.to_owned());
                continue;
            }
            let statements = clustered(statement, self.cluster);
            written.extend(statements.map_err(|source| MigrateError::Unclustered {
                name: name.clone(),
                source,
            })?);
        }
        Ok(Step {
            name,
            statements: written,
            checksum: Some(checksum(migration.sql)),
        })
    }

    /// Engine of the ledger; none where it is not there yet.
    async fn engine(
        &self,
        client: &Client,
        database: &str,
    ) -> Result<Option<String>, MigrateError> {
        // The database itself may not be there yet.
        let system = client.clone().with_database("system");
        let asked = "SELECT engine FROM tables WHERE database = ? AND name = ?";
        let asked = system.query(asked).bind(database).bind(self.ledger);
        let found = asked.fetch_optional().await;
        found.map_err(|source| failed("look for the table of migrations", source))
    }

    async fn applied(&self, client: &Client) -> Result<Vec<Applied>, MigrateError> {
        let asked = client.query("SELECT name, checksum FROM ? FINAL ORDER BY name");
        let applied = asked.bind(Identifier(self.ledger)).fetch_all().await;
        applied.map_err(|source| failed("read what was applied", source))
    }

    /// The database and the ledger.
    fn beginning(&self, database: &str) -> Step {
        let (on, engine) = if self.cluster.is_empty() {
            (String::new(), "ReplacingMergeTree(applied_at)".to_owned())
        } else {
            // The same on all shards: each has the same tables.
            let place = "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'";
            let engine = format!("ReplicatedReplacingMergeTree({place}, applied_at)");
            (on_cluster(self.cluster), engine)
        };
        let columns = "(name String, checksum String, \
             applied_at DateTime64(3, 'UTC') DEFAULT now64(3))";
        let (database, ledger) = (backticked(database), backticked(self.ledger));
        Step {
            name: "the database, and the table of migrations".to_owned(),
            statements: vec![
                format!("CREATE DATABASE IF NOT EXISTS {database}{on}"),
                format!(
                    "CREATE TABLE IF NOT EXISTS {database}.{ledger}{on} {columns} \
                     ENGINE = {engine} ORDER BY name"
                ),
            ],
            checksum: None,
        }
    }

    async fn note(
        &self,
        client: &Client,
        name: &str,
        checksum: String,
    ) -> Result<(), MigrateError> {
        let row = Applied {
            name: name.to_owned(),
            checksum,
        };
        let noted = async {
            let mut insert = client.insert::<Applied>(self.ledger).await?;
            insert.write(&row).await?;
            insert.end().await
        };
        let step = format!("note migration {name}");
        noted.await.map_err(|source| failed(&step, source))
    }
}

async fn run(client: &Client, step: &Step) -> Result<(), MigrateError> {
    let client = match step.checksum {
        Some(_) => client.clone(),
        // Their own database may not be there yet.
        None => client.clone().with_database("system"),
    };
    for statement in &step.statements {
        // A question mark would stand for a bound value.
        let run = client.query(&statement.replace('?', "??")).execute().await;
        run.map_err(|source| failed(&format!("apply {}", step.name), source))?;
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

fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

fn failed(step: &str, source: clickhouse::error::Error) -> MigrateError {
    MigrateError::Retry {
        step: step.to_owned(),
        source,
    }
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

/// For the tests of a stage: a real ClickHouse can read every statement.
///
/// # Panics
/// At the first that it cannot read.
pub async fn assert_readable(client: &Client, schema: &Schema<'_>) {
    let mut steps = vec![schema.beginning("kbwatch")];
    for migration in schema.migrations {
        match schema.step(migration) {
            Ok(step) => steps.push(step),
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
    for statement in steps.iter().flat_map(|step| &step.statements) {
        let asked = format!("EXPLAIN AST {}", statement.replace('?', "??"));
        let read = client.query(&asked).fetch_all::<String>().await;
        if let Err(error) = read {
            panic!("{error}: {statement}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
