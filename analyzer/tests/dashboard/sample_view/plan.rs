//! What is said, decided and planned around the sample's rollout.

use std::sync::Arc;

use kbwatch_analyzer::view::{
    ClassCover, Decision, ExceptionLine, Forecast, GivenVerdict, Readiness, RingCluster,
    RingEvidence, RingVerdict, UnreadyDevice, UnreadyReason, Verdict, WindowLine, Witness,
};

use super::{CLUSTER, DAY, DEVICE, HOUR, KB, rate};

fn evidence(now_ms: i64, (failed, tried): (u64, u64), blockers: &[&str]) -> RingEvidence {
    let witness = |n: u64| Witness {
        device_id: DEVICE.to_owned(),
        outcome: "failed".to_owned(),
        at_ms: now_ms - HOUR,
        evidence: vec![format!("{n:032x}")],
    };
    RingEvidence {
        release: "2023-01".to_owned(),
        kbs: vec![KB.to_owned()],
        targets: tried + 40,
        rate: rate(failed, tried),
        gone_silent: 1,
        soaked: tried - failed - 10,
        settled: tried - 9,
        soak_h: 24,
        upper: 0.052,
        usual_rate: Some(0.019),
        limit: Some(0.039),
        confidence: 0.63,
        confidence_wanted: 0.95,
        needed: Some(412),
        classes: vec![ClassCover {
            class: "atm".to_owned(),
            in_rollout: 150,
            settled: 2,
            wanted: 5,
        }],
        blockers: blockers.iter().map(|word| (*word).to_owned()).collect(),
        witnesses: (3..5).map(witness).collect(),
        data_at_ms: now_ms,
        ..RingEvidence::default()
    }
}

fn given(number: u32, verdict: Verdict, at_ms: i64, evidence: RingEvidence) -> Arc<GivenVerdict> {
    Arc::new(GivenVerdict {
        number,
        verdict,
        given_at_ms: at_ms,
        code_version: "0.1.0".to_owned(),
        evidence,
    })
}

pub(super) fn verdicts(now_ms: i64) -> Vec<RingVerdict> {
    let go = RingEvidence {
        confidence: 0.987,
        needed: Some(0),
        classes: Vec::new(),
        ..evidence(now_ms, (12, 1_100), &[])
    };
    let watch = evidence(now_ms, (4, 305), &["cluster_elsewhere", "rate", "classes"]);
    let stop = RingEvidence {
        clusters: vec![RingCluster {
            id: CLUSTER.to_owned(),
            hresult: "0x800f0985".to_owned(),
            failed_here: 46,
            failed: 47,
            p_value: Some(3.2e-31),
            outside: String::new(),
        }],
        ..evidence(now_ms, (57, 949), &["cluster"])
    };
    let decision = |decision: &str, who: &str, why: &str, at_ms: i64| Decision {
        decision: decision.to_owned(),
        who: who.to_owned(),
        why: why.to_owned(),
        decided_at_ms: at_ms,
        verdict_number: 1,
        verdict: "watch".to_owned(),
        via: "command".to_owned(),
    };
    vec![
        RingVerdict {
            ring: "ring0".to_owned(),
            verdict: Verdict::Go,
            given: vec![
                given(2, Verdict::Go, now_ms - 20 * HOUR, go.clone()),
                given(1, Verdict::Watch, now_ms - 50 * HOUR, watch.clone()),
            ],
            evidence: go,
            decisions: vec![
                decision("go", "李伟", "已核对样本", now_ms - 19 * HOUR),
                decision("hold", "Zhang Min", "month end", now_ms - 40 * HOUR),
            ],
        },
        RingVerdict {
            ring: "ring1".to_owned(),
            verdict: Verdict::Watch,
            given: vec![given(1, Verdict::Watch, now_ms - 44 * HOUR, watch.clone())],
            evidence: watch,
            decisions: Vec::new(),
        },
        RingVerdict {
            ring: "ring2".to_owned(),
            verdict: Verdict::Stop,
            given: vec![given(1, Verdict::Stop, now_ms - 30 * HOUR, stop.clone())],
            evidence: stop,
            decisions: Vec::new(),
        },
        RingVerdict {
            ring: "ring3".to_owned(),
            evidence: RingEvidence {
                usual_rate: None,
                limit: None,
                upper: 1.0,
                blockers: vec!["nothing_settled".to_owned(), "no_usual".to_owned()],
                ..RingEvidence::default()
            },
            ..RingVerdict::default()
        },
    ]
}

pub(super) fn exceptions(now_ms: i64) -> Vec<ExceptionLine> {
    let line = |device: &str, until_ms: i64, in_force: bool| ExceptionLine {
        device_id: device.to_owned(),
        owner: "李伟".to_owned(),
        reason: "网点装修".to_owned(),
        until_ms,
        in_force,
    };
    vec![
        line(DEVICE, now_ms + 9 * DAY, true),
        line("pc-0001-01", now_ms - DAY, false),
    ]
}

pub(super) fn forecast(now_ms: i64) -> Forecast {
    Forecast {
        goal: 0.95,
        reachable: 1_969,
        done: 1_240,
        begun_at_ms: now_ms - 52 * HOUR,
        from_kbs: vec![
            "KB5021237".to_owned(),
            "KB5019966".to_owned(),
            "KB5018419".to_owned(),
        ],
        at_this_age: Some((0.58, 0.66, 0.71)),
        at_ms: Some((now_ms + DAY, now_ms + 2 * DAY, now_ms + 5 * DAY)),
        confidence: 0.5,
        why_not: String::new(),
        waiting_for_window: 100,
    }
}

pub(super) fn windows(now_ms: i64) -> Vec<WindowLine> {
    let line = |class: &str, when: &str, open: bool, next_ms: Option<i64>| WindowLine {
        name: "夜间".to_owned(),
        class: class.to_owned(),
        when: when.to_owned(),
        open,
        next_ms,
        ..WindowLine::default()
    };
    vec![
        line(
            "teller",
            "mon-fri 22:00-05:00 +08:00",
            true,
            Some(now_ms - HOUR),
        ),
        line(
            "atm",
            "sun 01:00-04:00 +08:00",
            false,
            Some(now_ms + 2 * DAY),
        ),
        line("", "2026-01-01 00:00-06:00 +08:00", false, None),
    ]
}

pub(super) fn readiness(now_ms: i64) -> Readiness {
    let reason = |word: &str, value: &str, evidence: &[String]| UnreadyReason {
        reason: word.to_owned(),
        value: value.to_owned(),
        at_ms: now_ms - 3 * HOUR,
        evidence: evidence.to_vec(),
    };
    let device = |id: &str, score: u8, reasons: Vec<UnreadyReason>| UnreadyDevice {
        device_id: id.to_owned(),
        ring: "ring2".to_owned(),
        branch: "zj-0417".to_owned(),
        class: "teller".to_owned(),
        score,
        reasons,
    };
    let damage = reason("store_corrupt", "", &[format!("{:032x}", 3)]);
    Readiness {
        devices: 2_000,
        ready: 1_997,
        by_reason: [
            ("store_corrupt", 1),
            ("disk_full", 1),
            ("pending_reboot", 2),
        ]
        .map(|(word, n)| (word.to_owned(), n))
        .to_vec(),
        unready: vec![
            device(DEVICE, 15, vec![damage, reason("pending_reboot", "", &[])]),
            device("pc-0001-01", 25, vec![reason("disk_full", "2.1", &[])]),
            device("pc-0001-02", 75, vec![reason("pending_reboot", "", &[])]),
        ],
    }
}
