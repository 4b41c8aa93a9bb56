//! How rows are grouped, and where they go.

use serde::{Deserialize, Serialize};

use super::{ConfigError, impossible};

/// How rows are grouped and how long a failing insert is retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Events that close a group.
    pub group_rows: usize,
    /// Bytes in memory that close a group.
    pub group_bytes: usize,
    /// Age that closes a group; a busy one, which batches keep coming to, may
    /// grow four times as old.
    pub group_age_ms: u64,
    /// Groups that are written at once.
    pub inserts_in_flight: usize,
    /// Whether events are compressed (LZ4) on their way to `ClickHouse`.
    pub compress_inserts: bool,
    /// Batches that wait in memory between receive and store.
    pub queue_batches: usize,
    /// Bytes of batches from Kafka that wait in memory to be opened.
    pub queue_bytes: usize,
    /// Deadline of one insert.
    pub insert_deadline_ms: u64,
    /// Longest pause between two tries of an insert.
    pub retry_cap_ms: u64,
    /// How often presence is written.
    pub presence_flush_ms: u64,
    /// How often the accounts of this process are written; 0 for never.
    pub accounts_flush_ms: u64,
    /// Time for all that is left when the store stops, tries under way included.
    pub grace_ms: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            group_rows: 100_000,
            group_bytes: 96 * 1024 * 1024,
            group_age_ms: 200,
            inserts_in_flight: 2,
            compress_inserts: false,
            queue_batches: 1_024,
            queue_bytes: 256 * 1024 * 1024,
            insert_deadline_ms: 30_000,
            retry_cap_ms: 5_000,
            presence_flush_ms: 5_000,
            accounts_flush_ms: 60_000,
            grace_ms: 20_000,
        }
    }
}

/// How to reach ClickHouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouseConfig {
    /// HTTP address.
    pub url: String,
    /// User with the right to insert and, for migrations, to create.
    pub user: String,
    /// Its password; better given as `KBWATCH_CLICKHOUSE_PASSWORD`.
    pub password: String,
    /// Database of all tables.
    pub database: String,
    /// Cluster that the tables are made on, replicated; empty for one server.
    pub cluster: String,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            database: "kbwatch".to_owned(),
            cluster: String::new(),
        }
    }
}

impl ClickHouseConfig {
    /// A client for these settings.
    pub fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.url)
            .with_user(&self.user)
            .with_password(&self.password)
            .with_database(&self.database)
    }
}

impl StoreConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("store.group_rows", self.group_rows as u64),
            ("store.group_bytes", self.group_bytes as u64),
            ("store.group_age_ms", self.group_age_ms),
            ("store.inserts_in_flight", self.inserts_in_flight as u64),
            ("store.queue_batches", self.queue_batches as u64),
            ("store.queue_bytes", self.queue_bytes as u64),
            ("store.insert_deadline_ms", self.insert_deadline_ms),
            ("store.retry_cap_ms", self.retry_cap_ms),
            ("store.presence_flush_ms", self.presence_flush_ms),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((key, value)) => Err(impossible(key, &value, "at least 1")),
            None => Ok(()),
        }
    }
}

impl ClickHouseConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.url.starts_with("http://") {
            return Err(impossible(
                "clickhouse.url",
                &self.url,
                "an http:// address, such as http://127.0.0.1:8123",
            ));
        }
        if self.database.is_empty() {
            return Err(impossible(
                "clickhouse.database",
                &"\"\"",
                "a name, such as kbwatch",
            ));
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if !self.cluster.chars().all(plain) {
            return Err(impossible(
                "clickhouse.cluster",
                &self.cluster,
                "letters, digits, _ - and . as ClickHouse's remote_servers names it",
            ));
        }
        Ok(())
    }
}
