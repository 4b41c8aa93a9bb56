//! Which sources serve whom, and what is told of them.

use std::collections::BTreeSet;

use super::*;
use crate::fleet::Fleet;
use crate::fleet::samples::{HRESULT, KB, failed, succeeded};

const DAY_MS: i64 = 24 * 3_600_000;
const NOW: i64 = 100 * DAY_MS;

fn facts<'a>(host: &'a str, ubr: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("hostname", host),
        ("os_build", "17763"),
        ("ubr", ubr),
        ("arch", "amd64"),
        ("edition", "EnterpriseS"),
        ("language", "zh-CN"),
    ]
}

/// Two devices fail on one level and one on another.
fn failing() -> Fleet {
    let failed = || vec![failed(Some(HRESULT), NOW - DAY_MS)];
    Fleet::default()
        .with("pc-0", &facts("pc-0", "3770"), failed())
        .with("pc-1", &facts("pc-1", "3770"), failed())
        .with("pc-2", &facts("pc-2", "3650"), failed())
}

fn heard(mut fleet: Fleet) -> Fleet {
    for device in &mut fleet.devices {
        device.last_heard_ms = Some(NOW);
    }
    fleet
}

fn remedy_of(fleet: &Fleet, kb: &str, failing: &[usize], depots: &[Depot]) -> Remedy {
    let kbs = KbTable::shipped();
    let donors: BTreeSet<String> = fleet.devices.iter().map(|d| d.id.to_string()).collect();
    let trouble = Trouble {
        kb,
        build: None,
        hresult: Some(HRESULT),
        damage: &[],
        broken: Vec::new(),
        kbs: &kbs,
    };
    let situation = Situation {
        fleet,
        kb,
        failing,
        depots,
        donors: &donors,
        suspect: None,
        now_ms: NOW,
        presence_limit_ms: DAY_MS,
    };
    remedy(&trouble, &situation)
}

fn commands(remedy: &Remedy) -> Vec<&str> {
    let steps = remedy
        .steps
        .iter()
        .filter(|step| step.command.contains("Cleanup-Image"));
    steps.map(|step| step.command.as_str()).collect()
}

#[test]
fn every_level_has_a_command_of_its_own() {
    let depot = |build: &str| Depot {
        path: format!(r"\\srv\repair$\{build}\Windows"),
        build: build.to_owned(),
        ..Depot::default()
    };
    let depots = [depot("17763.3650"), depot("17763.3770")];
    let remedy = remedy_of(&failing(), KB, &[0, 1, 2], &depots);
    let commands = commands(&remedy);
    assert_eq!(commands.len(), 2);
    assert!(
        commands[0].contains("3770") && commands[1].contains("3650"),
        "{commands:?}"
    );
    let said: Vec<&str> = remedy.steps.iter().map(|step| step.en.as_str()).collect();
    assert!(said[1].starts_with("For the 2 devices on 17763.3770 EnterpriseS zh-CN amd64: Repair"));
}

#[test]
fn a_level_without_a_source_is_told_beside_one_that_has_one() {
    let depot = Depot {
        path: r"\\srv\repair$\Windows".to_owned(),
        build: "17763.3770".to_owned(),
        ..Depot::default()
    };
    let remedy = remedy_of(&failing(), KB, &[0, 1, 2], &[depot]);
    let commands = commands(&remedy);
    assert!(
        commands[0].contains("/Source:") && commands[1].ends_with("/ScanHealth"),
        "{commands:?}"
    );
}

#[test]
fn peers_that_are_as_near_take_turns() {
    let mut fleet = failing();
    for number in 10..30 {
        let id = format!("pc-{number}");
        fleet = fleet.with(&id, &facts(&id, "3770"), Vec::new());
    }
    let fleet = heard(fleet);
    let first = |kb| {
        let remedy = remedy_of(&fleet, kb, &[0, 1], &[]);
        assert!(
            commands(&remedy)[0].contains("% 3]"),
            "{:?}",
            commands(&remedy)
        );
        remedy.sources[0].name.clone()
    };
    let kbs = [
        "KB5022286",
        "KB5022840",
        "KB5023702",
        "KB5025229",
        "KB5026362",
    ];
    let named: BTreeSet<String> = kbs.into_iter().map(first).collect();
    assert!(named.len() > 1, "{named:?}");
}

#[test]
fn a_peer_that_cleaned_its_old_payload_away_is_no_source() {
    let took = vec![succeeded(NOW - 5 * DAY_MS)];
    let mut fleet = failing().with("pc-9", &facts("pc-9", "3770"), took);
    let after = fleet.words.facts(facts("pc-9", "3887").into_iter());
    fleet.devices[3].take_facts(NOW - 4 * DAY_MS, after);
    let mut fleet = heard(fleet);
    let sources = |fleet: &Fleet| remedy_of(fleet, KB, &[0, 1], &[]).sources.len();
    assert_eq!(sources(&fleet), 1);
    fleet.devices[3].cleaned_at_ms = Some(NOW - 2 * DAY_MS);
    assert_eq!(sources(&fleet), 0);
    // Before it took the update there was nothing of that level to clean.
    fleet.devices[3].cleaned_at_ms = Some(NOW - 20 * DAY_MS);
    assert_eq!(sources(&fleet), 1);
}
