//! Settings of the whole river: what each stage takes, in one file.
//!
//! File, then `KBWATCH_*` variables, then the command line; the last one wins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kbwatch_analyzer::AnalyzerConfig;
use kbwatch_clickhouse_engine::Connection;
use kbwatch_ingest::config::{KafkaConfig, ReceiveConfig, StoreConfig};
use serde::{Deserialize, Serialize};

/// Variables with a name of their own; every other key is reached as
/// `KBWATCH_TABLE__KEY`.
const KNOWN_VARIABLES: [(&str, [&str; 2]); 2] = [
    ("KBWATCH_CLICKHOUSE_URL", ["clickhouse", "url"]),
    ("KBWATCH_KAFKA_BROKERS", ["kafka", "brokers"]),
];

/// Everything that `kbwatch up` can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiverConfig {
    /// Address of pages, API and metrics.
    pub http: SocketAddr,
    /// Names and addresses that the gateway's certificate answers to.
    pub hosts: Vec<String>,
    /// Seconds that all stages together may take to stop.
    pub grace_s: u64,
    /// The database.
    pub clickhouse: DatabaseConfig,
    /// The gateway.
    pub receive: ReceiveConfig,
    /// The writer.
    pub store: StoreConfig,
    /// The journal between them.
    pub kafka: KafkaConfig,
    /// The analyzer. Its `listen` and `clickhouse` are those above, and its
    /// `state_dir` lies in the data folder.
    pub analyzer: AnalyzerConfig,
    /// Whoever else's analyzer the database belonged to, it is replaced; asked
    /// for at each start, never kept.
    #[serde(skip)]
    pub take_over: bool,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// A server that exists; empty: one of our own as a child process.
    pub url: String,
    /// Most memory of our own server, in MiB.
    pub memory_mb: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            memory_mb: 1536,
        }
    }
}

impl Default for RiverConfig {
    fn default() -> Self {
        Self {
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            grace_s: 25,
            clickhouse: DatabaseConfig::default(),
            receive: ReceiveConfig::default(),
            store: StoreConfig::default(),
            kafka: KafkaConfig::default(),
            analyzer: AnalyzerConfig::default(),
            take_over: false,
        }
    }
}

/// Settings that cannot be run; a person must change them.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read settings {path}: {source}; name another file with --config", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of a wrong type.
    #[error("settings{place}: {message}")]
    Malformed {
        /// Where the settings come from.
        place: String,
        /// Key and line.
        message: String,
    },
    /// A value that cannot work.
    #[error("{key} = {value} cannot work: {remedy}")]
    Impossible {
        /// The key, with its table.
        key: &'static str,
        /// What was found.
        value: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// A value of receive, store or Kafka that cannot work.
    #[error(transparent)]
    Ingest(#[from] kbwatch_ingest::config::ConfigError),
    /// A value of the analyzer that cannot work.
    #[error("analyzer.{0}")]
    Analyzer(#[from] kbwatch_analyzer::config::ConfigError),
}

impl RiverConfig {
    /// Reads a file, or the defaults, and lets variables override it.
    ///
    /// `variables` are those of the process (`std::env::vars()`). The result is
    /// not checked yet: the command line may still change it.
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let place = path.map_or_else(String::new, |path| format!(" in {}", path.display()));
        let malformed = |message: String| ConfigError::Malformed {
            place: place.clone(),
            message,
        };
        let text = match path {
            None => String::new(),
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                    path: path.to_owned(),
                    source,
                })?
            }
        };
        // Once without variables, so that a mistake is shown in its line.
        toml::from_str::<Self>(&text).map_err(|error| malformed(error.to_string()))?;
        let mut table: toml::Table =
            toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        for (name, value) in variables {
            overlay(&mut table, &name, &value);
        }
        toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| {
                malformed(format!("with KBWATCH_* variables: {error}"))
            })
    }

    /// Names the first value that cannot work, before a socket opens.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.receive_with_tls(Path::new("")).check()?;
        self.store.check()?;
        self.kafka.check()?;
        self.analyzer.check()?;
        let plain = AnalyzerConfig::default();
        if self.analyzer.listen != plain.listen {
            return Err(ConfigError::Impossible {
                key: "analyzer.listen",
                value: self.analyzer.listen.clone(),
                remedy: "remove it; all pages are served on http",
            });
        }
        if self.analyzer.clickhouse != plain.clickhouse {
            return Err(ConfigError::Impossible {
                key: "analyzer.clickhouse",
                value: self.analyzer.clickhouse.url.clone(),
                remedy: "remove it; clickhouse.url holds for all stages",
            });
        }
        if self.analyzer.state_dir != plain.state_dir {
            return Err(ConfigError::Impossible {
                key: "analyzer.state_dir",
                value: self.analyzer.state_dir.display().to_string(),
                remedy: "remove it; it lies in the data folder",
            });
        }
        if !(64..=1_048_576).contains(&self.clickhouse.memory_mb) {
            return Err(ConfigError::Impossible {
                key: "clickhouse.memory_mb",
                value: self.clickhouse.memory_mb.to_string(),
                remedy: "64 to 1048576; 1536 suits most",
            });
        }
        self.connection()?;
        if self.grace_s == 0 {
            return Err(ConfigError::Impossible {
                key: "grace_s",
                value: "0".to_owned(),
                remedy: "at least 1; 25 suits most",
            });
        }
        Ok(())
    }

    /// The server that exists, if one is named.
    pub fn connection(&self) -> Result<Option<Connection>, ConfigError> {
        if self.clickhouse.url.is_empty() {
            return Ok(None);
        }
        match Connection::from_url(&self.clickhouse.url) {
            Ok(connection) => Ok(Some(connection)),
            Err(error) => Err(ConfigError::Impossible {
                key: "clickhouse.url",
                value: error.to_string(),
                remedy: "http://user:password@host:8123/database",
            }),
        }
    }

    /// The gateway's settings, with the certificates of this data folder
    /// unless others are named.
    pub(crate) fn receive_with_tls(&self, pki: &Path) -> ReceiveConfig {
        let mut receive = self.receive.clone();
        receive
            .tls
            .get_or_insert_with(|| crate::pki::gateway_files(pki));
        receive
    }
}

/// Sets `KBWATCH_TABLE__KEY`, or one of the known names; other variables are
/// passed over.
fn overlay(table: &mut toml::Table, name: &str, value: &str) {
    let known = KNOWN_VARIABLES.iter().find(|(known, _)| *known == name);
    let path: Vec<String> = match (known, name.strip_prefix("KBWATCH_")) {
        (Some((_, path)), _) => path.iter().map(|&key| key.to_owned()).collect(),
        (None, Some(rest)) if rest.contains("__") => {
            rest.to_lowercase().split("__").map(str::to_owned).collect()
        }
        _ => return,
    };
    let Some((key, tables)) = path.split_last() else {
        return;
    };
    let mut inner = table;
    for name in tables {
        let entry = inner
            .entry(name.clone())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        match entry.as_table_mut() {
            Some(next) => inner = next,
            None => return,
        }
    }
    inner.insert(key.clone(), as_value(value));
}

/// A number, a truth value or a list where it reads as one, else a text.
fn as_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<RiverConfig, ConfigError> {
        RiverConfig::load(
            None,
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn the_documented_defaults_are_those_of_the_code() {
        let documented = include_str!("../../config/kbwatch.toml");
        let from_file: toml::Table = toml::from_str(documented).unwrap();
        let mut from_code = toml::Table::try_from(RiverConfig::default()).unwrap();
        let analyzer = from_code["analyzer"].as_table_mut().unwrap();
        // Set above for all stages, and refused here.
        analyzer.remove("listen");
        analyzer.remove("clickhouse");
        analyzer.remove("state_dir");
        assert_eq!(from_file, from_code);
    }

    #[test]
    fn the_defaults_can_be_run() {
        RiverConfig::default().check().unwrap();
    }

    #[test]
    fn variables_reach_every_key() {
        let config = with(&[
            ("KBWATCH_CLICKHOUSE_URL", "http://db:8123"),
            ("KBWATCH_STORE__GROUP_ROWS", "50"),
            ("KBWATCH_RECEIVE__LISTEN", "0.0.0.0:7443"),
            ("KBWATCH_CACHE", "/somewhere"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.store.group_rows, 50);
        assert_eq!(config.receive.listen.port(), 7443);
        assert_eq!(config.connection().unwrap().unwrap().url, "http://db:8123");
        config.check().unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = with(&[("KBWATCH_STORE__GROUP_ROW", "50")]).unwrap_err();
        assert!(error.to_string().contains("group_row"), "{error}");
    }

    #[test]
    fn a_key_that_would_do_nothing_is_refused_with_the_one_that_does() {
        let mut config = RiverConfig::default();
        config.analyzer.listen = "127.0.0.1:9".to_owned();
        let error = config.check().unwrap_err().to_string();
        assert!(
            error.contains("analyzer.listen") && error.contains("http"),
            "{error}"
        );
    }
}
