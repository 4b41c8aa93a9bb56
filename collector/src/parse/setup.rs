//! Grammar of setup's logs: MoSetup and Panther, the logs of feature updates.
//!
//! Setup logs a great many errors that it lives with. Harm is claimed only for
//! the verdict on the run or on an operation, for a step that could not be
//! executed, and for the codes of setup itself; one code is one failure of the
//! log's run.

use kbwatch_proto::words::{EventResult, Phase};

use super::outcome;
use super::panther::{Head, Level};
use super::report::{Anchor, Report, put, text};
use super::scan;
use super::split::Line;

/// Codes of setup that are no failure: nothing stands in the way, or the run
/// only looked.
const NOT_FAILED: [u32; 2] = [0xc190_0210, 0xc190_0107];

/// Codes of probes that setup and its imaging library make.
const NOISE: [u32; 3] = [0x8007_007e, 0xc142_011c, 0x8007_007b];

const MAX_TOLD: usize = 64;

/// State of reading one setup log.
#[derive(Default)]
pub(crate) struct SetupGrammar {
    /// Codes that were told since setup began.
    told: Vec<u32>,
}

impl SetupGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let Some(head) = Head::read(line.text) else {
            return;
        };
        report.counts.records += 1;
        let anchor = Anchor {
            head: line.text,
            row: b"",
            number: line.number,
            printed_at_ms: head.printed_at_ms,
        };
        let known = self.began(&head)
            || phase_change(&head, &anchor, report)
            || self.failed(&head, &anchor, report);
        if !known && !is_writer(head.source) {
            report.counts.unknown += 1;
        }
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.told).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.told = serde_json::from_value(memory).unwrap_or_default();
    }

    /// The first record of a run.
    fn began(&mut self, head: &Head<'_>) -> bool {
        let began = scan::contains(head.message, b"Logging Begin ****")
            || scan::contains(head.message, b"Starting SetupPlatform");
        if began {
            self.told.clear();
        }
        began
    }

    fn failed(&mut self, head: &Head<'_>, anchor: &Anchor<'_>, report: &mut Report<'_>) -> bool {
        let Some(code) = verdict(head) else {
            return false;
        };
        if NOISE.contains(&code) || NOT_FAILED.contains(&code) || self.told.contains(&code) {
            return true;
        }
        if self.told.len() == MAX_TOLD {
            self.told.remove(0);
        }
        self.told.push(code);
        let mut event = report.begin(anchor, Phase::Install, outcome::of_code(code));
        event.source = text(head.source).into();
        event.hresult = Some(code);
        if let Some(step) = scan::after(head.message, b"Operation failed: ") {
            event.operation = text(scan::before(step, b". Error"));
        }
        if let Some(reported) = reported(head.message) {
            // Phase and operation of setup, in two halves of a number.
            let extended = scan::after(reported, b", ").unwrap_or_default();
            put(
                &mut event,
                "extended_code",
                text(scan::before(extended, b"]")),
            );
        }
        put(&mut event, "update_class", "feature update");
        report.tell(event);
        true
    }
}

/// Programs of setup whose many records are known to say nothing more.
fn is_writer(source: &[u8]) -> bool {
    matches!(
        source,
        b"MOUPG"
            | b"SP"
            | b"MIG"
            | b"CONX"
            | b"IBS"
            | b"IBSLIB"
            | b"PANTHR"
            | b"SYSPRP"
            | b"MOSETUP"
            | b"CBS"
            | b"CSI"
            | b"DISM"
            | b"UA"
            | b"UpdateAgent"
            | b"UUP"
            | b"EXP"
            | b"DIAGER"
            | b"MIGLIB"
            | b"TOOL"
            | b"OOBELDR"
            | b"SETUP"
            | b"PPP"
    )
}

/// What setup reports about its run: `SetupHost: Reporting error event ->
/// [0x80070032, 0x50013]`.
fn reported(said: &[u8]) -> Option<&[u8]> {
    scan::after(said, b"Reporting error event -> [")
}

/// Code of a record that says how an operation ended.
fn verdict(head: &Head<'_>) -> Option<u32> {
    let said = head.message;
    if let Some(reported) = reported(said) {
        // The second number is a phase, or the code that people are shown.
        let shown = scan::after(reported, b", ").and_then(scan::code);
        return shown
            .into_iter()
            .chain(scan::code(reported))
            .find(|code| code & 0x8000_0000 != 0);
    }
    let code = [&b"rror: "[..], b"rror ", b"Result = ", b"hr = "]
        .iter()
        .find_map(|mark| {
            let at = memchr::memmem::rfind(said, mark)?;
            let code = &said[at + mark.len()..];
            code.starts_with(b"0x").then(|| scan::code(code)).flatten()
        })?;
    if code & 0x8000_0000 == 0 {
        return None;
    }
    let operation = scan::contains(said, b"Operation failed: ");
    let step = head.level == Level::Error && scan::contains(said, b"::DoExecute: Failed");
    let own = head.level == Level::Error && code & 0xffff_f000 == 0xc190_0000;
    let whole = head.level == Level::Error && said.starts_with(b"CSetupHost::Execute(");
    (operation || step || own || whole).then_some(code)
}

/// `Setup phase change: [SetupPhaseUnpack] -> [SetupPhaseInstall]`.
fn phase_change(head: &Head<'_>, anchor: &Anchor<'_>, report: &mut Report<'_>) -> bool {
    let Some(rest) = scan::after(head.message, b"Setup phase change: [") else {
        return false;
    };
    let mut event = report.begin(anchor, Phase::Install, EventResult::Info);
    event.source = text(head.source).into();
    event.start_state = text(scan::before(rest, b"]"));
    if let Some(target) = scan::after(rest, b"-> [") {
        event.target_state = text(scan::before(target, b"]"));
    }
    report.tell(event);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_setup_reports_of_its_run_is_the_verdict() {
        let code = |line: &str| Head::read(line.as_bytes()).as_ref().and_then(verdict);
        let told = |text: &str| code(&format!("2023-03-06 08:20:07, {text}"));
        let reported = "Info  MOUPG  SetupHost: Reporting error event -> [0x80070032, 0x50013]";
        assert_eq!(told(reported), Some(0x8007_0032));
        let called_off = "Info MOUPG  SetupHost: Reporting error event -> [0x800704D3, 0x800704C7]";
        assert_eq!(told(called_off), Some(0x8007_04c7));
        let whole = "Error MOUPG  CSetupHost::Execute(433): Result = 0x80070032";
        assert_eq!(told(whole), Some(0x8007_0032));
        for lived_with in [
            "Error MOUPG  CSetupHost::InitializeSettings(1606): Result = 0x80072EE7",
            "Info  MOUPG  SetupHost: Reporting error event -> [0x0, 0x0]",
            "Info  MOUPG  Finalize: Reporting result value: [0xC1900108]",
        ] {
            assert_eq!(told(lived_with), None, "{lived_with}");
        }
    }
}
