//! WindowsUpdate.log of Windows 10 and later, as `Get-WindowsUpdateLog`
//! decodes it: `2023/01/11 09:00:00.1234567 pid tid Component text`.
//!
//! A title, its update id and a result stand in different lines; they are
//! joined by id, or by the thread that wrote them.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::clock::Trust;
use super::super::pending::Pending;
use super::super::report::{Anchor, Report, add_evidence, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};
use super::memory::{Memory, Thread, Update};
use super::{call_result, phase_of_call};

/// Records after which an open event no longer waits.
const PATIENCE: u64 = 64;

/// Calls that end within this time with the same counters are one call, told
/// by its parts and as a whole.
const SAME_CALL_MS: i64 = 2_000;

/// A line, taken apart.
pub(crate) struct Head<'a> {
    printed_at_ms: i64,
    thread: String,
    component: &'a [u8],
    text: &'a [u8],
}

impl<'a> Head<'a> {
    /// Takes a line apart; `None` where it is none.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let (printed_at_ms, rest) = time::decoded_stamp(line)?;
        let (pid, rest) = word(rest);
        let (tid, rest) = word(rest);
        let number = |id: &[u8]| !id.is_empty() && id.iter().all(u8::is_ascii_alphanumeric);
        if !number(pid) || !number(tid) {
            return None;
        }
        let (component, rest) = word(rest);
        Some(Self {
            printed_at_ms,
            thread: format!("{}.{}", text(pid), text(tid)),
            component,
            text: rest.trim_ascii(),
        })
    }
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let word = scan::lead(text, |byte| byte != b' ' && byte != b'\t');
    (word, &text[word.len()..])
}

/// State of reading one decoded log.
#[derive(Default)]
pub(crate) struct DecodedGrammar {
    ordinal: u64,
    start: (u64, u64),
    head: Vec<u8>,
    /// Titles that wait for their update id, with the thread that prints them.
    titles: Vec<(String, Pending)>,
    /// Finished calls that wait for word of a reboot.
    calls: Vec<(String, Pending)>,
    /// A call's error code that waits for the call's counters.
    call_error: Option<Pending>,
    memory: Memory,
}

impl DecodedGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let Some(head) = Head::read(line.text) else {
            return;
        };
        report.counts.records += 1;
        self.ordinal += 1;
        self.start = (line.offset, line.number);
        self.head.clear();
        self.head.extend_from_slice(line.text);
        self.lose_patience(report);
        if !self.message(&head, report) {
            report.counts.unknown += 1;
            if report.with_noise && head.text.starts_with(b"*FAILED*") {
                let mut event = self.begin(&head, report, Phase::Service, EventResult::Info);
                event.hresult = scan::after(head.text, b"[").and_then(scan::hex_code);
                event.noise = true;
                report.tell(event);
            }
        }
    }

    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        let titles = self.titles.iter_mut().map(|(_, open)| open);
        let calls = self.calls.iter_mut().map(|(_, open)| open);
        // A call's error waits on: it is no event of its own once the call's
        // counters come.
        for open in titles.chain(calls) {
            open.tell_so_far(report);
        }
    }

    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        for (_, open) in self.titles.drain(..).chain(self.calls.drain(..)) {
            open.close(report);
        }
        if let Some(open) = self.call_error.take() {
            open.close(report);
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        let titles = self.titles.iter().map(|(_, open)| open);
        let calls = self.calls.iter().map(|(_, open)| open);
        titles
            .chain(calls)
            .chain(&self.call_error)
            .map(|open| open.start)
            .min()
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.memory).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.memory = serde_json::from_value(memory).unwrap_or_default();
    }

    fn lose_patience(&mut self, report: &mut Report<'_>) {
        let now = self.ordinal;
        for open in [&mut self.titles, &mut self.calls] {
            while open
                .first()
                .is_some_and(|(_, open)| now - open.born > PATIENCE)
            {
                open.remove(0).1.close(report);
            }
        }
        if self
            .call_error
            .as_ref()
            .is_some_and(|open| now - open.born > PATIENCE)
            && let Some(open) = self.call_error.take()
        {
            open.close(report);
        }
    }

    fn begin(
        &self,
        head: &Head<'_>,
        report: &Report<'_>,
        phase: Phase,
        result: EventResult,
    ) -> UpdateEvent {
        let anchor = Anchor {
            head: &self.head,
            row: b"",
            number: self.start.1,
            printed_at_ms: Some(head.printed_at_ms),
        };
        let mut event = report.begin(&anchor, phase, result);
        event.source = text(head.component);
        event
    }

    fn message(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        let body = head.text;
        if body.starts_with(b"* START *") || scan::contains(body, b" : Beginning ") {
            self.operation_began(head);
        } else if let Some(title) = body.strip_prefix(b"Title = ") {
            self.title(title, head, report);
        } else if let Some(id) = strip_any(body, &[b"UpdateId = ", b"updateId = "]) {
            self.update_id(id, head, report);
        } else if let Some(id) = body.strip_prefix(b"Starting install of CBS update ") {
            let guid = scan::guid(id).map(|(guid, _)| guid);
            self.memory.thread(&head.thread).installs = guid.unwrap_or_default();
        } else if let Some((part, rest)) = scan::guid(body)
            && revision(rest).is_some()
        {
            let whole = self.memory.thread(&head.thread).titled.clone();
            self.memory.remember_part(part, &whole);
        } else if let Some(id) = body.strip_prefix(b"CBS session identity: ") {
            self.session(id, head, report);
        } else if let Some(package) = body.strip_prefix(b"CBS package identity: ") {
            self.package(package, head, report);
        } else if let Some(rest) = body.strip_prefix(b"Completed ") {
            return self.handler_verdict(rest, head, report);
        } else if body.starts_with(b"LogHistory called") {
            return self.history(body, head, report);
        } else if let Some(answer) = body.strip_prefix(b"Reboot required = ") {
            self.reboot(answer, head, report);
        } else if scan::contains(body, b" call complete (") {
            return self.call_complete(head, report);
        } else if scan::contains(body, b"Call error code = 0x") {
            self.call_failed(head, report);
        } else {
            return self.job_failure(head, report) || self.search_end(head, report);
        }
        true
    }

    /// `* START *   Install ClientId = X` and its like: what the thread does.
    fn operation_began(&mut self, head: &Head<'_>) {
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
    fn title(&mut self, title: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
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
        event.client = thread.client;
        let open = Pending::open(event, self.start, self.ordinal);
        self.titles.push((head.thread.clone(), open));
    }

    fn update_id(&mut self, id: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
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

    fn session(&mut self, id: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        report.observe(
            self.start.1,
            Some(head.printed_at_ms),
            time::session_instant(id),
            (TimeSource::SessionId, Trust::Firm),
        );
        self.memory.thread(&head.thread).session_id = text(id);
    }

    fn package(&mut self, package: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
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
    fn handler_verdict(&mut self, rest: &[u8], head: &Head<'_>, report: &mut Report<'_>) -> bool {
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
    fn history(&mut self, body: &[u8], head: &Head<'_>, report: &mut Report<'_>) -> bool {
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
        report.tell(event);
        true
    }

    /// KB that a handler's thread installs: the package's, else the title's.
    fn kb_of(&self, thread: &Thread) -> String {
        scan::kb(thread.package.as_bytes())
            .or_else(|| Some(self.memory.update(&thread.installs)?.kb.clone()))
            .unwrap_or_default()
    }

    /// Fills in an update from its id.
    fn name_update(&self, event: &mut UpdateEvent, id: Option<&[u8]>) {
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

    /// `Install call complete (succeeded = 1, …, failed = 0, cancelled = 0, …`.
    fn call_complete(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        let Some(phase) = phase_of_call(head.text) else {
            return false;
        };
        let Some(result) = call_result(head.text) else {
            return false;
        };
        if self.is_told_again(phase, head) {
            return true;
        }
        let mut event = self.begin(head, report, phase, result);
        event
            .client
            .clone_from(&self.memory.thread(&head.thread).client);
        if let Some(error) = self.call_error.take() {
            if error.event.phase == phase {
                event.hresult = error.event.hresult;
                event.client = error.event.client;
            } else {
                error.close(report);
            }
        }
        let open = Pending::open(event, self.start, self.ordinal);
        self.calls.push((head.thread.clone(), open));
        true
    }

    /// Whether another thread just told of this call.
    fn is_told_again(&self, phase: Phase, head: &Head<'_>) -> bool {
        let counters = scan::after(head.text, b"call complete").unwrap_or_default();
        self.calls.iter().any(|(_, open)| {
            let printed = open.event.printed_at_ms.unwrap_or_default();
            let told = scan::after(open.event.evidence.as_bytes(), b"call complete");
            let told = scan::before(told.unwrap_or_default(), b"\n");
            open.event.phase == phase
                && (head.printed_at_ms - printed).abs() <= SAME_CALL_MS
                && told.trim_ascii_end() == counters
        })
    }

    fn reboot(&mut self, answer: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let Some(at) = self
            .calls
            .iter()
            .position(|(thread, _)| *thread == head.thread)
        else {
            return;
        };
        let required = answer.starts_with(b"True");
        let (_, open) = &mut self.calls[at];
        open.enrich(|event| {
            event.reboot_required = Some(required);
            if required && event.result == EventResult::Success {
                event.result = EventResult::PendingReboot;
            }
            add_evidence(event, head.text);
        });
        open.tell_so_far(report);
    }

    /// `ClientId = X: Exit code = 0x00000000; Call error code = 0x80240022`.
    fn call_failed(&mut self, head: &Head<'_>, report: &mut Report<'_>) {
        let code = scan::after(head.text, b"Call error code = ").and_then(scan::code);
        let Some(code) = code.filter(|code| *code != 0) else {
            return;
        };
        let thread = self.memory.thread(&head.thread).clone();
        let Ok(phase) = thread.phase.parse() else {
            self.await_counters(code, Phase::Download, head, report);
            return;
        };
        self.await_counters(code, phase, head, report);
    }

    fn await_counters(
        &mut self,
        code: u32,
        phase: Phase,
        head: &Head<'_>,
        report: &mut Report<'_>,
    ) {
        let mut event = self.begin(head, report, phase, outcome::of_code(code));
        event.hresult = Some(code);
        event.client = client_of(head.text);
        if let Some(before) =
            self.call_error
                .replace(Pending::open(event, self.start, self.ordinal))
        {
            before.close(report);
        }
    }

    /// `OnDownloadJobFailure - UUP update GUID.1 in the sandbox … failed with
    /// 0x8024000b.`
    fn job_failure(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        if !head.text.starts_with(b"OnDownloadJobFailure") {
            return false;
        }
        let Some(code) = scan::after(head.text, b"failed with ").and_then(scan::code) else {
            return true;
        };
        let mut event = self.begin(head, report, Phase::Download, outcome::of_code(code));
        event.hresult = Some(code);
        self.name_update(&mut event, scan::after(head.text, b"update "));
        report.tell(event);
        true
    }

    /// `* END * Finding updates CallerId = X, Exit code = 0x8024402c`.
    fn search_end(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        let Some(rest) = head.text.strip_prefix(b"* END *") else {
            return false;
        };
        if phase_of_call(rest) != Some(Phase::Scan) {
            return false;
        }
        let code = scan::after(rest, b"xit code = ").and_then(scan::code);
        let Some(code) = code.filter(|code| *code != 0) else {
            return true;
        };
        let mut event = self.begin(head, report, Phase::Scan, outcome::of_code(code));
        event.hresult = Some(code);
        event.client = client_of(rest);
        put(&mut event, "operation", "search");
        report.tell(event);
        true
    }
}

fn strip_any<'a>(text: &'a [u8], marks: &[&[u8]]) -> Option<&'a [u8]> {
    marks.iter().find_map(|mark| text.strip_prefix(*mark))
}

/// Revision in `.204` after an update id.
fn revision(rest: &[u8]) -> Option<u32> {
    rest.strip_prefix(b".").and_then(scan::number)
}

/// Client in `ClientId = X` or `CallerId = X`.
fn client_of(body: &[u8]) -> String {
    let value = scan::after(body, b"ClientId = ").or_else(|| scan::after(body, b"CallerId = "));
    let value = value.unwrap_or_default();
    let end = [&b", "[..], b": ", b" (", b"]"]
        .iter()
        .filter_map(|mark| memchr::memmem::find(value, mark))
        .min()
        .unwrap_or(value.len());
    text(&value[..end])
}
