//! Verdicts on packages and on repair runs: the lines that say how an
//! operation ended.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::outcome;
use super::super::report::{Report, put, text};
use super::super::scan;
use super::{CbsGrammar, package};

impl CbsGrammar {
    /// `Exec: …`.
    pub(super) fn exec_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"Exec: ") else {
            return false;
        };
        if rest.starts_with(b"Processing started.") {
            self.package_started(rest, report);
        } else if rest.starts_with(b"Processing complete.") {
            self.package_completed(rest, report);
        } else if let Some(run) = rest.strip_prefix(b"Processing complete, session(") {
            self.run_completed(run, report);
        } else if rest.starts_with(b"Session processing started.") {
            self.run_started(rest, report);
        } else if rest.starts_with(b"Addsource called") {
            self.source_added(rest, report);
        } else if rest.starts_with(b"Failed to download") && scan::contains(rest, b"retry once") {
            let mut event = self.begin(report, Phase::Download, EventResult::Retry);
            event.hresult = scan::hresult(rest);
            report.tell(event);
        } else {
            return false;
        }
        true
    }

    /// `Processing started.  Client: C, Session: ID, Package: P[, Identifier: K]`.
    fn package_started(&mut self, rest: &[u8], report: &mut Report<'_>) {
        self.begin_scan();
        let mut event = self.begin(report, Phase::Install, EventResult::Start);
        self.read_operation(&mut event, rest, report);
        event.phase = package::phase(&event.package, &event.identifier, &event.client);
        let session = self.memory.session_mut(&event.session_id);
        session.client.clone_from(&event.client);
        event.phase.as_str().clone_into(&mut session.phase);
        report.tell(event);
    }

    /// `Processing complete.  Session: ID, Package: P[, Identifier: K] [HRESULT…]`.
    fn package_completed(&mut self, rest: &[u8], report: &mut Report<'_>) {
        let mut event = self.begin(report, Phase::Install, EventResult::Info);
        self.read_operation(&mut event, rest, report);
        event.phase = self.phase_of(&event);
        event.hresult = scan::hresult(rest);
        let Some(code) = event.hresult else {
            return;
        };
        event.result = outcome::of_code(code);
        if event.result == EventResult::Success && self.was_only_staged(&event.package) {
            // It is at hand now, and as far from being installed as before.
            event.result = EventResult::Info;
        }
        self.adopt_orphan(code);
        let verdict = self.open(event);
        self.push_verdict(verdict, report);
    }

    /// `Corruption Repairing): ID [HRESULT…]`.
    fn run_completed(&mut self, run: &[u8], report: &mut Report<'_>) {
        let mut event = self.begin(report, run_phase(run), EventResult::Info);
        event.hresult = scan::hresult(run);
        let id = scan::after(run, b"): ").unwrap_or_default();
        let id = scan::lead(id, |byte| byte.is_ascii_digit() || byte == b'_');
        self.observe_session(id, report);
        event.session_id = text(id);
        self.read_client(&mut event);
        let Some(code) = event.hresult else {
            return;
        };
        event.result = outcome::of_code(code);
        let verdict = self.open(event);
        self.push_verdict(verdict, report);
    }

    /// `Session processing started.  Client: C, Session(Store Corruption …): ID`.
    fn run_started(&mut self, rest: &[u8], report: &mut Report<'_>) {
        self.begin_scan();
        let run = scan::after(rest, b"Session(").unwrap_or_default();
        let mut event = self.begin(report, run_phase(run), EventResult::Start);
        event.client = scan::listed(rest, b"Client: ")
            .map(text)
            .unwrap_or_default();
        event.operation = text(scan::before(run, b")"));
        let id = scan::after(run, b"): ").unwrap_or_default();
        event.session_id = text(scan::before(id, b" "));
        let session = self.memory.session_mut(&event.session_id);
        session.client.clone_from(&event.client);
        event.phase.as_str().clone_into(&mut session.phase);
        report.tell(event);
    }

    /// `Addsource called, Session: ID, Client: C, from GPO: No, Path: P`.
    fn source_added(&mut self, rest: &[u8], report: &mut Report<'_>) {
        let mut event = self.begin(report, Phase::CorruptionRepair, EventResult::Start);
        self.read_operation(&mut event, rest, report);
        if let Some(path) = scan::listed(rest, b"Path: ") {
            put(&mut event, "source_path", text(path));
        }
        report.tell(event);
    }

    /// Session, client, package and identifier of a record that lists them.
    fn read_operation(&self, event: &mut UpdateEvent, rest: &[u8], report: &mut Report<'_>) {
        let value = |name: &[u8]| scan::listed(rest, name).map(text).unwrap_or_default();
        event.session_id = value(b"Session: ");
        event.client = value(b"Client: ");
        event.package = value(b"Package: ");
        event.identifier = value(b"Identifier: ");
        event.kb = package::kb(&event.package, &event.identifier);
        self.read_client(event);
        self.observe_session(event.session_id.as_bytes(), report);
    }

    fn read_client(&self, event: &mut UpdateEvent) {
        if event.client.is_empty()
            && let Some(session) = self.memory.session(&event.session_id)
        {
            event.client.clone_from(&session.client);
        }
    }

    /// The end of a session decides whether its verdicts still owe a reboot.
    pub(super) fn session_decides(
        &mut self,
        id: &str,
        reboot_required: Option<bool>,
        report: &mut Report<'_>,
    ) {
        while let Some(at) = self
            .verdicts
            .iter()
            .position(|open| open.event.session_id == id)
        {
            let mut verdict = self.verdicts.remove(at);
            verdict.enrich(|event| {
                event.reboot_required = reboot_required;
                if reboot_required == Some(true) && event.result == EventResult::Success {
                    event.result = EventResult::PendingReboot;
                }
            });
            verdict.close(report);
        }
        self.verdicts_moved_up();
    }

    /// `WER: Generating failure report for package: P, status: 0x…, …`.
    pub(super) fn failure_report(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(rest) = message.strip_prefix(b"WER: Generating failure report for ") else {
            return false;
        };
        let mut event = self.begin(report, Phase::Install, EventResult::Fail);
        if !read_change(&mut event, rest) {
            return false;
        }
        let key = self.change_key(&event);
        self.memory.tell_once(key);
        self.note_change(&event);
        self.adopt_orphan(event.hresult.unwrap_or_default());
        report.tell(event);
        true
    }

    /// `[SQM: ]Reporting package change completion for package: P, current: …,
    /// original: …, target: …, status: 0x…, …`: tells a failure again that was
    /// reported, or alone where reports are off.
    pub(super) fn change_completion(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let message = message.strip_prefix(b"SQM: ").unwrap_or(message);
        let Some(rest) = message.strip_prefix(b"Reporting package change completion for ") else {
            return false;
        };
        let mut event = self.begin(report, Phase::Install, EventResult::Info);
        if !read_change(&mut event, rest) {
            return false;
        }
        self.note_change(&event);
        if event.result == EventResult::Fail {
            self.adopt_orphan(event.hresult.unwrap_or_default());
            let key = self.change_key(&event);
            if !self.memory.tell_once(key) {
                event.result = EventResult::Info;
            }
        } else if event.result != EventResult::Success || !ends_at_boot(&event, rest) {
            event.result = EventResult::Info;
        }
        report.tell(event);
        true
    }

    /// The verdict on a package names no states: whether it was removed, or only
    /// made ready, is what was told of its change in the same operation.
    fn note_change(&mut self, event: &UpdateEvent) {
        let change = if event.phase == Phase::Uninstall {
            "removed"
        } else if event.target_state == "Staged" {
            "staged"
        } else {
            "in use"
        };
        let key = self.memory.key(&[change, &event.package]);
        self.memory.tell_once(key);
    }

    fn was_changed(&self, change: &str, package: &str) -> bool {
        self.memory.was_told(self.memory.key(&[change, package]))
    }

    fn was_only_staged(&self, package: &str) -> bool {
        self.was_changed("staged", package) && !self.was_changed("in use", package)
    }

    /// Phase of a verdict that names a package and no states.
    fn phase_of(&self, event: &UpdateEvent) -> Phase {
        if self.was_changed("removed", &event.package) {
            Phase::Uninstall
        } else {
            package::phase(&event.package, &event.identifier, &event.client)
        }
    }

    fn change_key(&self, event: &UpdateEvent) -> u64 {
        let code = event.hresult.unwrap_or_default();
        self.memory
            .key(&["change", &event.package, &code.to_string()])
    }
}

/// `Corruption Repairing` or `Store Corruption Detect/Repair` against
/// `Corruption Detecting`.
fn run_phase(run: &[u8]) -> Phase {
    if scan::contains(scan::before(run, b")"), b"Repair") {
        Phase::CorruptionRepair
    } else {
        Phase::CorruptionDetect
    }
}

/// Whether a change came to its end at a shutdown or a boot, in the state that
/// was asked for: there is no other verdict on the package then.
fn ends_at_boot(event: &UpdateEvent, rest: &[u8]) -> bool {
    let context = scan::listed(rest, b"primitive execution context: ").unwrap_or_default();
    let context = scan::lead(context, |byte| byte.is_ascii_alphabetic());
    let current = scan::listed(rest, b"current: ")
        .map(text)
        .unwrap_or_default();
    let reached = current == event.target_state && current != event.start_state;
    let wanted = matches!(event.target_state.as_str(), "Installed" | "Permanent")
        || event.phase == Phase::Uninstall && event.target_state == "Absent";
    matches!(context, b"Startup" | b"Shutdown") && reached && wanted
}

/// Fields of a package change; false without a status.
fn read_change(event: &mut UpdateEvent, rest: &[u8]) -> bool {
    let Some(code) = scan::after(rest, b"status: ").and_then(scan::code) else {
        return false;
    };
    let value = |name: &[u8]| scan::listed(rest, name).map(text).unwrap_or_default();
    event.hresult = Some(code);
    event.result = outcome::of_code(code);
    event.package = value(b"package: ");
    event.identifier = value(b"identifier: ");
    event.kb = package::kb(&event.package, &event.identifier);
    event.failure_source = value(b"failure source: ");
    event.start_state = value(b"start state: ");
    if event.start_state.is_empty() {
        event.start_state = value(b"original: ");
    }
    event.target_state = value(b"target state: ");
    if event.target_state.is_empty() {
        event.target_state = value(b"target: ");
    }
    event.client = value(b"client id: ");
    event.phase = if package::is_removal(&event.start_state, &event.target_state) {
        Phase::Uninstall
    } else {
        package::phase(&event.package, &event.identifier, &event.client)
    };
    true
}
