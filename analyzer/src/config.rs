//! What can be set, its defaults, and why one would change them.

use serde::{Deserialize, Serialize};

/// Settings of the analyzer; every key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalyzerConfig {
    /// Address of pages, API and metrics.
    pub listen: String,
    /// What links in alerts begin with.
    pub public_url: String,
    /// Milliseconds between the begins of two cycles.
    pub cycle_ms: u64,
    /// Seconds before the newest row that a cycle reads again.
    pub overlap_s: u64,
    /// Days of events that attempts are made of.
    pub window_days: u32,
    /// Seconds without a word after which a device counts as silent.
    pub presence_limit_s: u64,
    /// Seconds of silence after which an attempt that had begun is gone silent.
    pub gone_silent_s: u64,
    /// False alarms that are accepted per release, over all codes.
    pub alpha: f64,
    /// Fewest devices of a cluster.
    pub min_devices: u64,
    /// KBs that are no updates of Windows for this purpose.
    pub ignored_kbs: Vec<String>,
    /// Where alerts go.
    pub webhooks: Vec<Webhook>,
    /// The database.
    pub clickhouse: ClickHouse,
}

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// `http://` or `https://`.
    pub url: String,
    /// Key of the HMAC-SHA256 in `X-Kbwatch-Signature`.
    pub secret: String,
}

/// How to reach ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouse {
    /// HTTP interface.
    pub url: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// Database with kbwatch's tables.
    pub database: String,
}

impl Default for AnalyzerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            public_url: "http://127.0.0.1:8080".into(),
            cycle_ms: 2_000,
            overlap_s: 30,
            window_days: 120,
            presence_limit_s: 3_600,
            gone_silent_s: 14_400,
            alpha: 0.001,
            min_devices: 5,
            ignored_kbs: vec!["KB2267602".into(), "KB4052623".into(), "KB890830".into()],
            webhooks: Vec::new(),
            clickhouse: ClickHouse::default(),
        }
    }
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".into(),
            user: "default".into(),
            password: String::new(),
            database: "kbwatch".into(),
        }
    }
}
