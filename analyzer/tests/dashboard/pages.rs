//! What stands on the pages, in which language, and that hostile text stays
//! text.

mod absent;
mod frame;
mod language;
mod story;

use crate::sample_view::{CLUSTER, DEVICE, KB};

/// Every kind of page of the rich sample.
pub(crate) fn paths() -> Vec<(&'static str, String)> {
    vec![
        ("overview", "/".to_owned()),
        ("kb", format!("/kbs/{KB}")),
        ("clusters", "/clusters".to_owned()),
        ("cluster", format!("/clusters/{CLUSTER}")),
        ("rollouts", "/rollouts".to_owned()),
        ("rollout", "/rollouts/2023-01%20production".to_owned()),
        ("silent", "/silent".to_owned()),
        ("readiness", "/readiness".to_owned()),
        ("data", "/data".to_owned()),
        ("device", format!("/devices/{DEVICE}")),
        ("event", format!("/events/{:032x}?device={DEVICE}", 3)),
        ("drop", "/drop".to_owned()),
        ("unknown-device", "/devices/nobody".to_owned()),
        ("nowhere", "/nowhere".to_owned()),
    ]
}

fn in_lang(path: &str, lang: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}lang={lang}")
}
