//! What an alert says, and how a receiver knows that it is ours.

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::damage::short_hex;

/// Header with the HMAC-SHA256 of the body, in hex.
pub const SIGNATURE_HEADER: &str = "X-Kbwatch-Signature";

/// One alert, as it is posted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Stable: a second delivery has the same.
    pub alert_id: String,
    /// `new_cluster` or `new_code`.
    pub kind: String,
    /// Transition that is told: `new` or `returned`.
    pub state: String,
    /// Failing KB.
    pub kb: String,
    /// Final code; empty where no record states one.
    pub hresult: String,
    /// Cluster, or empty.
    pub cluster_id: String,
    /// Devices that fail so.
    pub failed: u64,
    /// Devices with a closed attempt of the KB.
    pub tried: u64,
    /// What they share, or empty.
    pub cause: String,
    /// Ring with most of them, or empty.
    pub ring: String,
    /// First failure, RFC 3339.
    pub first_seen: String,
    /// Seconds between the newest data and the alert.
    pub data_age_s: i64,
    /// Page that shows it.
    pub link: String,
}

/// Stable id of the n-th time that `subject` makes `transition`.
pub(crate) fn alert_id(subject: &str, transition: &str, n: u32) -> String {
    let text = format!("{subject}|{transition}|{n}");
    short_hex(&Sha256::digest(text.as_bytes()))
}

/// HMAC-SHA256 of `body` in lower-case hex.
pub fn signature(secret: &str, body: &[u8]) -> String {
    use std::fmt::Write as _;
    // HMAC takes keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 3339 in UTC, or empty for a time out of range.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_known_hmac_of_rfc_4231() {
        let signed = signature("Jefe", b"what do ya want for nothing?");
        assert_eq!(
            signed,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn an_id_names_subject_transition_and_number() {
        let id = alert_id("a", "new", 1);
        assert_eq!(id, alert_id("a", "new", 1));
        assert_ne!(id, alert_id("a", "new", 2));
        assert_ne!(id, alert_id("b", "new", 1));
        assert_ne!(id, alert_id("a", "returned", 1));
    }
}
