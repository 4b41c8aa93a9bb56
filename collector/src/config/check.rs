//! Refusing what cannot be, before anything is opened: key, value, remedy.

use tonic::transport::Uri;

use super::{CollectorConfig, ConfigError, TlsConfig};
use crate::credentials::choice;

/// Why a certificate of the machine's store cannot be had.
const NO_STORE: &str = "only Windows has a certificate store: set tls.cert and tls.key";

impl CollectorConfig {
    /// Refuses values that cannot work, naming key, value and remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_gateway()?;
        if !self.state_dir.is_absolute() {
            return Err(impossible(
                "state_dir",
                &self.state_dir.display(),
                "name an absolute path",
            ));
        }
        if let Some(minutes) = self.utc_offset_minutes {
            within("utc_offset_minutes", i64::from(minutes), -14 * 60, 14 * 60)?;
        }
        for (key, value, least, most) in self.ranges() {
            within(key, i64::from(value), least, most)?;
        }
        Ok(())
    }

    fn ranges(&self) -> [(&'static str, u32, i64, i64); 19] {
        let most_events = i64::try_from(kbwatch_proto::batch::MAX_EVENTS).unwrap_or(i64::MAX);
        [
            ("history_days", self.history_days, 1, 36_500),
            ("heartbeat_s", self.heartbeat_s, 1, 86_400),
            ("poll_ms", self.poll_ms, 10, 3_600_000),
            ("batch_max_events", self.batch_max_events, 1, most_events),
            ("batch_max_age_ms", self.batch_max_age_ms, 0, 3_600_000),
            ("outbox_max_batches", self.outbox_max_batches, 1, 10_000),
            ("outbox_max_bytes", self.outbox_max_bytes, 65_536, 1 << 30),
            ("spool_after_s", self.spool_after_s, 1, 86_400),
            (
                "read_max_bytes_per_s",
                self.read_max_bytes_per_s,
                0,
                i64::from(u32::MAX),
            ),
            (
                "send_max_bytes_per_s",
                self.send_max_bytes_per_s,
                0,
                i64::from(u32::MAX),
            ),
            ("start_spread_ms", self.start_spread_ms, 0, 3_600_000),
            ("in_flight_batches", self.in_flight_batches, 1, 1_000),
            ("checkpoint_s", self.checkpoint_s, 0, 86_400),
            ("connect_timeout_ms", self.connect_timeout_ms, 1, 600_000),
            ("receipt_timeout_ms", self.receipt_timeout_ms, 1, 3_600_000),
            ("backoff_max_ms", self.backoff_max_ms, 1, 3_600_000),
            ("keepalive_s", self.keepalive_s, 1, 86_400),
            ("stop_grace_ms", self.stop_grace_ms, 0, 600_000),
            ("memory_max_mb", self.memory_max_mb, 32, 65_536),
        ]
    }

    fn check_gateway(&self) -> Result<(), ConfigError> {
        let refuse = |remedy| Err(impossible("gateway", &self.gateway, remedy));
        let Ok(uri) = self.gateway.parse::<Uri>() else {
            return refuse("write https://host:port");
        };
        let Some(host) = uri.host() else {
            return refuse("write https://host:port");
        };
        match (uri.scheme_str(), &self.tls, &self.declared_device) {
            (Some("https"), None, _) => Err(ConfigError::Missing {
                key: "tls",
                remedy: "https needs a table [tls] with the paths ca, cert and key",
            }),
            (Some("https"), Some(_), Some(declared)) => Err(impossible(
                "declared_device",
                declared,
                "remove it: with https the certificate says who this is",
            )),
            (Some("http"), _, _) if !is_loopback(host) => {
                refuse("use https: without TLS only a gateway on this machine is spoken to")
            }
            (Some("http"), Some(_), _) => refuse("use https, or remove the table tls"),
            (Some("http"), None, None) => Err(ConfigError::Missing {
                key: "declared_device",
                remedy: "say who this is: with http there is no certificate to say it",
            }),
            (Some("http"), None, Some(declared)) if declared.trim().is_empty() => {
                Err(impossible("declared_device", declared, "name the device"))
            }
            (Some("https"), Some(tls), None) => tls.check(),
            (Some("http"), None, Some(_)) => Ok(()),
            _ => refuse("write https://host:port"),
        }
    }
}

impl TlsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let mut files = vec![("tls.ca", &self.ca)];
        if self.is_in_store() {
            self.check_store()?;
        } else {
            files.extend([("tls.cert", &self.cert), ("tls.key", &self.key)]);
        }
        match files.iter().find(|(_, path)| path.as_os_str().is_empty()) {
            Some((key, _)) => Err(ConfigError::Missing {
                key,
                remedy: "name a PEM file",
            }),
            None => Ok(()),
        }
    }

    fn check_store(&self) -> Result<(), ConfigError> {
        let (key, value, remedy) = match (&self.store_thumbprint, &self.store_subject) {
            (Some(thumbprint), Some(_)) => (
                "tls.store_thumbprint",
                thumbprint,
                "state the thumbprint or the subject, not both",
            ),
            (Some(thumbprint), None) if !cfg!(windows) => {
                ("tls.store_thumbprint", thumbprint, NO_STORE)
            }
            (None, Some(subject)) if !cfg!(windows) => ("tls.store_subject", subject, NO_STORE),
            (Some(thumbprint), None) if choice::thumbprint(thumbprint).is_none() => (
                "tls.store_thumbprint",
                thumbprint,
                "write the 40 hexadecimal digits that Windows shows",
            ),
            (None, Some(subject)) if subject.trim().is_empty() => (
                "tls.store_subject",
                subject,
                "write the common name of the certificate",
            ),
            _ => return Ok(()),
        };
        Err(impossible(key, value, remedy))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn impossible(key: &str, value: &dyn std::fmt::Display, remedy: &str) -> ConfigError {
    ConfigError::Impossible {
        key: key.to_owned(),
        value: value.to_string(),
        remedy: remedy.to_owned(),
    }
}

fn within(key: &str, value: i64, least: i64, most: i64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let remedy = format!("choose {least} to {most}");
    Err(impossible(key, &value, &remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> CollectorConfig {
        CollectorConfig {
            gateway: "http://127.0.0.1:7443".to_owned(),
            declared_device: Some("pc-1".to_owned()),
            state_dir: std::env::temp_dir(),
            ..CollectorConfig::default()
        }
    }

    fn refusal(config: &CollectorConfig) -> (String, String) {
        match config.check() {
            Err(ConfigError::Impossible { key, remedy, .. }) => (key, remedy),
            Err(ConfigError::Missing { key, remedy }) => (key.to_owned(), remedy.to_owned()),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_plain_gateway_is_spoken_to_on_loopback_only() {
        assert!(sound().check().is_ok());
        let mut far = sound();
        far.gateway = "http://10.0.0.1:7443".to_owned();
        assert_eq!(refusal(&far).0, "gateway");
        let mut silent = sound();
        silent.declared_device = None;
        assert_eq!(refusal(&silent).0, "declared_device");
    }

    #[test]
    fn https_needs_certificates_and_no_declaration() {
        let mut config = sound();
        config.gateway = "https://gateway:7443".to_owned();
        config.declared_device = None;
        assert_eq!(refusal(&config).0, "tls");
        config.tls = Some(TlsConfig::default());
        assert_eq!(refusal(&config).0, "tls.ca");
        config.tls = Some(TlsConfig {
            ca: "ca.pem".into(),
            cert: "pc-1.pem".into(),
            ..TlsConfig::default()
        });
        assert_eq!(refusal(&config).0, "tls.key");
        config.tls.as_mut().unwrap().key = "pc-1.key".into();
        assert!(config.check().is_ok());
        config.declared_device = Some("pc-1".to_owned());
        assert_eq!(refusal(&config).0, "declared_device");
    }

    #[test]
    fn only_windows_has_a_certificate_store() {
        let mut config = sound();
        config.gateway = "https://gateway:7443".to_owned();
        config.declared_device = None;
        config.tls = Some(TlsConfig {
            ca: "ca.pem".into(),
            store_subject: Some("pc-1".to_owned()),
            ..TlsConfig::default()
        });
        let refused = config.check().map_err(|refused| refused.to_string());
        let expected = if cfg!(windows) {
            Ok(())
        } else {
            Err(
                "tls.store_subject = \"pc-1\" cannot be: only Windows has a certificate store: \
                 set tls.cert and tls.key"
                    .to_owned(),
            )
        };
        assert_eq!(refused, expected);
    }

    #[test]
    fn an_impossible_number_is_refused_with_its_key_and_the_range() {
        let mut config = sound();
        config.batch_max_events = 0;
        assert_eq!(
            refusal(&config),
            ("batch_max_events".to_owned(), "choose 1 to 5000".to_owned())
        );
    }
}
