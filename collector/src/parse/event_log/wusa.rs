//! Events of the stand-alone installer, Microsoft-Windows-WUSA.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::Report;
use super::super::{outcome, scan};
use super::begin;
use super::xml::RawEvent;

pub(super) fn read(raw: &RawEvent, report: &Report<'_>) -> Option<UpdateEvent> {
    if !matches!(raw.event_number, 2 | 3) {
        return None;
    }
    let code = decimal_code(raw.value(&["ErrorCode"]));
    let result = match (raw.event_number, code) {
        (2, _) => EventResult::Success,
        (_, Some(code)) => outcome::of_code(code),
        _ => EventResult::Fail,
    };
    let mut event = begin(raw, report, Phase::Install, result);
    event.hresult = code;
    raw.value(&["UpdateTitle"]).clone_into(&mut event.title);
    let command = raw.value(&["CommandLine"]);
    event.kb = scan::kb(event.title.as_bytes())
        .or_else(|| scan::kb(command.as_bytes()))
        .unwrap_or_default();
    if command.to_ascii_lowercase().contains("/uninstall") {
        event.phase = Phase::Uninstall;
    }
    Some(event)
}

/// The code is an unsigned decimal number here, of any length.
fn decimal_code(text: &str) -> Option<u32> {
    if text.starts_with("0x") {
        return scan::code(text.as_bytes());
    }
    text.parse().ok()
}
