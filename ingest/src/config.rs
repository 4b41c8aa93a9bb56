//! What can be set, what each default is, and which values are impossible.
//!
//! A configuration is checked whole before a socket opens: [`IngestConfig::check`]
//! names the key, the value and the remedy.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Everything that `kbwatch-ingest` reads from its file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// The gateway.
    pub receive: ReceiveConfig,
    /// The writer.
    pub store: StoreConfig,
    /// Where events end up.
    pub clickhouse: ClickHouseConfig,
    /// The journal between receive and store; without brokers both run in one
    /// process.
    pub kafka: KafkaConfig,
    /// Metrics and probes.
    pub status: StatusConfig,
}

/// How the gateway listens and how much it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiveConfig {
    /// Where collectors connect.
    pub listen: SocketAddr,
    /// Certificates; without them only loopback is served.
    pub tls: Option<TlsConfig>,
    /// Batches of one stream that may wait for their receipts.
    pub window: usize,
    /// Bytes of all waiting batches together; beyond them collectors are asked
    /// to come again.
    pub max_in_flight_bytes: usize,
    /// A batch that is not durable by then is answered with RETRY.
    pub receipt_deadline_ms: u64,
    /// Waiting time that RETRY asks for.
    pub retry_after_ms: u32,
    /// Quiet time after which a connection is probed.
    pub keepalive_s: u64,
    /// Time for the last receipts when the gateway stops.
    pub grace_ms: u64,
}

impl Default for ReceiveConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7443)),
            tls: None,
            window: 8,
            max_in_flight_bytes: 256 * 1024 * 1024,
            receipt_deadline_ms: 60_000,
            retry_after_ms: 2_000,
            keepalive_s: 120,
            grace_ms: 10_000,
        }
    }
}

/// Files of mutual TLS, PEM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate of the gateway, with its chain.
    pub cert: PathBuf,
    /// Key of the gateway.
    pub key: PathBuf,
    /// Authority that signs the devices' certificates.
    pub client_ca: PathBuf,
}

/// How rows are grouped and how long a failing insert is retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Events that close a group.
    pub group_rows: usize,
    /// Unpacked bytes that close a group.
    pub group_bytes: usize,
    /// Age that closes a group.
    pub group_age_ms: u64,
    /// Batches that wait in memory between receive and store.
    pub queue_batches: usize,
    /// Deadline of one insert.
    pub insert_deadline_ms: u64,
    /// Longest pause between two tries of an insert.
    pub retry_cap_ms: u64,
    /// How often presence is written.
    pub presence_flush_ms: u64,
    /// Time for the last group when the store stops.
    pub grace_ms: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            group_rows: 20_000,
            group_bytes: 8 * 1024 * 1024,
            group_age_ms: 200,
            queue_batches: 1_024,
            insert_deadline_ms: 30_000,
            retry_cap_ms: 5_000,
            presence_flush_ms: 5_000,
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
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            database: "kbwatch".to_owned(),
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

/// The journal in Kafka.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port`, comma separated; empty for no Kafka.
    pub brokers: String,
    /// Topic of sealed batches.
    pub topic: String,
    /// Consumer group of the stores.
    pub group: String,
    /// Partitions when the topic is created.
    pub partitions: i32,
    /// Replicas when the topic is created.
    pub replication: i32,
    /// How long Kafka keeps batches, when the topic is created.
    pub retention_h: u32,
    /// Deadline of one delivery.
    pub delivery_deadline_ms: u64,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic: "kbwatch.batches".to_owned(),
            group: "kbwatch-store".to_owned(),
            partitions: 12,
            replication: 1,
            retention_h: 168,
            delivery_deadline_ms: 30_000,
        }
    }
}

impl KafkaConfig {
    /// Whether a Kafka is named at all.
    pub fn is_set(&self) -> bool {
        !self.brokers.is_empty()
    }
}

/// Where metrics and probes are served.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusConfig {
    /// Address of /metrics, /live and /ready; none by default.
    pub listen: Option<SocketAddr>,
}

/// A configuration that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no TOML, or holds an unknown key or a value of a wrong type.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Line, key and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A value that cannot work.
    #[error("{key} = {value} cannot work: {remedy}")]
    Impossible {
        /// Name of the key, with its table.
        key: &'static str,
        /// What was found.
        value: String,
        /// What to do.
        remedy: &'static str,
    },
}

fn impossible(key: &'static str, value: &dyn ToString, remedy: &'static str) -> ConfigError {
    ConfigError::Impossible {
        key,
        value: value.to_string(),
        remedy,
    }
}

impl IngestConfig {
    /// Reads a file, lays the environment over it and checks the outcome.
    ///
    /// # Errors
    /// Says which key of which file, and what to do.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = match path {
            None => Self::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                    path: path.to_owned(),
                    source,
                })?;
                toml::from_str(&text).map_err(|source| ConfigError::Parse {
                    path: path.to_owned(),
                    source: Box::new(source),
                })?
            }
        };
        config.overlay(|name| std::env::var(name).ok());
        config.check()?;
        Ok(config)
    }

    /// Lays `KBWATCH_*` variables over the file: what differs between machines
    /// or is secret.
    pub fn overlay(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let targets = [
            ("KBWATCH_CLICKHOUSE_URL", &mut self.clickhouse.url),
            ("KBWATCH_CLICKHOUSE_USER", &mut self.clickhouse.user),
            ("KBWATCH_CLICKHOUSE_PASSWORD", &mut self.clickhouse.password),
            ("KBWATCH_CLICKHOUSE_DATABASE", &mut self.clickhouse.database),
            ("KBWATCH_KAFKA_BROKERS", &mut self.kafka.brokers),
        ];
        for (name, target) in targets {
            if let Some(value) = variable(name) {
                *target = value;
            }
        }
    }

    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.receive.check()?;
        self.store.check()?;
        self.clickhouse.check()?;
        self.kafka.check()?;
        match self.status.listen {
            Some(listen) if !listen.ip().is_loopback() => Err(impossible(
                "status.listen",
                &listen,
                "metrics are served in the clear; name a loopback address",
            )),
            _ => Ok(()),
        }
    }
}

impl ReceiveConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.tls.is_none() && !self.listen.ip().is_loopback() {
            return Err(impossible(
                "receive.listen",
                &self.listen,
                "without [receive.tls] only a loopback address is served; add certificates",
            ));
        }
        if self.window == 0 || self.window > 256 {
            return Err(impossible("receive.window", &self.window, "1 to 256"));
        }
        if self.max_in_flight_bytes < 4 * 1024 * 1024
            || self.max_in_flight_bytes > u32::MAX as usize
        {
            return Err(impossible(
                "receive.max_in_flight_bytes",
                &self.max_in_flight_bytes,
                "4194304 to 4294967295",
            ));
        }
        if self.receipt_deadline_ms == 0 {
            return Err(impossible(
                "receive.receipt_deadline_ms",
                &self.receipt_deadline_ms,
                "at least 1; 60000 suits most",
            ));
        }
        if self.keepalive_s == 0 {
            return Err(impossible(
                "receive.keepalive_s",
                &self.keepalive_s,
                "at least 1; 120 suits most",
            ));
        }
        Ok(())
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
            ("store.queue_batches", self.queue_batches as u64),
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
    fn check(&self) -> Result<(), ConfigError> {
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
        Ok(())
    }
}

impl KafkaConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.topic.is_empty() {
            return Err(impossible("kafka.topic", &"\"\"", "a topic's name"));
        }
        if self.group.is_empty() {
            return Err(impossible("kafka.group", &"\"\"", "a group's name"));
        }
        if self.partitions < 1 {
            return Err(impossible(
                "kafka.partitions",
                &self.partitions,
                "at least 1",
            ));
        }
        if self.replication < 1 {
            return Err(impossible(
                "kafka.replication",
                &self.replication,
                "at least 1; 3 where there are three brokers",
            ));
        }
        if self.delivery_deadline_ms == 0 {
            return Err(impossible(
                "kafka.delivery_deadline_ms",
                &self.delivery_deadline_ms,
                "at least 1; 30000 suits most",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refused = toml::from_str::<IngestConfig>("[receive]\nwindows = 3\n").unwrap_err();
        assert!(refused.to_string().contains("windows"), "{refused}");
    }

    #[test]
    fn plain_text_beyond_loopback_is_refused_with_the_remedy() {
        let mut config = IngestConfig::default();
        config.receive.listen = "0.0.0.0:7443".parse().unwrap();
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("receive.listen = 0.0.0.0:7443"));
        assert!(refused.contains("add certificates"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let mut config = IngestConfig::default();
        config
            .overlay(|name| (name == "KBWATCH_KAFKA_BROKERS").then(|| "127.0.0.1:9092".to_owned()));
        assert!(config.kafka.is_set());
        assert_eq!(config.clickhouse, ClickHouseConfig::default());
    }

    #[test]
    fn the_documented_defaults_are_those_of_the_code() {
        let documented = include_str!("../../deploy/config/ingest.toml");
        let from_file: toml::Table = toml::from_str(documented).unwrap();
        let from_code = toml::Table::try_from(IngestConfig::default()).unwrap();
        assert_eq!(from_file, from_code);
    }
}
