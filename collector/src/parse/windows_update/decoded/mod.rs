//! WindowsUpdate.log of Windows 10 and later, as `Get-WindowsUpdateLog`
//! decodes it: `2023/01/11 09:00:00.1234567 pid tid Component text`.
//!
//! A title, its update id and a result stand in different lines; they are
//! joined by id, or by the thread that wrote them.

mod calls;
mod trace;
mod updates;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::memory::Memory;
use crate::parse::pending::Pending;
use crate::parse::report::{Anchor, Report, text};
use crate::parse::split::Line;
use crate::parse::{scan, time};

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
        if line.first() == Some(&b'[') {
            return trace::read(line);
        }
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
    /// A call's error code that waits for the call's counters, with the thread
    /// that told it.
    call_error: Option<(String, Pending)>,
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
            let plain = is_of_the_agent(head.component);
            report.counts.unknown += u64::from(!plain && self.head.first() != Some(&b'['));
            let failed = head.text.starts_with(b"*FAILED*");
            let code = scan::after(head.text, b"[").and_then(scan::hex_code);
            // What handlers call failed is noise as a rule: the verdicts decide.
            report.counts.note_code(code.filter(|_| failed), true);
            if report.with_noise && failed {
                let mut event = self.begin(&head, report, Phase::Service, EventResult::Info);
                event.hresult = code;
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
        if let Some((_, open)) = self.call_error.take() {
            open.close(report);
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        let titles = self.titles.iter().map(|(_, open)| open);
        let calls = self.calls.iter().map(|(_, open)| open);
        titles
            .chain(calls)
            .chain(self.call_error.as_ref().map(|(_, open)| open))
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
            .is_some_and(|(_, open)| now - open.born > PATIENCE)
            && let Some((_, open)) = self.call_error.take()
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
        event.source = text(head.component).into();
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
        } else if is_call_end(body) {
            return self.call_complete(head, report);
        } else if scan::contains(body, b"Call error code = 0x") {
            self.call_failed(head, report);
        } else {
            return self.job_failure(head, report) || self.search_end(head, report);
        }
        true
    }
}

/// Components of the agent whose many records are known to say nothing more. A
/// log that was decoded without its symbols has none of them.
fn is_of_the_agent(component: &[u8]) -> bool {
    matches!(
        component,
        b"Agent"
            | b"Api"
            | b"AppAU"
            | b"AppInstall"
            | b"AutoUpdate"
            | b"ComApi"
            | b"Common"
            | b"DataStore"
            | b"DeliveryOptimization"
            | b"DownloadManager"
            | b"Driver"
            | b"EEHandler"
            | b"Handler"
            | b"IdleTimer"
            | b"Metadata"
            | b"MetadataIntegrity"
            | b"Misc"
            | b"ProtocolTalker"
            | b"Reporter"
            | b"Service"
            | b"Setup"
            | b"Shared"
            | b"SLS"
            | b"Test"
            | b"WebServices"
            | b"DtaStor"
            | b"EndpointProviders"
            | b"Report"
            | b"Update"
            | b"UpdateHandler"
            | b"Uhdo"
            | b"SyncPoint"
            | b"PT"
            | b"Telemetry"
            | b"UDP"
    )
}

/// `Install call complete (succeeded = 1, …`; pastes widen the blanks.
fn is_call_end(body: &[u8]) -> bool {
    let rest = scan::after(body, b" call complete ");
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"("))
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
        .filter_map(|mark| scan::find(value, mark))
        .min()
        .unwrap_or(value.len());
    text(&value[..end])
}
