//! Calls of the update API in a decoded log: how an install, a download or a
//! search ended for the client that asked.

use kbwatch_proto::words::{EventResult, Phase};

use super::super::{call_result, failed_download, phase_of_call};
use super::{DecodedGrammar, Head, SAME_CALL_MS, client_of};
use crate::parse::pending::Pending;
use crate::parse::report::{Report, add_evidence, put, text};
use crate::parse::windows_update::without_headers;
use crate::parse::{outcome, scan};

/// Whether a call's error is one of a call of this phase.
fn is_of(error: &Pending, phase: Phase) -> bool {
    error.event.phase == phase || error.event.phase == Phase::AppxProvision && phase != Phase::Scan
}

/// Whether the store asked: its calls are for applications, not for Windows.
fn is_of_the_store(client: &str) -> bool {
    client.starts_with("Update;") || client.starts_with("Acquisition")
}

impl DecodedGrammar {
    /// `Install call complete (succeeded = 1, …, failed = 0, cancelled = 0, …`.
    pub(super) fn call_complete(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        let Some(phase) = phase_of_call(head.text) else {
            return false;
        };
        let Some(result) = call_result(head.text) else {
            return false;
        };
        if self.is_told_again(phase, head) {
            // Then so is its error.
            self.call_error
                .take_if(|(thread, error)| *thread == head.thread || is_of(error, phase));
            return true;
        }
        let mut event = self.begin(head, report, phase, result);
        event
            .client
            .clone_from(&self.memory.thread(&head.thread).client);
        if phase != Phase::Scan && is_of_the_store(&event.client) {
            event.phase = Phase::AppxProvision;
        }
        if let Some((thread, error)) = self.call_error.take() {
            if thread == head.thread || is_of(&error, phase) {
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
    pub(super) fn is_told_again(&self, phase: Phase, head: &Head<'_>) -> bool {
        let counters = scan::after(head.text, b"call complete").unwrap_or_default();
        let counters = counters.trim_ascii();
        self.calls.iter().any(|(_, open)| {
            let printed = open.event.printed_at_ms.unwrap_or_default();
            let told = scan::after(open.event.evidence.as_bytes(), b"call complete");
            let told = scan::before(told.unwrap_or_default(), b"\n");
            (open.event.phase == phase || open.event.phase == Phase::AppxProvision)
                && (head.printed_at_ms - printed).abs() <= SAME_CALL_MS
                && told.trim_ascii() == counters
        })
    }

    pub(super) fn reboot(&mut self, answer: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
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
    pub(super) fn call_failed(&mut self, head: &Head<'_>, report: &mut Report<'_>) {
        let code = scan::after(head.text, b"Call error code = ").and_then(scan::code);
        let Some(code) = code.filter(|code| *code != 0) else {
            return;
        };
        // Threads that tell the counters first tell the code right after them.
        let mut calls = self.calls.iter_mut();
        let counted = calls.find(|(thread, open)| {
            let printed = open.event.printed_at_ms.unwrap_or_default();
            let again = open.event.hresult == Some(code)
                && (head.printed_at_ms - printed).abs() <= SAME_CALL_MS;
            *thread == head.thread
                && open.event.result == EventResult::Fail
                && (open.event.hresult.is_none() || again)
        });
        if let Some((_, open)) = counted {
            open.enrich(|event| event.hresult = Some(code));
            return;
        }
        let phase = self.memory.thread(&head.thread).phase.parse();
        self.await_counters(code, phase.unwrap_or(Phase::Download), head, report);
    }

    pub(super) fn await_counters(
        &mut self,
        code: u32,
        phase: Phase,
        head: &Head<'_>,
        report: &mut Report<'_>,
    ) {
        let mut event = self.begin(head, report, phase, outcome::of_code(code));
        event.hresult = Some(code);
        event.client = client_of(head.text);
        if phase != Phase::Scan && is_of_the_store(&event.client) {
            event.phase = Phase::AppxProvision;
        }
        let open = Pending::open(event, self.start, self.ordinal);
        if let Some((_, before)) = self.call_error.replace((head.thread.clone(), open)) {
            before.close(report);
        }
    }

    /// `OnDownloadJobFailure - UUP update GUID.1 in the sandbox … failed with
    /// 0x8024000b.`
    pub(super) fn job_failure(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        if !head.text.starts_with(b"OnDownloadJobFailure") {
            return self.transfer_failure(head, report);
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

    /// A transfer service gave up; the layers above say so again.
    fn transfer_failure(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        let Some(code) = failed_download(head.text) else {
            return false;
        };
        let id = scan::after(head.text, b"updateId = ");
        let guid = id.and_then(scan::guid).map_or_else(String::new, |id| id.0);
        let now = head.printed_at_ms;
        if self.memory.download_fails_again(code, &guid, now) {
            return true;
        }
        let mut event = self.begin(head, report, Phase::Download, outcome::of_code(code));
        event.hresult = Some(code);
        event.evidence = without_headers(&event.evidence);
        self.name_update(&mut event, id);
        if let Some(kind) = scan::after(head.text, b"Content-Type: ") {
            let kind = scan::lead(kind, |byte| byte.is_ascii_graphic() && byte != b';');
            put(&mut event, "content_type", text(kind));
        }
        report.tell(event);
        true
    }

    /// `* END * Finding updates CallerId = X, Exit code = 0x8024402c`.
    pub(super) fn search_end(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
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

#[cfg(test)]
mod tests {
    use crate::parse::{FileKind, Origin, TextParser};
    use kbwatch_proto::words::EventResult;

    /// Codes of the failures that lines of one thread tell.
    fn failures(texts: &[&str]) -> Vec<Option<u32>> {
        let origin = Origin {
            device_id: "pc-1".to_owned(),
            log: "WindowsUpdate.log".to_owned(),
        };
        let (mut parser, mut events) = (TextParser::new(FileKind::WuDecoded, origin), vec![]);
        for text in texts {
            let line = format!("2023/01/11 09:10:00.1234567 3752  12076 ComApi          {text}\n");
            parser.feed(line.as_bytes(), &mut events);
        }
        parser.finish(&mut events);
        let failed = events
            .iter()
            .filter(|event| event.result == EventResult::Fail);
        failed.map(|event| event.hresult).collect()
    }

    #[test]
    fn every_update_whose_download_fails_is_told_and_once() {
        let id = |number: u32| format!("{{{number}1111111-2222-3333-4444-555555555555}}");
        let transfer = |number: u32| {
            let id = id(number);
            format!("DO download failed with error 80D05001[Extended: 0], updateId = {id}.200")
        };
        let job = format!(
            "BITS job {} failed, updateId = {}.1, hr = 0x80d05001",
            id(3),
            id(4)
        );
        let above =
            "Error 0x80D05001 occurred while downloading update; notifying dependent calls.";
        let lines = [&transfer(1), above, &transfer(2), above, &transfer(1), &job];
        assert_eq!(failures(&lines).len(), 3);
        assert_eq!(failures(&[above, above]).len(), 1);
    }

    const START: &str = "* START *   Install ClientId = UpdateOrchestrator";
    const COUNTERS: &str = "Install call complete (succeeded = 0, succeeded with errors = 0, \
        failed = 1, cancelled = 0, unaccounted = 0";
    const CODE: &str = "Exit code = 0x00000000; Call error code = 0x80240022";

    #[test]
    fn a_call_that_failed_is_told_once_whichever_of_its_lines_comes_first() {
        let code = Some(0x8024_0022);
        assert_eq!(failures(&[START, CODE, COUNTERS]), [code]);
        assert_eq!(failures(&[START, COUNTERS, CODE]), [code]);
        assert_eq!(failures(&[COUNTERS, CODE]), [code]);
        assert_eq!(failures(&[CODE, COUNTERS, CODE, COUNTERS]), [code]);
    }
}
