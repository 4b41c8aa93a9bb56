//! Work at boot: what an install left for after the reboot, how it ended, and
//! whether it was rolled back.

use kbwatch_proto::words::{EventResult, Phase};

use super::super::outcome;
use super::super::report::{Report, put};
use super::super::scan;
use super::CbsGrammar;

impl CbsGrammar {
    /// `Startup: …`, `Shtd: …`, `Failure in poqexec.exe …`, `Setting original failure
    /// status …` and `Progress: … Rollback.`.
    pub(super) fn startup_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let step = message.strip_prefix(b"Startup: ");
        if let Some(rest) = step.or_else(|| message.strip_prefix(b"Shtd: ")) {
            return self.startup_step(rest, report);
        }
        let status = message
            .strip_prefix(b"Setting original failure status: ")
            .or_else(|| message.strip_prefix(b"Retrieved original failure status: "));
        if let Some(rest) = status {
            self.memory.original_failure = scan::code(rest).filter(|code| *code != 0);
            return true;
        }
        if message.starts_with(b"Failure in poqexec.exe") {
            self.boot_failure(message, Some("poqexec.exe"), report);
            return true;
        }
        if message.starts_with(b"Progress: UI message updated") && ends_in_rollback(message) {
            self.rolled_back(report);
            return true;
        }
        false
    }

    fn startup_step(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        if rest.starts_with(b"Processing complete.") {
            let mut event = self.begin(report, Phase::RebootCommit, EventResult::Info);
            event.hresult = scan::hresult(rest);
            if let Some(code) = event.hresult {
                event.result = outcome::of_code(code);
            }
            report.tell(event);
            self.begin_scan();
            self.memory.original_failure = None;
            return true;
        }
        if rest.starts_with(b"Failed") {
            let retried = scan::contains(rest, b"will be retried");
            self.boot_failure(rest, retried.then_some("will be retried"), report);
            return true;
        }
        if rest.starts_with(b"A possible hang was detected") {
            self.boot_failure(rest, None, report);
            return true;
        }
        if rest.starts_with(b"Timed out waiting for") {
            let mut event = self.begin(report, Phase::RebootCommit, EventResult::Fail);
            event.hresult = scan::hresult(rest);
            put(&mut event, "detail", "timed out");
            report.tell(event);
            return true;
        }
        let gave_up = rest.starts_with(b"No progress detected");
        if rest.starts_with(b"Changes to be rolled back")
            || rest.starts_with(b"Rolling back")
            || gave_up && scan::contains(rest, b"rolling back")
        {
            self.rolled_back(report);
            return true;
        }
        false
    }

    fn boot_failure(&mut self, text: &[u8], detail: Option<&'static str>, report: &mut Report<'_>) {
        let bare = || scan::after(text, b"hr: ").and_then(scan::code);
        let Some(code) = scan::hresult(text).or_else(bare) else {
            return;
        };
        let result = match outcome::of_code(code) {
            EventResult::Fail if goes_on(text) => EventResult::Warn,
            result => result,
        };
        let mut event = self.begin(report, Phase::RebootCommit, result);
        event.hresult = Some(code);
        if result == EventResult::Fail && detail.is_none() {
            self.memory.original_failure.get_or_insert(code);
        }
        put(&mut event, "detail", detail.unwrap_or_default());
        report.tell(event);
    }

    /// One rollback a boot, however often the progress message repeats.
    fn rolled_back(&mut self, report: &mut Report<'_>) {
        let key = self.memory.key(&["rollback"]);
        if !self.memory.tell_once(key) {
            return;
        }
        let mut event = self.begin(report, Phase::RebootCommit, EventResult::RolledBack);
        event.hresult = self.memory.original_failure;
        report.tell(event);
    }
}

/// Whether a step failed that the boot can do without, as it says itself.
fn goes_on(text: &[u8]) -> bool {
    let marks = [&b"Continuing"[..], b"continuing", b"will be ignored"];
    marks.iter().any(|mark| scan::contains(text, mark))
}

fn ends_in_rollback(message: &[u8]) -> bool {
    let message = message.strip_suffix(b".").unwrap_or(message);
    message.ends_with(b"Rollback")
}
