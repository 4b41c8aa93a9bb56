//! What can be set, what each default is, and which values are impossible.
//!
//! A configuration is checked whole before a socket opens: [`IngestConfig::check`]
//! names the key, the value and the remedy.

mod enrolment;
mod kafka;
mod kafka_security;
mod receive;
mod store;
mod trace;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use enrolment::EnrolmentConfig;
pub use kafka::KafkaConfig;
pub use kafka_security::{KafkaProtocol, KafkaSecurity, SaslMechanism};
pub use receive::{ReceiveConfig, TlsConfig, TlsVersion};
pub use store::{ClickHouseConfig, StoreConfig};
pub use trace::TraceConfig;

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
    /// The way of single batches.
    pub trace: TraceConfig,
}

/// Where metrics and probes are served.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusConfig {
    /// Address of /metrics, /live and /ready; none by default.
    pub listen: Option<SocketAddr>,
    /// Whether that may be another address than loopback.
    pub beyond_loopback: bool,
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

pub(super) fn impossible(
    key: &'static str,
    value: &dyn ToString,
    remedy: &'static str,
) -> ConfigError {
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
        let variable = |name: &str| std::env::var(name).ok();
        config.overlay(variable);
        config.status.overlay(variable)?;
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
        let security = self.kafka.security.as_mut();
        let secret = security.map(|security| ("KBWATCH_KAFKA_PASSWORD", &mut security.password));
        for (name, target) in targets.into_iter().chain(secret) {
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
        self.trace.check()?;
        match self.status.listen {
            Some(listen) if !listen.ip().is_loopback() && !self.status.beyond_loopback => {
                Err(impossible(
                    "status.listen",
                    &listen,
                    "metrics are served in the clear; name a loopback address, or, in a network \
                     that is trusted, set status.beyond_loopback",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl StatusConfig {
    /// Lays `KBWATCH_STATUS_LISTEN` over the file: processes that share it listen
    /// at addresses of their own.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`], where it is no address.
    pub fn overlay(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let Some(value) = variable("KBWATCH_STATUS_LISTEN") else {
            return Ok(());
        };
        let listen = value.parse().map_err(|_| {
            let remedy = "an address and a port, such as 127.0.0.1:9443";
            impossible("KBWATCH_STATUS_LISTEN", &value, remedy)
        })?;
        self.listen = Some(listen);
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
    fn a_topic_that_keeps_nothing_is_refused() {
        let mut config = IngestConfig::default();
        config.kafka.retention_h = 0;
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("kafka.retention_h = 0"), "{refused}");
    }

    #[test]
    fn a_collector_hears_the_retry_before_it_hangs_up() {
        let collector = include_str!("../../../deploy/config/collector.toml");
        let collector: toml::Table = toml::from_str(collector).unwrap();
        let patience = collector["receipt_timeout_ms"].as_integer().unwrap();
        let deadline = IngestConfig::default().receive.receipt_deadline_ms;
        assert!(u64::try_from(patience).unwrap() >= deadline + 10_000);
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
    fn stores_that_share_a_file_serve_metrics_at_addresses_of_their_own() {
        let text = "[status]\nlisten = \"127.0.0.1:9443\"\n";
        let mut config: IngestConfig = toml::from_str(text).unwrap();
        let of = |value: &'static str| {
            move |name: &str| (name == "KBWATCH_STATUS_LISTEN").then(|| value.to_owned())
        };
        config.status.overlay(of("127.0.0.1:9451")).unwrap();
        assert_eq!(config.status.listen, "127.0.0.1:9451".parse().ok());
        assert!(config.status.overlay(of("9451")).is_err());
        config.status.overlay(of("10.0.0.7:9451")).unwrap();
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("beyond_loopback"), "{refused}");
        config.status.beyond_loopback = true;
        config.check().unwrap();
    }

    #[test]
    fn the_documented_defaults_are_those_of_the_code() {
        let documented = include_str!("../../../deploy/config/ingest.toml");
        let from_file: toml::Table = toml::from_str(documented).unwrap();
        let from_code = toml::Table::try_from(IngestConfig::default()).unwrap();
        assert_eq!(from_file, from_code);
    }
}
