//! How the gateway listens and how much it holds.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, EnrolmentConfig, impossible};

/// A batch of full size must pass a bucket of four seconds.
const MIN_BYTES_PER_S: u32 = 512 * 1024;

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
    /// Bytes of payload that one device may send per second, in the long run; an
    /// importer sixteen times as many.
    pub device_bytes_per_s: u32,
    /// Bytes of payload that the devices of one branch may send per second, all
    /// together; none by default.
    pub branch_bytes_per_s: Option<u32>,
    /// The same for everybody at this gateway; none by default.
    pub all_bytes_per_s: Option<u32>,
    /// List of who stands at which branch, before what certificates say; none by
    /// default.
    pub branches: Option<PathBuf>,
    /// How devices without a certificate come by one; they do not by default.
    pub enrolment: Option<EnrolmentConfig>,
    /// A batch that is not durable by then is answered with RETRY.
    pub receipt_deadline_ms: u64,
    /// Waiting time that RETRY asks for.
    pub retry_after_ms: u32,
    /// How often the files of `tls` are looked at.
    pub tls_poll_ms: u64,
    /// Time for a connection's handshake, and for its first words after that.
    pub handshake_deadline_ms: u64,
    /// Pauses that a message may make once it has begun, all together.
    pub message_deadline_ms: u64,
    /// How fast it must arrive beyond them.
    pub message_bytes_per_s: u32,
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
            window: 32,
            max_in_flight_bytes: 256 * 1024 * 1024,
            device_bytes_per_s: 8 * 1024 * 1024,
            branch_bytes_per_s: None,
            all_bytes_per_s: None,
            branches: None,
            enrolment: None,
            receipt_deadline_ms: 60_000,
            retry_after_ms: 2_000,
            tls_poll_ms: 5_000,
            handshake_deadline_ms: 10_000,
            message_deadline_ms: 20_000,
            message_bytes_per_s: 4_096,
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
    /// Certificates that the authority has revoked, PEM or DER; none by default.
    #[serde(default)]
    pub client_crl: Option<PathBuf>,
    /// Oldest version of TLS that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TlsVersion {
    /// For keys that cannot sign as 1.3 demands, and what inspects 1.2 only.
    #[serde(rename = "1.2")]
    Tls12,
    /// What we run.
    #[default]
    #[serde(rename = "1.3")]
    Tls13,
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
        self.check_rates()?;
        self.check_times()?;
        if let Some(enrolment) = &self.enrolment {
            enrolment.check(self)?;
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), ConfigError> {
        let rates = [
            ("receive.device_bytes_per_s", Some(self.device_bytes_per_s)),
            ("receive.branch_bytes_per_s", self.branch_bytes_per_s),
            ("receive.all_bytes_per_s", self.all_bytes_per_s),
        ];
        let set = rates
            .into_iter()
            .filter_map(|(key, rate)| Some((key, rate?)));
        for (key, rate) in set {
            if rate < MIN_BYTES_PER_S {
                return Err(impossible(
                    key,
                    &rate,
                    "at least 524288: a batch may have four times as many; 8388608 suits most",
                ));
            }
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let times = [
            (
                "receive.receipt_deadline_ms",
                self.receipt_deadline_ms,
                "at least 1; 60000 suits most",
            ),
            (
                "receive.tls_poll_ms",
                self.tls_poll_ms,
                "at least 1; 5000 suits most",
            ),
            (
                "receive.handshake_deadline_ms",
                self.handshake_deadline_ms,
                "at least 1; 10000 suits most",
            ),
            (
                "receive.message_deadline_ms",
                self.message_deadline_ms,
                "at least 1; 20000 suits most",
            ),
            (
                "receive.message_bytes_per_s",
                u64::from(self.message_bytes_per_s),
                "at least 1; 4096 suits slow lines",
            ),
            (
                "receive.keepalive_s",
                self.keepalive_s,
                "at least 1; 120 suits most",
            ),
        ];
        match times.into_iter().find(|(_, time, _)| *time == 0) {
            Some((key, time, remedy)) => Err(impossible(key, &time, remedy)),
            None => Ok(()),
        }
    }
}
