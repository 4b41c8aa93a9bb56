//! Who this device is, and what it says of itself.

use x509_parser::prelude::{FromDer, X509Certificate};

use super::screen::Screen;
use crate::config::{CollectorConfig, TlsConfig};
use crate::credentials;
use crate::identity;
use crate::send::chain;
use crate::watch::facts::FactsSource;

/// Days before a certificate's end on which to speak of it.
const RENEWAL_DAYS: i64 = 14;

const DAY_S: i64 = 86_400;

/// Shows the device; returns its id.
pub(super) fn look(config: &CollectorConfig, now_ms: i64, screen: &mut Screen) -> Option<String> {
    let device_id = match identity::device_id(config) {
        Ok(device_id) => {
            screen.line("device", describe(config, &device_id));
            Some(device_id)
        }
        Err(error) => {
            screen.line("device", "unknown");
            screen.fault(
                chain(&error),
                "check the paths under [tls]; ask for a certificate where there is none",
            );
            None
        }
    };
    if let Some(tls) = &config.tls {
        look_at_certificate(tls, now_ms, screen);
        if device_id.is_some()
            && let Err(error) = credentials::own(tls)
        {
            screen.fault(
                chain(&error),
                "run this as an administrator; if it stays so, install the collector again",
            );
        }
    }
    device_id
}

/// The id, and the facts that a technician knows the machine by.
fn describe(config: &CollectorConfig, device_id: &str) -> String {
    let facts = FactsSource::new(config.facts_file.clone()).look();
    let facts = facts.unwrap_or_default();
    let fact = |name: &str| facts.get(name).map_or("", String::as_str);
    let mut parts = vec![device_id.to_owned()];
    match (fact("os_build"), fact("ubr")) {
        ("", _) => {}
        (build, "") => parts.push(format!("build {build}")),
        (build, ubr) => parts.push(format!("build {build}.{ubr}")),
    }
    parts.extend(["edition", "language", "model"].map(|name| fact(name).to_owned()));
    if fact("pending_reboot") == "true" {
        parts.push("waits for a restart".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn look_at_certificate(tls: &TlsConfig, now_ms: i64, screen: &mut Screen) {
    // What cannot be read was told with the device.
    let Some(end_s) = end_of_certificate(tls) else {
        return;
    };
    let left_s = end_s - now_ms / 1_000;
    let days = left_s / DAY_S;
    screen.line(
        "certificate",
        match left_s {
            ..0 => format!("ended {} days ago", -days),
            _ => format!("valid for {days} more days"),
        },
    );
    if left_s < 0 {
        screen.fault(
            "the certificate of this device has ended: the gateway turns it away",
            format!(
                "renew {}; and check this machine's clock",
                credentials::place(tls)
            ),
        );
    } else if days < RENEWAL_DAYS {
        screen.fault(
            format!("the certificate of this device ends in {days} days"),
            format!("renew {}", credentials::place(tls)),
        );
    }
}

/// Seconds since 1970 UTC.
fn end_of_certificate(tls: &TlsConfig) -> Option<i64> {
    let chain = credentials::chain(tls).ok()?;
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
