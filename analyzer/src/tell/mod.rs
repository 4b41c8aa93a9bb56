//! Tells people: alerts on new codes and new clusters, to webhooks.

mod alert;
mod codes;
mod outbox;

pub use alert::{Alert, SIGNATURE_HEADER, signature};
pub(crate) use alert::{alert_id, rfc3339};
pub(crate) use codes::{CodeMemory, Failure, NewSight, known_code, learns_until};
pub(crate) use outbox::Outbox;

use crate::view::{Cluster, Life};

/// A failure older than this is history and pages nobody.
const LATELY_MS: i64 = codes::LATELY_MS;

/// What all alerts of a cycle have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now_ms: i64,
    pub(crate) data_at_ms: i64,
    pub(crate) public_url: &'a str,
}

impl Moment<'_> {
    fn data_age_s(&self) -> i64 {
        ((self.now_ms - self.data_at_ms) / 1_000).max(0)
    }

    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.trim_end_matches('/'))
    }
}

/// The alert for a cluster that was called or has returned; none for one that
/// lies in the past.
pub(crate) fn cluster_alert(
    cluster: &Cluster,
    returned: Option<i64>,
    moment: Moment<'_>,
) -> Option<Alert> {
    if moment.now_ms - cluster.last_failure_at_ms > LATELY_MS || cluster.life == Life::Closed {
        return None;
    }
    let (state, n) = match returned {
        Some(at_ms) => (
            "returned",
            u32::try_from(at_ms / 60_000).unwrap_or(u32::MAX),
        ),
        None => ("new", 1),
    };
    Some(Alert {
        alert_id: alert_id(&format!("cluster:{}", cluster.id), state, n),
        kind: "new_cluster".to_owned(),
        state: state.to_owned(),
        kb: cluster.kb.clone(),
        hresult: cluster.hresult.clone(),
        cluster_id: cluster.id.clone(),
        failed: cluster.failed,
        tried: cluster.tried,
        cause: cause_text(cluster),
        ring: main_ring(cluster),
        first_seen: rfc3339(cluster.since_ms),
        data_age_s: moment.data_age_s(),
        link: moment.link(&format!("/clusters/{}", cluster.id)),
    })
}

/// `image=img-teller-2022b`, or empty.
pub(crate) fn cause_text(cluster: &Cluster) -> String {
    let Some(cause) = cluster.causes.first() else {
        return String::new();
    };
    let facts = cause
        .facts
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    facts.collect::<Vec<_>>().join(", ")
}

fn main_ring(cluster: &Cluster) -> String {
    let mut rings: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for device in &cluster.devices {
        if let Some(ring) = device.facts.get("ring") {
            *rings.entry(ring).or_default() += 1;
        }
    }
    let most = rings
        .into_iter()
        .max_by_key(|(ring, count)| (*count, std::cmp::Reverse(*ring)));
    most.map_or_else(String::new, |(ring, _)| ring.to_owned())
}

/// What is known of a new code beyond its first sight.
pub(crate) struct CodeFacts {
    pub(crate) kb: String,
    pub(crate) failed: u64,
    pub(crate) tried: u64,
}

/// The alert for a new code.
pub(crate) fn code_alert(sight: &NewSight, facts: CodeFacts, moment: Moment<'_>) -> Alert {
    let hresult = format!("0x{:08x}", sight.hresult);
    Alert {
        alert_id: alert_id(&format!("code:{hresult}"), "new", sight.episode),
        kind: "new_code".to_owned(),
        state: "new".to_owned(),
        kb: facts.kb,
        hresult,
        cluster_id: String::new(),
        failed: facts.failed,
        tried: facts.tried,
        cause: String::new(),
        ring: String::new(),
        first_seen: rfc3339(sight.first_seen_ms),
        data_age_s: moment.data_age_s(),
        link: moment.link("/#new-codes"),
    }
}
