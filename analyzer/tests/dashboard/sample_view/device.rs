//! A device of the open cluster with its attempts and records.

use kbwatch_analyzer::load::{AttemptLine, DeviceTimeline, FactsLine, PresenceLine, TimelineEvent};

use super::{DAY, DEVICE, HOUR, KB, MINUTE, facts};

fn event(at_ms: i64, words: [&str; 3], n: u64) -> TimelineEvent {
    let [source_kind, phase, result] = words;
    TimelineEvent {
        event_id: format!("{n:032x}"),
        at_ms,
        utc: true,
        source_kind: source_kind.to_owned(),
        origin: if source_kind == "cbs" {
            "CBS.log"
        } else {
            "System"
        }
        .to_owned(),
        position: 40_000 + n,
        phase: phase.to_owned(),
        result: result.to_owned(),
        kb: KB.to_owned(),
        ..TimelineEvent::default()
    }
}

/// A device of the cluster as its own page shows it.
pub(crate) fn timeline(now_ms: i64) -> DeviceTimeline {
    let at = now_ms - 8 * HOUR;
    let code = ("0x800f0985", "PSFX_E_APPLY_REVERSE_DELTA_FAILED");
    let attempt = |number: u32, began: i64, outcome: &str| AttemptLine {
        kb: KB.to_owned(),
        number,
        started_at_ms: began,
        ended_at_ms: began + 22 * MINUTE,
        outcome: outcome.to_owned(),
        phase: "install".to_owned(),
        hresult: if outcome == "failed" { code.0 } else { "" }.to_owned(),
        symbol: if outcome == "failed" { code.1 } else { "" }.to_owned(),
        evidence: vec![format!("{:032x}", 5), format!("{:032x}", 3)],
    };
    let mut failed = event(at + 22 * MINUTE, ["event_log", "install", "fail"], 5);
    code.0.clone_into(&mut failed.hresult);
    code.1.clone_into(&mut failed.symbol);
    "Installation Failure: Windows failed to install the following update with error 0x800F0985: 2023-01 Cumulative Update (KB5022286).".clone_into(&mut failed.evidence);
    let mut mismatch = event(at + 21 * MINUTE, ["cbs", "hydrate", "hash_mismatch"], 3);
    "localspl.dll".clone_into(&mut mismatch.file);
    "amd64_microsoft-windows-printing-localspl_31bf3856ad364e35_10.0.17763.3770_none_0000000000000001".clone_into(&mut mismatch.component);
    "Hash mismatch (sample record of a test), file localspl.dll\n  second line of the same record"
        .clone_into(&mut mismatch.evidence);
    mismatch.utc = false;
    mismatch.at_ms += 8 * HOUR;
    let mut began = event(at, ["event_log", "install", "start"], 1);
    "Installation Started: 2023-01 Cumulative Update (KB5022286)".clone_into(&mut began.evidence);
    let mut earlier = attempt(1, now_ms - 32 * DAY, "succeeded");
    "KB5021237".clone_into(&mut earlier.kb);
    DeviceTimeline {
        device_id: DEVICE.to_owned(),
        presence: Some(PresenceLine {
            last_heard_ms: now_ms - 2 * MINUTE,
            collector_version: "0.1.0".to_owned(),
            clock_skew_ms: 4 * MINUTE,
            ..PresenceLine::default()
        }),
        facts: vec![
            FactsLine {
                observed_at_ms: now_ms - 11 * HOUR,
                facts: facts(&[
                    ("hostname", "TLR-0417-03"),
                    ("class", "teller"),
                    ("ring", "ring2"),
                    ("image", "img-teller-2022b"),
                    ("os_build", "17763"),
                    ("ubr", "3770"),
                    ("security_product", "AcmeGuard"),
                    ("pending_reboot", "false"),
                    ("made_up_key", "<b>value</b>"),
                ]),
            },
            FactsLine {
                observed_at_ms: now_ms - 31 * DAY,
                facts: facts(&[
                    ("class", "pc"),
                    ("ubr", "3650"),
                    ("image", "img-teller-2022b"),
                ]),
            },
        ],
        attempts: vec![
            attempt(2, at, "failed"),
            attempt(1, now_ms - 30 * HOUR, "failed"),
            earlier,
        ],
        events: vec![failed, mismatch, began],
    }
}
