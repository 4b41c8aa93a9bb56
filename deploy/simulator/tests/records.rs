//! Every form of record that the simulator renders is understood by the
//! collector's parsers, and nothing is read out of a log that was not put
//! into it.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::collections::BTreeMap;
use std::path::Path;

use kbwatch_collector::parse::parse_file;
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_simulator::ledger::{LedgerRow, of_device, verify};
use kbwatch_simulator::plan::{DevicePlan, Fate, FleetPlan, PlanConfig};
use kbwatch_simulator::render::{CBS_LOG, QFE_TXT, Rendered, render};
use kbwatch_simulator::scenario::demo;
use kbwatch_simulator::truth::hex;

const NOW: i64 = 1_790_000_000_000;

fn plan(devices: usize) -> FleetPlan {
    demo(PlanConfig {
        devices,
        seed: 17,
        now_ms: NOW,
        live_ms: 60_000,
    })
}

fn parse_folder(folder: &Path, device: &DevicePlan, events: &mut BTreeMap<EventId, UpdateEvent>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            continue;
        }
        let parsed = parse_file(&path, None, &device.id).unwrap();
        for event in parsed.events {
            let known = events
                .entry(event.event_id)
                .or_insert_with(|| event.clone());
            if event.completeness >= known.completeness {
                *known = event;
            }
        }
    }
}

/// Everything that the parsers read out of a device's files, before and after
/// the live phase.
fn events_of(rendered: &Rendered, device: &DevicePlan) -> BTreeMap<EventId, UpdateEvent> {
    let folder = tempfile::tempdir().unwrap();
    let mut events = BTreeMap::new();
    rendered.write(folder.path()).unwrap();
    let replaced = rendered.later.iter().any(|write| write.file == QFE_TXT);
    if replaced {
        parse_folder(folder.path(), device, &mut events);
    }
    for later in &rendered.later {
        later.apply(folder.path()).unwrap();
    }
    parse_folder(folder.path(), device, &mut events);
    events
}

fn rows(device: &DevicePlan, events: &BTreeMap<EventId, UpdateEvent>) -> Vec<LedgerRow> {
    events
        .values()
        .map(|event| LedgerRow {
            device: device.id.clone(),
            source: event.source_kind.as_str().to_owned(),
            result: event.result.as_str().to_owned(),
            kb: event.kb.clone(),
            hresult: event.hresult.map(hex).unwrap_or_default(),
            file: event.file.clone(),
            count: 1,
        })
        .collect()
}

#[test]
fn the_parsers_read_the_ledger_out_of_the_logs_exactly() {
    let plan = plan(2_000);
    let went_well = |device: &&DevicePlan| {
        let mut attempts = device.attempts.iter();
        attempts.all(|attempt| attempt.fate == Fate::Succeeded)
    };
    let (fine, eventful): (Vec<_>, Vec<_>) = plan.devices.iter().partition(went_well);
    assert!(eventful.len() > 100);
    for device in eventful.into_iter().chain(fine.into_iter().take(60)) {
        let rendered = render(&plan, device);
        let events = events_of(&rendered, device);
        let differences = verify(&of_device(device, &rendered), &rows(device, &events));
        assert_eq!(differences, [], "{}: {:?}", device.id, device.attempts);
    }
}

#[test]
fn offsets_are_computed_from_the_log_alone_to_the_second() {
    let plan = plan(60);
    let mut checked = 0;
    for device in &plan.devices {
        let rendered = render(&plan, device);
        let offset_ms = i64::from(device.utc_offset_minutes) * 60_000;
        for event in events_of(&rendered, device).values() {
            if *event.origin != *CBS_LOG {
                continue;
            }
            let expected = event.printed_at_ms.map(|printed| printed - offset_ms);
            assert_eq!(event.occurred_at_ms, expected, "{}: {event:?}", device.id);
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked} events");
}

#[test]
fn noise_makes_no_harm() {
    let plan = plan(60);
    for device in &plan.devices {
        if !device.attempts.is_empty() {
            continue;
        }
        let events = events_of(&render(&plan, device), device);
        let harm = events.values().find(|event| event.result.is_harm());
        assert_eq!(harm, None, "{}", device.id);
    }
}
