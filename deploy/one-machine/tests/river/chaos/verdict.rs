//! The ledger against the database, and every derived table against what it
//! would be if it were made anew.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Client;
use kbwatch_analyzer::{Analyzer, config::AnalyzerConfig};

use super::devices::Log;
use super::fate::Theft;
use super::world::THIEF;

/// What a run found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) written: u64,
    pub(super) stored: u64,
    /// Written, and not in the database.
    pub(super) lost: u64,
    /// Rows beyond one for each event, as readers see them.
    pub(super) doubled: u64,
    /// In the database, and never written, or by a device that is kept out.
    pub(super) foreign: u64,
    /// Rows that are merged away for readers: what came twice.
    pub(super) surplus: u64,
    pub(super) dead_letters: u64,
    /// Derived tables that are not what they would be if made anew.
    pub(super) stale: Vec<String>,
    /// What the revoked device wrote in all, and of it what is stored.
    pub(super) thief: (u64, u64),
}

impl Verdict {
    pub(super) fn is_exact(&self) -> bool {
        self.stored > 0
            && self.lost + self.doubled + self.foreign + self.dead_letters == 0
            && self.stale.is_empty()
    }
}

/// Events of the ledger that are in the database, whoever wrote them.
pub(super) async fn stored(client: &Client) -> Result<u64, clickhouse::error::Error> {
    let asked = "SELECT uniqExact(device_id, event_id) FROM update_events WHERE device_id != ?";
    client.query(asked).bind(THIEF).fetch_one().await
}

pub(super) async fn judge(client: &Client, logs: &[Log], theft: &Theft) -> Verdict {
    let asked = "SELECT count(), uniqExact(event_id) FROM update_events FINAL";
    let (counted, distinct): (u64, u64) = client.query(asked).fetch_one().await.unwrap();
    let asked = "SELECT count() FROM update_events";
    let raw: u64 = client.query(asked).fetch_one().await.unwrap();
    let mut verdict = Verdict {
        stored: distinct,
        doubled: counted - distinct,
        surplus: raw - counted,
        ..Verdict::default()
    };
    let found = sessions(client).await;
    for log in logs {
        let none = BTreeSet::new();
        let found = found.get(&log.device_id).unwrap_or(&none);
        let written = log.written();
        let mut known = 0;
        for nth in 0..written {
            known += u64::from(found.contains(&log.session(nth)));
        }
        verdict.foreign += found.len() as u64 - known;
        if log.device_id == THIEF {
            verdict.thief = (written, known);
            if let Theft::NoticedAfter(limit) = theft {
                let late = (*limit..written).filter(|nth| found.contains(&log.session(*nth)));
                verdict.foreign += late.count() as u64;
            }
            continue;
        }
        verdict.written += written;
        verdict.lost += written - known;
    }
    for device_id in found.keys() {
        if logs.iter().all(|log| log.device_id != *device_id) {
            verdict.foreign += 1;
        }
    }
    let letters = "SELECT count() FROM dead_letters FINAL";
    verdict.dead_letters = client.query(letters).fetch_one().await.unwrap();
    verdict.stale = stale(client, logs.len() as u64).await;
    verdict
}

async fn sessions(client: &Client) -> BTreeMap<String, BTreeSet<String>> {
    let rows: Vec<(String, String)> = client
        .query("SELECT toString(device_id), session_id FROM update_events FINAL")
        .fetch_all()
        .await
        .unwrap();
    let mut sessions = BTreeMap::<String, BTreeSet<String>>::new();
    for (device_id, session) in rows {
        sessions.entry(device_id).or_default().insert(session);
    }
    sessions
}

async fn stale(client: &Client, devices: u64) -> Vec<String> {
    let mut stale = Vec::new();
    let codes = "SELECT hresult, phase, result, kb, first_seen_at, last_seen_at, devices FROM";
    let differ: u64 = client
        .query(
            &format!(
                "SELECT count() FROM (
                ({codes} v_codes_seen EXCEPT {codes} anew)
                UNION ALL ({codes} anew EXCEPT {codes} v_codes_seen)
             )"
            )
            .replace("anew", CODES_ANEW),
        )
        .fetch_one()
        .await
        .unwrap();
    if differ > 0 {
        stale.push(format!("codes_seen: {differ} rows"));
    }
    let heard: u64 = client
        .query("SELECT count() FROM v_presence")
        .fetch_one()
        .await
        .unwrap();
    if heard != devices {
        stale.push(format!("presence: {heard} of {devices} devices"));
    }
    let kept = attempts(client).await;
    client
        .query("TRUNCATE TABLE device_attempts")
        .execute()
        .await
        .unwrap();
    look_anew(client).await;
    let anew = attempts(client).await;
    if kept != anew || anew.is_empty() {
        stale.push(format!("device_attempts: {kept:?} is {anew:?}"));
    }
    stale
}

const CODES_ANEW: &str = "(SELECT assumeNotNull(e.hresult) AS hresult, e.phase AS phase,
        e.result AS result, e.kb AS kb,
        min(e.printed_at) AS first_seen_at, max(e.printed_at) AS last_seen_at,
        uniqCombined64(toString(e.device_id)) AS devices
     FROM update_events AS e FINAL WHERE e.hresult IS NOT NULL AND NOT e.noise
     GROUP BY hresult, phase, result, kb)";

/// How every device stands: outcome, number of attempts, and the events that
/// they are made of.
async fn attempts(client: &Client) -> Vec<(String, String, String, u64, u64)> {
    client
        .query(
            "SELECT toString(device_id), toString(kb), toString(outcome), length(attempts),
                    cityHash64(toString(arrayMap(a -> (a.1, a.2, a.3, a.4, a.5, a.6, a.7), attempts)))
             FROM device_attempts FINAL WHERE NOT gone ORDER BY device_id, kb",
        )
        .fetch_all()
        .await
        .unwrap()
}

/// An analyzer that knows nothing looks at everything.
async fn look_anew(client: &Client) {
    let mut analyzer = Analyzer::open(AnalyzerConfig::default(), client.clone());
    analyzer.cycle(super::now_ms()).await.unwrap();
}
