//! What can be set, its defaults, and why one would change them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the analyzer; every key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalyzerConfig {
    /// Address of pages, API and metrics.
    pub listen: String,
    /// What links in alerts begin with.
    pub public_url: String,
    /// Folder of this analyzer alone; see [`crate::Claim`].
    pub state_dir: PathBuf,
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
    /// Host names of devices that others may repair from, beside the depots;
    /// no other device is ever proposed. Empty: none is.
    pub donors: Vec<String>,
    /// Where alerts go.
    pub webhooks: Vec<Webhook>,
    /// When a ring may go on.
    pub verdict: VerdictRules,
    /// The database.
    pub clickhouse: ClickHouse,
}

/// When a ring may go on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerdictRules {
    /// How far above the usual rate the failure rate may lie.
    pub margin: f64,
    /// Hours that a device must have lived with the update after its reboot.
    pub soak_h: u32,
    /// Devices of each class that must have settled in the ring.
    pub class_devices: u32,
    /// How sure it must be that the rate lies below usual plus margin.
    pub confidence: f64,
}

impl Default for VerdictRules {
    fn default() -> Self {
        Self {
            margin: 0.02,
            soak_h: 24,
            class_devices: 5,
            confidence: 0.95,
        }
    }
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
    /// Cluster that the tables are made on, replicated; empty for one server.
    pub cluster: String,
}

impl Default for AnalyzerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            public_url: "http://127.0.0.1:8080".into(),
            state_dir: "/var/lib/kbwatch-analyzer".into(),
            cycle_ms: 2_000,
            overlap_s: 30,
            window_days: 120,
            presence_limit_s: 3_600,
            gone_silent_s: 14_400,
            alpha: 0.001,
            min_devices: 5,
            ignored_kbs: vec!["KB2267602".into(), "KB4052623".into(), "KB890830".into()],
            donors: Vec::new(),
            webhooks: Vec::new(),
            verdict: VerdictRules::default(),
            clickhouse: ClickHouse::default(),
        }
    }
}

/// A value that cannot be: correct it before anything starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: {remedy}")]
pub struct ConfigError {
    /// Which key.
    pub key: String,
    /// What stands there.
    pub value: String,
    /// What would do.
    pub remedy: String,
}

impl AnalyzerConfig {
    /// Lays `KBWATCH_CLICKHOUSE_URL`, `_USER`, `_PASSWORD` and `_DATABASE` over
    /// the file: what differs between machines, and what nobody should read.
    pub fn overlay(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let targets = [
            ("KBWATCH_CLICKHOUSE_URL", &mut self.clickhouse.url),
            ("KBWATCH_CLICKHOUSE_USER", &mut self.clickhouse.user),
            ("KBWATCH_CLICKHOUSE_PASSWORD", &mut self.clickhouse.password),
            ("KBWATCH_CLICKHOUSE_DATABASE", &mut self.clickhouse.database),
        ];
        for (name, target) in targets {
            if let Some(value) = variable(name) {
                *target = value;
            }
        }
    }

    /// Refuses impossible values before a socket opens.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, value: &dyn std::fmt::Display, remedy: &str| {
            Err(ConfigError {
                key: key.to_owned(),
                value: value.to_string(),
                remedy: remedy.to_owned(),
            })
        };
        if self.listen.parse::<std::net::SocketAddr>().is_err() {
            return refuse(
                "listen",
                &self.listen,
                "give an address and a port, 127.0.0.1:8080",
            );
        }
        if self.state_dir.as_os_str().is_empty() {
            return refuse(
                "state_dir",
                &"",
                "name a folder that is this analyzer's alone",
            );
        }
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return refuse("alpha", &self.alpha, "give a chance above 0 and below 0.5");
        }
        if self.cycle_ms < 100 {
            return refuse("cycle_ms", &self.cycle_ms, "give at least 100");
        }
        if self.min_devices < 2 {
            return refuse(
                "min_devices",
                &self.min_devices,
                "give at least 2: one is no cluster",
            );
        }
        if self.window_days == 0 {
            return refuse("window_days", &self.window_days, "give at least 1");
        }
        if !(self.verdict.margin > 0.0 && self.verdict.margin < 0.5) {
            let remedy =
                "give a share above 0 and below 0.5: no bound lies below the usual rate itself";
            return refuse("verdict.margin", &self.verdict.margin, remedy);
        }
        if !(self.verdict.confidence >= 0.5 && self.verdict.confidence < 1.0) {
            let remedy = "give a certainty of at least 0.5 and below 1";
            return refuse("verdict.confidence", &self.verdict.confidence, remedy);
        }
        let is_web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
        for hook in &self.webhooks {
            if !is_web(&hook.url) {
                return refuse(
                    "webhooks.url",
                    &hook.url,
                    "give an http:// or https:// address",
                );
            }
            if hook.secret.is_empty() {
                return refuse(
                    "webhooks.secret",
                    &"",
                    "give a secret that the receiver knows",
                );
            }
        }
        if !is_web(&self.clickhouse.url) {
            let remedy = "give the address of ClickHouse's HTTP interface";
            return refuse("clickhouse.url", &self.clickhouse.url, remedy);
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if !self.clickhouse.cluster.chars().all(plain) {
            let remedy = "letters, digits, _ - and . as ClickHouse's remote_servers names it";
            return refuse("clickhouse.cluster", &self.clickhouse.cluster, remedy);
        }
        Ok(())
    }

    /// A client of the configured database.
    pub fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.clickhouse.url)
            .with_user(&self.clickhouse.user)
            .with_password(&self.clickhouse.password)
            .with_database(&self.clickhouse.database)
    }
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".into(),
            user: "default".into(),
            password: String::new(),
            database: "kbwatch".into(),
            cluster: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_defaults_are_those_of_the_code() {
        let documented = include_str!("../../deploy/config/analyzer.toml");
        let read: AnalyzerConfig = toml::from_str(documented).unwrap();
        assert_eq!(read, AnalyzerConfig::default());
        let keys = serde_json::to_value(AnalyzerConfig::default()).unwrap();
        for key in keys.as_object().unwrap().keys() {
            assert!(documented.contains(key.as_str()), "{key} is not documented");
        }
    }

    #[test]
    fn an_impossible_value_is_refused_with_its_remedy() {
        let config = AnalyzerConfig {
            min_devices: 1,
            ..AnalyzerConfig::default()
        };
        let error = config.check().unwrap_err();
        assert_eq!(error.key, "min_devices");
        assert!(error.to_string().contains("at least 2"));
        assert_eq!(AnalyzerConfig::default().check(), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<AnalyzerConfig>("lisssten = \"x\"").is_err());
    }

    #[test]
    fn a_variable_wins_over_the_file() {
        let mut config: AnalyzerConfig =
            toml::from_str("[clickhouse]\nuser = \"reader\"\npassword = \"\"\n").unwrap();
        config.overlay(|name| (name == "KBWATCH_CLICKHOUSE_PASSWORD").then(|| "s".to_owned()));
        assert_eq!(config.clickhouse.password, "s");
        assert_eq!(config.clickhouse.user, "reader");
    }
}
