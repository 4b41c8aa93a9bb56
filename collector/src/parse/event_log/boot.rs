//! Boots and shutdowns around an install, as facts without a verdict.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::mask::mask;
use super::super::report::{Report, put};
use super::begin;
use super::xml::RawEvent;

pub(super) fn read(raw: &RawEvent, report: &Report<'_>) -> Option<UpdateEvent> {
    let provider = raw.provider.to_ascii_lowercase();
    let detail = match (provider.as_str(), raw.event_number) {
        ("user32", 1074) => "shutdown requested",
        ("eventlog", 6005) => "event log started",
        ("eventlog", 6006) => "event log stopped",
        ("eventlog", 6008) => "unexpected shutdown before",
        ("microsoft-windows-kernel-power", 41) => "rebooted without a clean shutdown",
        _ => return None,
    };
    let mut event = begin(raw, report, Phase::RebootCommit, EventResult::Info);
    put(&mut event, "detail", detail);
    if raw.event_number == 1074 {
        // Of its parameters only the process and the kind of shutdown: the
        // others name the machine and the user.
        let process = raw.value(&["param1"]);
        let process = process.rsplit('\\').next().unwrap_or_default();
        let process = process.split(" (").next().unwrap_or_default();
        put(&mut event, "process", mask(process));
        put(&mut event, "operation", mask(raw.value(&["param5"])));
    }
    put(
        &mut event,
        "bugcheck",
        raw.value(&["BugcheckCode"]).to_owned(),
    );
    Some(event)
}
