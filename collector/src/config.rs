//! What a collector is told: where the logs are, whom to report to, how much
//! it may keep.
//!
//! Values come from a TOML file and from `KBWATCH_COLLECTOR_*` variables, which
//! win. A wrong value is refused with its key and a remedy before anything is
//! opened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::load::VARIABLE_PREFIX;
pub use self::sources::SourcesConfig;

mod check;
mod load;
#[cfg(test)]
mod policy_template;
mod sources;

/// Everything that a collector can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// Address of the gateway, `https://host:port`; `http://` on loopback only.
    pub gateway: String,
    /// Certificates; required with `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Who this is, where no certificate says it: plain loopback only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_device: Option<String>,
    /// Folder for the checkpoint and for refused batches.
    pub state_dir: PathBuf,
    /// The logs to follow.
    pub sources: SourcesConfig,
    /// JSON object of strings that states the device's facts; without it the
    /// operating system is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts_file: Option<PathBuf>,
    /// Minutes east of UTC of the logs' wall clock; without it the machine's
    /// time zone holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utc_offset_minutes: Option<i32>,
    /// Records older than this many days are skipped and counted.
    pub history_days: u32,
    /// Seconds between two signs of life, give or take a tenth.
    pub heartbeat_s: u32,
    /// Milliseconds between two looks at the logs.
    pub poll_ms: u32,
    /// A batch is sealed when it holds this many events…
    pub batch_max_events: u32,
    /// …or when the last one was sealed this many milliseconds ago: what comes
    /// after a pause is sent at once.
    pub batch_max_age_ms: u32,
    /// Batches without a receipt after which reading pauses.
    pub outbox_max_batches: u32,
    /// The same, in bytes of all batches.
    pub outbox_max_bytes: u32,
    /// Batches that may be under way at once.
    pub in_flight_batches: u32,
    /// Seconds between two writes of the checkpoint while it changes.
    pub checkpoint_s: u32,
    /// Bytes that batches refused by the gateway may occupy.
    pub refused_max_bytes: u64,
    /// Bytes on disk for what would rotate away while no gateway answers; 0 for
    /// none.
    pub spool_max_bytes: u64,
    /// Seconds that a full outbox waits for any receipt before that begins.
    pub spool_after_s: u32,
    /// Bytes of logs read per second; 0 for no bound.
    pub read_max_bytes_per_s: u32,
    /// Bytes sent per second, over a while; 0 for no bound.
    pub send_max_bytes_per_s: u32,
    /// The first contact comes after a random part of this, in milliseconds.
    pub start_spread_ms: u32,
    /// Milliseconds that connecting may take.
    pub connect_timeout_ms: u32,
    /// Milliseconds without any receipt after which a connection is given up.
    pub receipt_timeout_ms: u32,
    /// Longest pause between two attempts to connect, in milliseconds.
    pub backoff_max_ms: u32,
    /// Seconds between two probes of a silent connection.
    pub keepalive_s: u32,
    /// Milliseconds that a stopping collector waits for its last receipts.
    pub stop_grace_ms: u32,
    /// Megabytes of memory beyond which Windows ends the collector.
    pub memory_max_mb: u32,
}

/// Certificates: PEM files, and on Windows the machine's store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// File with the certificates of the authorities that may vouch for the
    /// gateway.
    pub ca: PathBuf,
    /// File with this device's certificate and its chain.
    pub cert: PathBuf,
    /// File with its private key.
    pub key: PathBuf,
    /// On Windows, instead of `cert` and `key`, which are not read then: the
    /// thumbprint of a certificate in the machine's store. Its key stays there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_thumbprint: Option<String>,
    /// The same by the certificate's common name: the one that is valid
    /// longest, so that a renewed one counts at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_subject: Option<String>,
}

impl TlsConfig {
    /// Whether certificate and key stand in the machine's store.
    pub fn is_in_store(&self) -> bool {
        self.store_thumbprint.is_some() || self.store_subject.is_some()
    }
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            gateway: "https://localhost:7443".to_owned(),
            tls: None,
            declared_device: None,
            state_dir: r"C:\ProgramData\kbwatch\collector".into(),
            sources: SourcesConfig::default(),
            facts_file: None,
            utc_offset_minutes: None,
            history_days: 90,
            heartbeat_s: 600,
            poll_ms: 1_000,
            batch_max_events: 500,
            batch_max_age_ms: 1_000,
            outbox_max_batches: 64,
            outbox_max_bytes: 4 * 1024 * 1024,
            in_flight_batches: 8,
            checkpoint_s: 5,
            refused_max_bytes: 16 * 1024 * 1024,
            spool_max_bytes: 64 * 1024 * 1024,
            spool_after_s: 600,
            read_max_bytes_per_s: 8 * 1024 * 1024,
            send_max_bytes_per_s: 256 * 1024,
            start_spread_ms: 30_000,
            connect_timeout_ms: 10_000,
            receipt_timeout_ms: 120_000,
            backoff_max_ms: 600_000,
            keepalive_s: 60,
            stop_grace_ms: 10_000,
            memory_max_mb: 96,
        }
    }
}

/// A configuration that cannot be used; a person must change it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {path}: create the file or name another with --config", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("configuration {path}: {message}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Names the key, and where it stands.
        message: String,
    },
    /// A value that cannot be.
    #[error("{key} = {value:?} cannot be: {remedy}")]
    Impossible {
        /// The key, with its table.
        key: String,
        /// The value that was found.
        value: String,
        /// What to write instead.
        remedy: String,
    },
    /// A value that cannot be left out.
    #[error("{key} is missing: {remedy}")]
    Missing {
        /// The key, with its table.
        key: &'static str,
        /// What to write.
        remedy: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = include_str!("../../deploy/config/collector.toml");

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented: CollectorConfig = toml::from_str(DOCUMENTED).unwrap();
        assert_eq!(documented, CollectorConfig::default());
    }

    #[test]
    fn every_key_is_documented() {
        // A path that is set for every key, to learn all their names.
        let some = || Some(PathBuf::from("x"));
        let full = CollectorConfig {
            tls: Some(TlsConfig {
                store_thumbprint: Some(String::new()),
                store_subject: Some(String::new()),
                ..TlsConfig::default()
            }),
            declared_device: Some("pc-1".to_owned()),
            facts_file: some(),
            utc_offset_minutes: Some(480),
            sources: SourcesConfig {
                cbs_log: some(),
                dism_log: some(),
                event_channels: true,
                event_xml: some(),
                installed_updates: some(),
                windows_update_log: some(),
                more: vec!["x".into()],
            },
            ..CollectorConfig::default()
        };
        let table = toml::Table::try_from(full).unwrap();
        for (key, value) in &table {
            let names = match value {
                toml::Value::Table(inner) => inner.keys().collect(),
                _ => vec![key],
            };
            for name in names {
                let documented = DOCUMENTED.lines().any(|line| {
                    line.trim_start_matches("# ")
                        .starts_with(&format!("{name} ="))
                });
                assert!(documented, "{name} is not in deploy/config/collector.toml");
            }
        }
    }
}
