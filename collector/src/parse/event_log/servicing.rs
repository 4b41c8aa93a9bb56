//! Events of servicing, Microsoft-Windows-Servicing in the Setup channel: the
//! state of packages, and automatic repair of the store.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::Report;
use super::super::{outcome, scan};
use super::begin;
use super::xml::RawEvent;

pub(super) fn read(raw: &RawEvent, report: &Report<'_>) -> Option<UpdateEvent> {
    let code = scan::code(raw.value(&["ErrorCode"]).as_bytes());
    let failure = outcome::of_code(code.unwrap_or(0x8000_4005));
    let (phase, result) = match raw.event_number {
        1 => (Phase::Install, EventResult::Start),
        2 => (Phase::Install, EventResult::Success),
        // After 6 the package is partially installed.
        3 | 6 => (Phase::Install, failure),
        4 => (Phase::Install, EventResult::PendingReboot),
        5 => (Phase::Install, feature_result(code)),
        7..=16 => (Phase::FeatureInstall, feature_result(code)),
        1013 => (Phase::CorruptionRepair, EventResult::Start),
        1014 | 1015 if code.is_some_and(|code| code != 0) => (Phase::CorruptionRepair, failure),
        1014 | 1015 => (Phase::CorruptionRepair, EventResult::Summary),
        _ => return None,
    };
    let mut event = begin(raw, report, phase, result);
    event.hresult = code;
    raw.value(&["Client"]).clone_into(&mut event.client);
    if raw.event_number >= 1013 {
        repair_totals(&mut event, raw);
    } else {
        package(&mut event, raw);
    }
    if raw.event_number == 2 && event.phase == Phase::Install && !is_installed(&event.target_state)
    {
        // Reached a state on the way, or gave way to a newer package.
        event.result = EventResult::Info;
    }
    Some(event)
}

/// Whether a package that reached this state is in use; one that names none is
/// believed.
fn is_installed(state: &str) -> bool {
    matches!(state, "" | "Installed" | "Permanent")
}

fn feature_result(code: Option<u32>) -> EventResult {
    match code {
        None => EventResult::Info,
        Some(code) => outcome::of_code(code),
    }
}

fn package(event: &mut UpdateEvent, raw: &RawEvent) {
    let identifier = raw.value(&["PackageIdentifier", "identifier", "packageIdentifier"]);
    if identifier.contains('~') {
        identifier.clone_into(&mut event.package);
    } else {
        identifier.clone_into(&mut event.identifier);
    }
    event.kb = scan::kb(identifier.as_bytes()).unwrap_or_default();
    raw.value(&["UpdateName", "updateName"])
        .clone_into(&mut event.title);
    state(raw, &["InitialPackageState"]).clone_into(&mut event.start_state);
    state(raw, &["IntendedPackageState", "targetPackageState"]).clone_into(&mut event.target_state);
    let removed = matches!(
        event.target_state.as_str(),
        "Absent" | "Uninstall Pending" | "Uninstalled"
    );
    if event.phase == Phase::Install && removed {
        event.phase = Phase::Uninstall;
    }
}

/// A package state in words: from its number, which no language changes, else
/// as printed.
fn state<'a>(raw: &'a RawEvent, names: &[&str]) -> &'a str {
    for name in names {
        let number = raw.value(&[name]);
        if let Some(words) = state_words(number) {
            return words;
        }
        let printed = raw.value(&[&format!("{name}Textized")]);
        if !printed.is_empty() {
            return printed;
        }
        if !number.is_empty() {
            return number;
        }
    }
    ""
}

fn state_words(number: &str) -> Option<&'static str> {
    Some(match number {
        "5000" => "Absent",
        "5005" => "Uninstall Pending",
        "5032" => "Resolved",
        "5048" => "Staging",
        "5064" => "Staged",
        "5080" => "Superseded",
        "5096" => "Install Pending",
        "5101" => "Partially Installed",
        "5112" => "Installed",
        "5128" => "Permanent",
        _ => return None,
    })
}

fn repair_totals(event: &mut UpdateEvent, raw: &RawEvent) {
    if raw.event_number == 1013 {
        let detects = matches!(raw.value(&["DetectionOnly"]), "1" | "true");
        let automatic = matches!(raw.value(&["AutoTriggered"]), "1" | "true");
        let operation = if detects {
            "Detect only"
        } else {
            "Detect and Repair"
        };
        operation.clone_into(&mut event.operation);
        if detects {
            event.phase = Phase::CorruptionDetect;
        }
        if automatic {
            super::super::report::put(event, "auto_triggered", "true");
        }
        return;
    }
    event.operation_result = event.hresult;
    event.corruptions_detected = raw.value(&["TotalCorruption"]).parse().ok();
    event.repaired = raw.value(&["Repaired"]).parse().ok();
    let health = match (event.corruptions_detected, event.repaired, event.hresult) {
        (Some(0), _, Some(0)) => "healthy",
        (Some(0) | None, _, _) => "unknown",
        (Some(total), Some(repaired), _) if repaired >= total => "repaired",
        _ => "corrupt",
    };
    health.clone_into(&mut event.health);
}
