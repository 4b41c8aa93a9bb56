//! Updates in a decoded log: titles, ids, packages, and the verdicts of handler
//! and agent.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::memory::{Thread, Update};
use super::super::phase_of_call;
use super::{DecodedGrammar, Head, client_of, revision};
use crate::parse::clock::Trust;
use crate::parse::event_log::is_store_app;
use crate::parse::pending::Pending;
use crate::parse::report::{Report, add_evidence, text};
use crate::parse::{outcome, scan, time};

impl DecodedGrammar {
    /// `* START *   Install ClientId = X` and its like: what the thread does.
    pub(super) fn operation_began(&mut self, head: &Head<'_>) {
        let call = scan::after(head.text, b"* START *")
            .or_else(|| scan::after(head.text, b" : Beginning "))
            .unwrap_or_default();
        let call = call.trim_ascii_start();
        let call = call.strip_prefix(b"CBS").unwrap_or(call);
        let Some(phase) = phase_of_call(call) else {
            return;
        };
        let client = client_of(head.text);
        let thread = self.memory.thread(&head.thread);
        phase.as_str().clone_into(&mut thread.phase);
        if !client.is_empty() {
            thread.client = client;
        }
    }

    /// `Title = …`: the update id is in the next line of this thread.
    pub(super) fn title(&mut self, title: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let thread = self.memory.thread(&head.thread).clone();
        let phase = thread.phase.parse().unwrap_or(Phase::Scan);
        let result = if phase == Phase::Scan {
            EventResult::Info
        } else {
            EventResult::Start
        };
        let mut event = self.begin(head, report, phase, result);
        event.title = text(title);
        event.kb = scan::kb(title).unwrap_or_default();
        if is_store_app(&event.title) {
            if event.phase != Phase::Scan {
                event.phase = Phase::AppxProvision;
            }
            event.kb.clear();
        }
        event.client = thread.client;
        let open = Pending::open(event, self.start, self.ordinal);
        self.titles.push((head.thread.clone(), open));
    }

    pub(super) fn update_id(&mut self, id: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let Some((guid, rest)) = scan::guid(id) else {
            return;
        };
        let Some(at) = self
            .titles
            .iter()
            .position(|(thread, _)| *thread == head.thread)
        else {
            return;
        };
        let (_, mut open) = self.titles.remove(at);
        open.enrich(|event| {
            event.update_guid.clone_from(&guid);
            event.revision = revision(rest);
            add_evidence(event, head.text);
        });
        self.memory.thread(&head.thread).titled.clone_from(&guid);
        self.memory.remember(Update {
            guid,
            kb: open.event.kb.clone(),
            title: open.event.title.clone(),
        });
        open.close(report);
    }

    pub(super) fn session(&mut self, id: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        report.observe(
            self.start.1,
            Some(head.printed_at_ms),
            time::session_instant(id),
            (TimeSource::SessionId, Trust::Firm),
        );
        self.memory.thread(&head.thread).session_id = text(id);
    }

    pub(super) fn package(&mut self, package: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let mut event = self.begin(head, report, Phase::Install, EventResult::Info);
        event.package = text(package);
        let thread = self.memory.thread(&head.thread);
        thread.package.clone_from(&event.package);
        let thread = thread.clone();
        event.kb = self.kb_of(&thread);
        event.session_id = thread.session_id;
        report.tell(event);
    }

    /// `install of CBS update with type=3, requiresReboot=1, installerError=0,
    /// hr=0x0`.
    pub(super) fn handler_verdict(
        &mut self,
        rest: &[u8],
        head: &Head<'_>,
        report: &mut Report<'_>,
    ) -> bool {
        let phase = if rest.starts_with(b"install of") {
            Phase::Install
        } else if rest.starts_with(b"uninstall of") {
            Phase::Uninstall
        } else {
            return false;
        };
        let Some(code) = scan::after(rest, b"hr=").and_then(scan::code) else {
            return false;
        };
        let reboot = scan::after(rest, b"requiresReboot=").and_then(scan::number);
        let mut result = outcome::of_code(code);
        if result == EventResult::Success && reboot == Some(1) {
            result = EventResult::PendingReboot;
        }
        let mut event = self.begin(head, report, phase, result);
        event.hresult = Some(code);
        event.reboot_required = reboot.map(|answer| answer == 1);
        if let Some(error) = scan::after(rest, b"installerError=") {
            event.nested_status = scan::code(error).filter(|error| *error != 0);
        }
        let thread = self.memory.thread(&head.thread).clone();
        event.kb = self.kb_of(&thread);
        event.package = thread.package;
        event.session_id = thread.session_id;
        report.tell(event);
        true
    }

    /// `LogHistory called. idUpdate={GUID}.204, resultMapped=80242014,
    /// resultUnMapped=0`.
    pub(super) fn history(
        &mut self,
        body: &[u8],
        head: &Head<'_>,
        report: &mut Report<'_>,
    ) -> bool {
        let Some(code) = scan::after(body, b"resultMapped=").and_then(scan::hex_code) else {
            return false;
        };
        let thread = self.memory.thread(&head.thread);
        let phase = match thread.phase.parse() {
            Ok(Phase::Uninstall) => Phase::Uninstall,
            _ => Phase::Install,
        };
        let mut event = self.begin(head, report, phase, outcome::of_code(code));
        event.hresult = Some(code);
        event.nested_status = scan::after(body, b"resultUnMapped=")
            .and_then(scan::hex_code)
            .filter(|status| *status != 0);
        self.name_update(&mut event, scan::after(body, b"idUpdate="));
        if is_store_app(&event.title) {
            event.phase = Phase::AppxProvision;
        }
        report.tell(event);
        true
    }

    /// KB that a handler's thread installs: the package's, else the title's.
    pub(super) fn kb_of(&self, thread: &Thread) -> String {
        scan::kb(thread.package.as_bytes())
            .or_else(|| Some(self.memory.update(&thread.installs)?.kb.clone()))
            .unwrap_or_default()
    }

    /// Fills in an update from its id.
    pub(super) fn name_update(&self, event: &mut UpdateEvent, id: Option<&[u8]>) {
        let Some((guid, rest)) = id.and_then(scan::guid) else {
            return;
        };
        if let Some(update) = self.memory.update(&guid) {
            event.kb.clone_from(&update.kb);
            event.title.clone_from(&update.title);
        }
        event.update_guid = guid;
        event.revision = revision(rest);
    }
}
