//! Failures of a run: which lines tell one, and which of them harm.

use kbwatch_proto::words::{EventResult, Phase};

use super::runs::Writer;
use super::{DismGrammar, asked};
use crate::parse::outcome;
use crate::parse::panther::{Head, Level};
use crate::parse::pending::Pending;
use crate::parse::report::{Report, put};
use crate::parse::scan;

/// Codes of probes that fail on healthy machines.
const NOISE: [u32; 3] = [0x8007_007e, 0xc142_011c, 0x800f_080c];

impl DismGrammar {
    /// A line with a failing code; false where there is none.
    pub(super) fn failing_line(
        &mut self,
        writer: Writer,
        head: &Head<'_>,
        report: &mut Report<'_>,
    ) -> bool {
        let Some(code) = failed_code(head) else {
            return false;
        };
        report.counts.note_code(Some(code), true);
        if !NOISE.contains(&code) {
            self.failed(code, writer, head, report);
        } else if report.with_noise {
            let mut event = self.begin(head, report, Phase::Service, EventResult::Info);
            event.hresult = Some(code);
            event.noise = true;
            report.tell(event);
        }
        true
    }

    /// Opens the run's failure, or tells it again.
    fn failed(&mut self, code: u32, writer: Writer, head: &Head<'_>, report: &mut Report<'_>) {
        let method = asked::phase_of_method(head.message);
        let run = self.runs.of(writer, head);
        if let Some(failure) = &mut run.failure {
            if failure.event.hresult == Some(code) {
                if let Some((phase, operation)) = method
                    && run.phase.is_empty()
                {
                    failure.enrich(|event| {
                        if event.phase == Phase::Service && !is_harmless(phase, code) {
                            event.result = outcome::of_code(code);
                        }
                        event.phase = phase;
                        event.operation = operation;
                    });
                }
                return;
            }
            if let Some(failure) = run.take_failure() {
                failure.close(report);
            }
        }
        if run.was_told(code) {
            return;
        }
        let phase = run.phase.parse().ok();
        let phase = phase.or(method.as_ref().map(|(phase, _)| *phase));
        let phase = phase.unwrap_or(Phase::Service);
        let result = match outcome::of_code(code) {
            EventResult::Fail if scan::contains(head.message, b"AddSource") => EventResult::Warn,
            EventResult::Fail if is_harmless(phase, code) => EventResult::Warn,
            result => result,
        };
        let operation = match method {
            Some((_, operation)) if run.operation.is_empty() => operation,
            _ => run.operation.clone(),
        };
        let (kb, feature) = (run.kb.clone(), run.feature.clone());
        let mut event = self.begin(head, report, phase, result);
        event.hresult = Some(code);
        event.operation = operation;
        event.kb = kb;
        put(&mut event, "feature", feature);
        let opened = Pending::open(event, self.start, self.ordinal);
        self.runs.of(writer, head).failure = Some(opened);
    }
}

/// Whether a failed step harms nothing: a question that found no answer, or
/// work that is not known, unless servicing itself says what went wrong.
fn is_harmless(phase: Phase, code: u32) -> bool {
    phase == Phase::Inventory || phase == Phase::Service && code & 0xffff_0000 != 0x800f_0000
}

/// Code of a failing line, in any of the four spellings; lines below `Error`
/// count only where they carry a servicing result.
pub(super) fn failed_code(head: &Head<'_>) -> Option<u32> {
    let message = head.message;
    let servicing = scan::after(message, b"(CBS HRESULT=").and_then(scan::code);
    let code = servicing.or_else(|| {
        if head.level != Level::Error {
            return None;
        }
        memchr::memmem::rfind(message, b"(hr:")
            .map(|at| &message[at + 4..])
            .and_then(scan::code)
            .or_else(|| scan::after(message, b"HRESULT=").and_then(scan::hex_code))
    })?;
    (code & 0x8000_0000 != 0).then_some(code)
}
