//! How devices without a certificate come by one.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, ReceiveConfig, impossible};

/// Longest validity: no machine stands longer.
const MAX_DAYS: u32 = 3_650;

/// Where devices bring their tokens, and what signs for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentConfig {
    /// Where devices without a certificate connect.
    pub listen: SocketAddr,
    /// Folder of `ca.pem` and `ca.key`, and of the tokens: as
    /// `kbwatch-ingest pki` makes it.
    pub authority: PathBuf,
    /// Days for which a certificate is made.
    #[serde(default = "five_years")]
    pub valid_days: u32,
}

fn five_years() -> u32 {
    1_825
}

impl EnrolmentConfig {
    /// Names the first value that cannot work.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`].
    pub(super) fn check(&self, receive: &ReceiveConfig) -> Result<(), ConfigError> {
        if receive.tls.is_none() {
            return Err(impossible(
                "receive.enrolment.listen",
                &self.listen,
                "it needs [receive.tls]: devices enrol over TLS only",
            ));
        }
        if self.listen == receive.listen && self.listen.port() != 0 {
            return Err(impossible(
                "receive.enrolment.listen",
                &self.listen,
                "choose another port than receive.listen has",
            ));
        }
        if self.valid_days == 0 || self.valid_days > MAX_DAYS {
            return Err(impossible(
                "receive.enrolment.valid_days",
                &self.valid_days,
                "1 to 3650",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_do_not_enrol_in_the_clear() {
        let text = "[enrolment]\nlisten = \"127.0.0.1:7444\"\nauthority = \"/etc/kbwatch/pki\"\n";
        let config: ReceiveConfig = toml::from_str(text).unwrap();
        assert_eq!(config.enrolment.as_ref().unwrap().valid_days, 1_825);
        let refused = config.check().unwrap_err().to_string();
        assert!(refused.contains("[receive.tls]"), "{refused}");
    }
}
