//! Installers and drivers that failed at boot: the causes behind 0x800f0922.

use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::outcome;
use super::super::report::{Report, put, text};
use super::super::scan;
use super::CbsGrammar;

impl CbsGrammar {
    pub(super) fn driver_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        if let Some(rest) = message.strip_prefix(b"Failed execution of queue item Installer: ") {
            return self.failed_installer(rest, report);
        }
        if let Some(rest) = message.strip_prefix(b"Installer: ") {
            return self.installer_result(rest, report);
        }
        if message.starts_with(b"INSTALL index: ") {
            let result = scan::after(message, b"result ").and_then(scan::code);
            let file = scan::after(message, b"inf: ").map(text).unwrap_or_default();
            return self.driver_result(result, file, report);
        }
        if let Some(rest) = message.strip_prefix(b"Doqe: Recording result: ") {
            let file = scan::after(rest, b"for Inf: ")
                .map(text)
                .unwrap_or_default();
            return self.driver_result(scan::code(rest), file, report);
        }
        false
    }

    /// `NAME ({guid}) with HRESULT H. Failure will [not] be ignored: …`.
    fn failed_installer(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        let ignored = scan::contains(rest, b"Failure will be ignored");
        let result = if ignored {
            EventResult::Warn
        } else {
            EventResult::Fail
        };
        let mut event = self.begin_csi(report, Phase::RebootCommit, result);
        event.hresult = scan::after(rest, b"with HRESULT ").and_then(installer_code);
        let name = text(scan::before(rest, b" ({"));
        let code = event.hresult.unwrap_or_default().to_string();
        // What is ignored once may end the install the next time.
        let kind = if ignored { "ignored" } else { "installer" };
        let key = self.memory.key(&[kind, &name, &code]);
        put(&mut event, "installer", name);
        if self.memory.tell_once(key) {
            report.tell(event);
        }
        true
    }

    /// `NAME TAB Binary Name: .. TAB ErrorCode: 8hex TAB Phase: n`.
    fn installer_result(&mut self, rest: &[u8], report: &mut Report<'_>) -> bool {
        let Some(code) = scan::after(rest, b"ErrorCode: ").and_then(scan::hex_code) else {
            return false;
        };
        if code == 0 {
            return true;
        }
        let name = text(scan::before(rest, b"\t"));
        let key = self.memory.key(&["installer", &name, &code.to_string()]);
        if self.memory.tell_once(key) {
            let mut event = self.begin(report, Phase::RebootCommit, EventResult::Fail);
            event.hresult = Some(code);
            put(&mut event, "installer", name);
            report.tell(event);
        }
        true
    }

    fn driver_result(
        &mut self,
        result: Option<u32>,
        file: String,
        report: &mut Report<'_>,
    ) -> bool {
        let Some(code) = result.map(|code| ResultCode::from_win32(code).0) else {
            return false;
        };
        let result = outcome::of_driver_code(code);
        // The reboot that a driver asks for is part of the one under way.
        if matches!(result, EventResult::Success | EventResult::PendingReboot) {
            return true;
        }
        let key = self.memory.key(&["driver", &file, &code.to_string()]);
        if self.memory.tell_once(key) {
            let mut event = self.begin(report, Phase::RebootCommit, result);
            event.hresult = Some(code);
            event.file = file;
            report.tell(event);
        }
        true
    }
}

/// `0x800…`, `HRESULT_FROM_WIN32(1058)` or with a symbol in the parentheses.
fn installer_code(text: &[u8]) -> Option<u32> {
    if let Some(inner) = text.strip_prefix(b"HRESULT_FROM_WIN32(") {
        let symbol = std::str::from_utf8(scan::before(inner, b")")).unwrap_or_default();
        let error = scan::number(inner).map(ResultCode::from_win32);
        return error
            .or_else(|| ResultCode::named(symbol))
            .map(|code| code.0);
    }
    scan::code(text)
}
