//! Events of the update agent, Microsoft-Windows-WindowsUpdateClient.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, put};
use super::super::{outcome, scan};
use super::begin;
use super::xml::RawEvent;

/// What an event number stands for; the result of a failure comes from its
/// code.
pub(in crate::parse) fn meaning(number: u32) -> Option<(Phase, EventResult)> {
    Some(match number {
        19 => (Phase::Install, EventResult::Success),
        20 => (Phase::Install, EventResult::Fail),
        21 | 22 => (Phase::Install, EventResult::PendingReboot),
        43 => (Phase::Install, EventResult::Start),
        17 | 18 => (Phase::Install, EventResult::Info),
        23 | 212 => (Phase::Uninstall, EventResult::Success),
        24 | 213 => (Phase::Uninstall, EventResult::Fail),
        214 => (Phase::Uninstall, EventResult::Start),
        44 => (Phase::Download, EventResult::Start),
        41 => (Phase::Download, EventResult::Success),
        31 => (Phase::Download, EventResult::Fail),
        25 => (Phase::Scan, EventResult::Fail),
        26 => (Phase::Scan, EventResult::Info),
        16 => (Phase::Scan, EventResult::Warn),
        _ => return None,
    })
}

pub(super) fn read(raw: &RawEvent, report: &Report<'_>) -> Option<UpdateEvent> {
    let (phase, result) = meaning(raw.event_number)?;
    let mut event = begin(raw, report, phase, result);
    raw.value(&["updateTitle", "updatelist"])
        .clone_into(&mut event.title);
    event.kb = scan::kb(event.title.as_bytes()).unwrap_or_default();
    if let Some((id, _)) = scan::guid(raw.value(&["updateGuid"]).as_bytes()) {
        event.update_guid = id;
    }
    event.revision = raw.value(&["updateRevisionNumber"]).parse().ok();
    if let Some((id, _)) = scan::guid(raw.value(&["serviceGuid"]).as_bytes()) {
        put(&mut event, "service_guid", id);
    }
    put(
        &mut event,
        "update_count",
        raw.value(&["updateCount"]).to_owned(),
    );
    if let Some(code) = scan::code(raw.value(&["errorCode"]).as_bytes()) {
        event.hresult = Some(code);
        if event.result == EventResult::Fail && code != 0 {
            event.result = if event.kb.is_empty() {
                outcome::of_driver_code(code)
            } else {
                outcome::of_code(code)
            };
        }
    }
    if is_store_app(&event.title) {
        event.phase = Phase::AppxProvision;
        event.kb.clear();
    }
    Some(event)
}

/// `9NZKPSTSNW4P-Publisher.App`: an application of the store.
pub(in crate::parse) fn is_store_app(title: &str) -> bool {
    let Some((id, name)) = title.split_once('-') else {
        return false;
    };
    id.len() == 12
        && name.contains('.')
        && !name.contains(' ')
        && id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether one of the words is the name of such an application.
pub(in crate::parse) fn names_store_app(text: &str) -> bool {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ':' | '：');
    text.split(is_end).any(is_store_app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_of_the_store_are_told_from_updates() {
        assert!(is_store_app("9ABCDEFGH123-Example.Calculator"));
        assert!(!is_store_app("2023-01 Cumulative Update (KB5022286)"));
        assert!(!is_store_app("SHORT-Example.App"));
    }
}
