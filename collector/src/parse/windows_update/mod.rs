//! Grammars of WindowsUpdate.log: the text that Windows 7 and 8.1 wrote, and
//! the one that is decoded from the traces of Windows 10 and later.

pub(crate) mod decoded;
pub(crate) mod legacy;
mod memory;
pub(crate) mod reported;

use kbwatch_proto::words::{EventResult, Phase};

use super::scan;

/// Phase of a call that a line names: `Install ClientId = …`, `Installing
/// updates`, `Download call complete`.
fn phase_of_call(text: &[u8]) -> Option<Phase> {
    let text = text.trim_ascii_start();
    let text = text
        .strip_prefix(b"Federated ")
        .unwrap_or(text)
        .trim_ascii_start();
    if text.starts_with(b"Uninstall") {
        Some(Phase::Uninstall)
    } else if text.starts_with(b"Install") {
        Some(Phase::Install)
    } else if text.starts_with(b"Download") {
        Some(Phase::Download)
    } else if text.starts_with(b"Search") || text.starts_with(b"Finding updates") {
        Some(Phase::Scan)
    } else {
        None
    }
}

/// Result of a finished call from its counters.
fn call_result(text: &[u8]) -> Option<EventResult> {
    let count = |name: &[u8]| scan::after(text, name).and_then(scan::number);
    let failed = count(b" failed = ").or_else(|| count(b"(failed = "));
    let cancelled = count(b"cancelled = ").unwrap_or(0);
    let succeeded = count(b"(succeeded = ")?;
    let flawed = count(b"succeeded with errors = ").unwrap_or(0);
    Some(match (failed.unwrap_or(0), cancelled) {
        (0, 0) if succeeded + flawed == 0 => EventResult::Info,
        (0, 0) => EventResult::Success,
        (0, _) => EventResult::Cancelled,
        _ => EventResult::Fail,
    })
}
