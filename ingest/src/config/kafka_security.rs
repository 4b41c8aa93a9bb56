//! How the brokers of Kafka are spoken to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, impossible};

/// Protection and name of every connection to the brokers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSecurity {
    /// Kafka's own word for what is spoken.
    pub protocol: KafkaProtocol,
    /// Authority that signed the brokers' certificates, PEM; without it the
    /// system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Our certificate, PEM, where the brokers ask for one.
    #[serde(default)]
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// How name and password are shown, where the protocol has them.
    #[serde(default)]
    pub mechanism: SaslMechanism,
    /// Our name.
    #[serde(default)]
    pub user: String,
    /// Its password; better given as `KBWATCH_KAFKA_PASSWORD`.
    #[serde(default)]
    pub password: String,
}

/// What is spoken to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaProtocol {
    /// TLS; our certificate is our name.
    Ssl,
    /// TLS, with name and password.
    SaslSsl,
    /// Name and password in the clear: for laboratories.
    SaslPlaintext,
}

/// How name and password are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SaslMechanism {
    /// As they are.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By challenge, SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// By challenge, SHA-512.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl std::fmt::Debug for KafkaSecurity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaSecurity")
            .field("protocol", &self.protocol)
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl KafkaSecurity {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let needs_openssl =
            self.protocol != KafkaProtocol::SaslPlaintext || self.mechanism != SaslMechanism::Plain;
        if needs_openssl && cfg!(not(feature = "kafka-ssl")) {
            return Err(impossible(
                "kafka.security.protocol",
                &self.protocol.as_str(),
                "this program was built without TLS and SCRAM for Kafka; build it with \
                 `--features kafka-ssl`, which needs libssl-dev",
            ));
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err(impossible(
                "kafka.security.cert",
                &self.cert.is_some(),
                "name cert and key, or neither",
            ));
        }
        if self.has_password() && self.user.is_empty() {
            return Err(impossible(
                "kafka.security.user",
                &"\"\"",
                "the name that the brokers know us by",
            ));
        }
        Ok(())
    }

    fn has_password(&self) -> bool {
        self.protocol != KafkaProtocol::Ssl
    }

    /// The same in librdkafka's words.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("security.protocol", self.protocol.as_str().to_owned())];
        let files = [
            ("ssl.ca.location", &self.ca),
            ("ssl.certificate.location", &self.cert),
            ("ssl.key.location", &self.key),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                settings.push((name, file.to_string_lossy().into_owned()));
            }
        }
        if self.has_password() {
            settings.push(("sasl.mechanism", self.mechanism.as_str().to_owned()));
            settings.push(("sasl.username", self.user.clone()));
            settings.push(("sasl.password", self.password.clone()));
        }
        settings
    }
}

impl KafkaProtocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ssl => "ssl",
            Self::SaslSsl => "sasl_ssl",
            Self::SaslPlaintext => "sasl_plaintext",
        }
    }
}

impl SaslMechanism {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> KafkaSecurity {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn every_setting_reaches_librdkafka_under_its_name() {
        let security = read(
            "protocol = \"sasl_ssl\"\nca = \"/ca.pem\"\ncert = \"/own.pem\"\nkey = \"/own.key\"\n\
             user = \"kbwatch\"\npassword = \"s3cret\"\n",
        );
        let settings = security.settings();
        for (name, value) in [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", "/ca.pem"),
            ("ssl.certificate.location", "/own.pem"),
            ("ssl.key.location", "/own.key"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "kbwatch"),
            ("sasl.password", "s3cret"),
        ] {
            assert!(settings.contains(&(name, value.to_owned())), "{name}");
        }
    }

    #[test]
    fn with_certificates_alone_no_password_is_sent() {
        let settings = read("protocol = \"ssl\"").settings();
        assert!(settings.iter().all(|(name, _)| !name.starts_with("sasl")));
    }

    #[test]
    fn a_password_is_never_printed() {
        let security = read("protocol = \"ssl\"\npassword = \"s3cret\"");
        assert!(!format!("{security:?}").contains("s3cret"));
    }

    #[cfg(not(feature = "kafka-ssl"))]
    #[test]
    fn a_program_without_tls_for_kafka_says_how_to_get_it() {
        let security = read("protocol = \"sasl_ssl\"\nuser = \"kbwatch\"");
        let refused = security.check().unwrap_err().to_string();
        assert!(refused.contains("--features kafka-ssl"), "{refused}");
    }

    #[test]
    fn a_name_is_needed_where_a_password_is_shown() {
        let security = read("protocol = \"sasl_plaintext\"\nmechanism = \"PLAIN\"");
        let refused = security.check().unwrap_err().to_string();
        assert!(refused.contains("kafka.security.user"), "{refused}");
    }
}
