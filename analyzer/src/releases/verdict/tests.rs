//! Rings of small fleets, and what is said of them.

use std::collections::HashMap;

use super::*;
use crate::attempts::Attempt;
use crate::board::{Board, Frame, boards};
use crate::fleet::Fleet;
use crate::fleet::samples::{HRESULT, KB, failed, succeeded};
use crate::view::MemberDevice;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NOW: i64 = 10 * DAY_MS;

fn rules() -> VerdictRules {
    VerdictRules {
        margin: 0.02,
        soak_h: 24,
        class_devices: 3,
        confidence: 0.95,
    }
}

/// `n` devices in branches of four, of which every `fails_every`-th failed and
/// the others succeeded at `at_ms`; heard of now.
fn fleet(n: usize, fails_every: usize, at_ms: i64) -> Fleet {
    let mut fleet = Fleet::default();
    for number in 0..n {
        let class = ["pc", "teller"][number % 2];
        let branch = format!("zj-{}", number / 4);
        let fate: Vec<Attempt> = if number % fails_every == fails_every - 1 {
            vec![failed(Some(HRESULT), at_ms)]
        } else {
            vec![succeeded(at_ms)]
        };
        let facts = [("class", class), ("branch", branch.as_str())];
        fleet = fleet.with(&format!("pc-{number}"), &facts, fate);
        fleet.devices[number].last_heard_ms = Some(NOW);
    }
    fleet
}

fn status(usual_rate: Option<f64>) -> KbStatus {
    KbStatus {
        kb: KB.to_owned(),
        usual_rate,
        ..KbStatus::default()
    }
}

fn said(
    board: &Board<'_>,
    usual: Option<f64>,
    clusters: &[Cluster],
    before: Option<Verdict>,
) -> (Verdict, RingEvidence) {
    let counted: Vec<Counted<'_, '_>> = board
        .standings
        .iter()
        .map(|standing| Counted {
            ring: "ring0",
            standing: Some(standing),
            class: standing.class,
            branch: "",
        })
        .collect();
    let kbs = [status(usual)];
    let grounds = Grounds {
        release: "2023-01",
        kbs: &kbs,
        clusters,
        rules: rules(),
        now_ms: NOW,
        data_at_ms: NOW,
    };
    let mut rings = evidence(&counted, &BTreeSet::from([KB]), grounds);
    let mut evidence = rings.remove("ring0").unwrap();
    let verdict = judge(&mut evidence, before, rules().margin);
    (verdict, evidence)
}

fn of_fleet(
    fleet: &Fleet,
    usual: Option<f64>,
    clusters: &[Cluster],
    before: Option<Verdict>,
) -> (Verdict, RingEvidence) {
    let rings = HashMap::new();
    let frame = Frame {
        now_ms: NOW,
        gone_silent_ms: DAY_MS,
        rings: &rings,
    };
    said(&boards(fleet, frame)[0], usual, clusters, before)
}

#[test]
fn go_needs_the_bound_the_soak_and_a_usual_rate() {
    let soaked = fleet(2_000, 100, NOW - 3 * DAY_MS);
    let (verdict, evidence) = of_fleet(&soaked, Some(0.015), &[], None);
    assert_eq!(verdict, Verdict::Go, "{:?}", evidence.blockers);
    assert!(evidence.upper < evidence.limit.unwrap());
    assert_eq!((evidence.settled, evidence.needed), (2_000, Some(0)));
    assert_eq!(evidence.witnesses.len(), 40);
    let fresh = fleet(2_000, 100, NOW - HOUR_MS);
    let (verdict, evidence) = of_fleet(&fresh, Some(0.015), &[], None);
    assert_eq!(verdict, Verdict::Watch);
    assert_eq!((evidence.soaked, evidence.blockers.len()), (0, 2));
    let (verdict, evidence) = of_fleet(&soaked, None, &[], None);
    assert_eq!((verdict, evidence.needed), (Verdict::Watch, None));
    assert_eq!(evidence.blockers, ["no_usual"]);
}

#[test]
fn a_small_ring_is_watched_and_told_how_many_devices_it_needs() {
    let small = fleet(40, 100, NOW - 3 * DAY_MS);
    let (verdict, evidence) = of_fleet(&small, Some(0.01), &[], None);
    assert_eq!(verdict, Verdict::Watch);
    assert_eq!(evidence.blockers, ["rate"]);
    assert!(evidence.confidence < 0.95 && evidence.needed.unwrap() > 40);
}

#[test]
fn a_ring_without_a_class_of_the_rollout_says_nothing_of_it() {
    let mut mixed = fleet(2_000, 100, NOW - 3 * DAY_MS);
    // Ten ATMs began and none settled.
    for number in 0..10 {
        let facts = [("class", "atm")];
        mixed = mixed.with(
            &format!("atm-{number}"),
            &facts,
            vec![succeeded(NOW - HOUR_MS)],
        );
    }
    let (verdict, evidence) = of_fleet(&mixed, Some(0.015), &[], None);
    assert_eq!(verdict, Verdict::Watch);
    assert_eq!(evidence.blockers, ["classes"]);
    let atm = &evidence.classes[0];
    assert_eq!((atm.class.as_str(), atm.settled, atm.wanted), ("atm", 0, 3));
}

#[test]
fn an_open_cluster_with_devices_of_the_ring_stops_it_and_one_elsewhere_holds_it() {
    let soaked = fleet(2_000, 100, NOW - 3 * DAY_MS);
    let cluster = |device: &str, outside: &str| Cluster {
        id: "c-1".into(),
        kb: KB.into(),
        failed: 9,
        p_value: Some(1e-6),
        outside: outside.into(),
        devices: vec![MemberDevice {
            device_id: device.into(),
            ..MemberDevice::default()
        }],
        ..Cluster::default()
    };
    let (verdict, evidence) = of_fleet(&soaked, Some(0.015), &[cluster("pc-99", "")], None);
    assert_eq!(
        (verdict, evidence.blockers),
        (Verdict::Stop, vec!["cluster".to_owned()])
    );
    assert!(evidence.confidence > 0.999);
    for (cluster, blocker) in [
        (cluster("other", ""), "cluster_elsewhere"),
        (cluster("pc-99", "proxy"), "outside"),
    ] {
        let (verdict, evidence) = of_fleet(&soaked, Some(0.015), &[cluster], None);
        assert_eq!(
            (verdict, evidence.blockers),
            (Verdict::Watch, vec![blocker.to_owned()])
        );
    }
    let closed = Cluster {
        life: Life::Closed,
        ..cluster("pc-99", "")
    };
    let (verdict, _) = of_fleet(&soaked, Some(0.015), &[closed], None);
    assert_eq!(verdict, Verdict::Go);
}

#[test]
fn a_go_is_not_taken_back_for_a_hair() {
    let near = fleet(2_000, 60, NOW - 3 * DAY_MS);
    let (_, evidence) = of_fleet(&near, Some(0.0), &[], None);
    // A usual rate at which the limit lies just below the bound.
    let usual = evidence.upper - 0.0205;
    let verdicts =
        [None, Some(Verdict::Go)].map(|before| of_fleet(&near, Some(usual), &[], before).0);
    assert_eq!(verdicts, [Verdict::Watch, Verdict::Go]);
    let (far, _) = of_fleet(&near, Some(evidence.upper - 0.026), &[], Some(Verdict::Go));
    assert_eq!(far, Verdict::Watch);
}

#[test]
fn who_fell_silent_in_the_reboot_counts_as_failed() {
    let mut fleet = fleet(100, 101, NOW - 3 * DAY_MS);
    fleet.devices[5].kbs[0].attempts = vec![crate::fleet::samples::open(NOW - 3 * DAY_MS)];
    fleet.devices[5].last_heard_ms = Some(NOW - 3 * DAY_MS);
    let (_, evidence) = of_fleet(&fleet, Some(0.01), &[], None);
    assert_eq!(
        (evidence.gone_silent, evidence.soaked, evidence.settled),
        (1, 99, 100)
    );
    assert_eq!(evidence.witnesses[0].outcome, "gone_silent");
}

fn cluster_of(device: &str, p_value: f64, outside: &str) -> Cluster {
    Cluster {
        id: format!("c-{outside}"),
        kb: KB.into(),
        failed: 9,
        p_value: Some(p_value),
        outside: outside.into(),
        devices: vec![MemberDevice {
            device_id: device.into(),
            ..MemberDevice::default()
        }],
        ..Cluster::default()
    }
}

#[test]
fn a_stop_is_as_sure_as_what_stops_and_no_surer() {
    let soaked = fleet(2_000, 100, NOW - 3 * DAY_MS);
    let clusters = [
        cluster_of("pc-99", 0.01, ""),
        cluster_of("pc-199", 1e-12, "server"),
    ];
    let (verdict, evidence) = of_fleet(&soaked, Some(0.015), &clusters, None);
    assert_eq!(verdict, Verdict::Stop);
    assert!((evidence.confidence - 0.99).abs() < 1e-9);
}

#[test]
fn a_failed_device_that_is_silent_for_weeks_stops_no_ring() {
    let mut soaked = fleet(2_000, 100, NOW - 3 * DAY_MS);
    soaked.devices[99].last_heard_ms = Some(NOW - 15 * DAY_MS);
    let clusters = [cluster_of("pc-99", 1e-6, "")];
    let (verdict, evidence) = of_fleet(&soaked, Some(0.015), &clusters, None);
    assert_eq!(verdict, Verdict::Watch);
    assert_eq!(evidence.blockers, ["cluster_elsewhere"]);
    assert_eq!(evidence.clusters[0].failed_here, 0);
}

#[test]
fn a_device_that_was_imaged_anew_is_no_evidence_for_go() {
    let mut fleet = fleet(100, 101, NOW - 3 * DAY_MS);
    let facts = [("os_build", "17763"), ("ubr", "3770")];
    let facts = fleet.words.facts(facts.into_iter());
    fleet.devices[5].kbs[0].build = crate::kb::Build::parse("17763.3887");
    fleet.devices[5].take_facts(NOW - DAY_MS, facts);
    let (_, evidence) = of_fleet(&fleet, Some(0.01), &[], None);
    assert_eq!((evidence.soaked, evidence.settled), (99, 99));
}
