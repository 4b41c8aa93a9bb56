//! What Configuration Manager says of scans, downloads and installs.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::report::{Anchor, Report, text};
use super::super::{outcome, scan};
use super::head::Record;
use super::{Memory, Update};

/// A failed search is told by its handler and by the scan within this time.
const SAME_SCAN_MS: i64 = 60_000;

impl Memory {
    pub(super) fn message(&mut self, record: &Record<'_>, report: &mut Report<'_>) -> bool {
        let said = record.text;
        if let Some(named) = named_update(said) {
            self.remember(named);
        } else if let Some(rest) = finished(said) {
            return self.finished(rest, record, report);
        } else if let Some(state) = scan::after(said, b" Progress: Status = ciState") {
            return self.progressed(state, record, report);
        } else if said.starts_with(b"Installation job encountered some failures") {
            return self.job_failed(record, report);
        } else if said.starts_with(b"Async installation of updates started") {
            self.job_failed = false;
            for update in &mut self.updates {
                update.told = None;
            }
            report.tell(begin(record, report, Phase::Install, EventResult::Start));
        } else if scan::contains(said, b"Failed to end search job")
            || said.starts_with(b"Scan failed with error")
            || said.starts_with(b"Failed to Add Update Source")
        {
            return self.scan_failed(record, report);
        } else if said.starts_with(b"Successfully completed scan") {
            self.scan_failure = None;
            report.tell(begin(record, report, Phase::Scan, EventResult::Success));
        } else if said.starts_with(b"Failed to download updates to the WUAgent datastore") {
            return failed(Phase::Download, record, report);
        } else {
            return false;
        }
        true
    }

    /// `Update 1 (GUID) finished installing (0x…), Reboot Required? Yes` and
    /// `WSUS update (GUID) installation result = 0x…, Reboot State = NoReboot`.
    fn finished(&mut self, rest: &[u8], record: &Record<'_>, report: &mut Report<'_>) -> bool {
        let code = scan::after(rest, b"finished installing (")
            .or_else(|| scan::after(rest, b"installation result = "))
            .and_then(scan::code);
        let Some(code) = code else {
            return false;
        };
        let needs_reboot = reboot(rest);
        let mut result = outcome::of_code(code);
        if result == EventResult::Success && needs_reboot == Some(true) {
            result = EventResult::PendingReboot;
        }
        let mut event = begin(record, report, Phase::Install, result);
        event.hresult = Some(code);
        event.reboot_required = needs_reboot;
        if let Some((guid, _)) = scan::guid(rest) {
            if self.update(&guid).is_none() {
                self.remember(Update {
                    guid: guid.clone(),
                    ..Update::default()
                });
            }
            if let Some(update) = self.update(&guid) {
                if update.told.replace(code) == Some(code) {
                    return true;
                }
                event.kb.clone_from(&update.kb);
                event.title.clone_from(&update.title);
            }
            event.update_guid = guid;
        }
        self.job_failed |= result == EventResult::Fail;
        report.tell(event);
        true
    }

    /// `Update (Site_1/SUM_GUID) Progress: Status = ciStateError, PercentComplete
    /// = 0, Result = 0x…`: told again with every look at the update.
    fn progressed(&mut self, state: &[u8], record: &Record<'_>, report: &mut Report<'_>) -> bool {
        let state = scan::lead(state, |byte| byte.is_ascii_alphabetic());
        let code = scan::after(record.text, b"Result = ").and_then(scan::code);
        let code = code.unwrap_or_default();
        let result = match state {
            b"Error" if code != 0 => outcome::of_code(code),
            b"PendingSoftReboot" | b"PendingHardReboot" => EventResult::PendingReboot,
            b"InstallComplete" => EventResult::Success,
            _ => return true,
        };
        let Some((guid, _)) = scan::after(record.text, b"SUM_").and_then(scan::guid) else {
            return true;
        };
        if self.update(&guid).is_none() {
            self.remember(Update {
                guid: guid.clone(),
                ..Update::default()
            });
        }
        let mut event = begin(record, report, Phase::Install, result);
        event.hresult = Some(code);
        if let Some(update) = self.update(&guid) {
            let told = (state.to_vec(), code);
            if update.progress.replace(told.clone()) == Some(told) {
                return true;
            }
            event.kb.clone_from(&update.kb);
            event.title.clone_from(&update.title);
        }
        event.update_guid = guid;
        report.tell(event);
        true
    }

    /// The job's own code stands for those of its updates.
    fn job_failed(&mut self, record: &Record<'_>, report: &mut Report<'_>) -> bool {
        if std::mem::replace(&mut self.job_failed, true) {
            return true;
        }
        failed(Phase::Install, record, report)
    }

    fn scan_failed(&mut self, record: &Record<'_>, report: &mut Report<'_>) -> bool {
        let Some(code) = error_of(record.text) else {
            return false;
        };
        let now = record.printed_at_ms;
        if let Some((told, at)) = self.scan_failure.replace((code, now)) {
            let apart = now.zip(at).map_or(0, |(now, at)| (now - at).abs());
            if told == code && apart <= SAME_SCAN_MS {
                return true;
            }
        }
        failed(Phase::Scan, record, report)
    }
}

fn failed(phase: Phase, record: &Record<'_>, report: &mut Report<'_>) -> bool {
    let Some(code) = error_of(record.text) else {
        return false;
    };
    let mut event = begin(record, report, phase, outcome::of_code(code));
    event.hresult = Some(code);
    report.tell(event);
    true
}

fn error_of(said: &[u8]) -> Option<u32> {
    [&b"rror = "[..], b"Result = ", b"error "]
        .iter()
        .find_map(|mark| scan::after(said, mark).and_then(scan::code))
}

/// What stands in the first parenthesis of a finished update, and the rest.
fn finished(said: &[u8]) -> Option<&[u8]> {
    let told = said.starts_with(b"Update ") && scan::contains(said, b"finished installing (");
    let handled =
        said.starts_with(b"WSUS update (") && scan::contains(said, b"installation result = ");
    (told || handled).then(|| scan::after(said, b"(").unwrap_or_default())
}

fn reboot(rest: &[u8]) -> Option<bool> {
    if let Some(answer) = scan::after(rest, b"Reboot Required? ") {
        return Some(answer.starts_with(b"Yes"));
    }
    scan::after(rest, b"Reboot State = ").map(|state| !state.starts_with(b"NoReboot"))
}

/// `1. Update (Missing): TITLE (GUID, 200)`.
fn named_update(said: &[u8]) -> Option<Update> {
    let rest = scan::after(said, b"Update (Missing): ")
        .or_else(|| scan::after(said, b"Update (Installed): "))?;
    let open = memchr::memrchr(b'(', rest)?;
    let (guid, _) = scan::guid(&rest[open + 1..])?;
    let title = rest[..open].trim_ascii();
    Some(Update {
        guid,
        kb: scan::kb(title).unwrap_or_default(),
        title: text(title),
        ..Update::default()
    })
}

fn begin(
    record: &Record<'_>,
    report: &Report<'_>,
    phase: Phase,
    result: EventResult,
) -> UpdateEvent {
    let anchor = Anchor {
        head: record.whole,
        row: b"",
        number: record.number,
        printed_at_ms: record.printed_at_ms,
    };
    let mut event = report.begin(&anchor, phase, result);
    event.evidence = text(record.text);
    event.source = text(record.component).into();
    if record.utc_ms.is_some() {
        event.occurred_at_ms = record.utc_ms;
        event.time_source = TimeSource::Printed;
    }
    event
}
