//! Grammar of dism.log: what was asked of DISM and how it ended.
//!
//! One failure climbs up the call stack and is told five to seven times, in
//! four spellings of its code: it is one event of the run.

mod asked;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};
use serde::{Deserialize, Serialize};

use super::outcome;
use super::panther::{Head, Level};
use super::pending::Pending;
use super::report::{Anchor, Report, put, text};
use super::scan;
use super::split::Line;

/// Codes of probes that fail on healthy machines.
const NOISE: [u32; 3] = [0x8007_007e, 0xc142_011c, 0x800f_080c];

/// What the current run was asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Run {
    /// Word of the phase; empty while unknown.
    phase: String,
    operation: String,
    feature: String,
    kb: String,
    os_version: String,
    /// Code of the failure that this run was already told to have.
    told: Option<u32>,
}

/// State of reading one dism.log.
#[derive(Default)]
pub(crate) struct DismGrammar {
    head: Vec<u8>,
    start: (u64, u64),
    ordinal: u64,
    /// Failure of the run, while it climbs.
    failure: Option<Pending>,
    run: Run,
}

impl DismGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let Some(head) = Head::read(line.text).or_else(|| bare_head(line.text)) else {
            return;
        };
        report.counts.records += 1;
        self.ordinal += 1;
        self.start = (line.offset, line.number);
        self.head.clear();
        self.head.extend_from_slice(line.text);
        let known = match head.source {
            b"DISM" => self.message(&head, report) || is_ordinary(head.message),
            // What servicing adds here stands in its own log.
            b"CBS" | b"CSI" | b"DPX" | b"SXS" => true,
            _ => false,
        };
        if !known {
            report.counts.unknown += 1;
        }
    }

    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        if let Some(failure) = &mut self.failure {
            failure.tell_so_far(report);
        }
    }

    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        if let Some(failure) = self.failure.take() {
            self.run.told = failure.event.hresult;
            failure.close(report);
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        self.failure.as_ref().map(|failure| failure.start)
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.run).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.run = serde_json::from_value(memory).unwrap_or_default();
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
            printed_at_ms: head.printed_at_ms,
        };
        let mut event = report.begin(&anchor, phase, result);
        event.source = "DISM".into();
        event
    }

    fn message(&mut self, head: &Head<'_>, report: &mut Report<'_>) -> bool {
        if let Some(said) = said_of_run(head.message) {
            if let Some(command) = said.strip_prefix(b"Executing command line: ") {
                self.asked(command, head, report);
                return true;
            }
            if let Some(version) = said.strip_prefix(b"Host machine information: OS Version=") {
                self.run.os_version = text(scan::before(version, b","));
                return true;
            }
            if let Some(version) = said.strip_prefix(b"Target image information: OS Version=") {
                self.image(version, head, report);
                return true;
            }
            if scan::contains(said, b"<----- ") {
                self.close(report);
                self.run = Run::default();
                return true;
            }
            if let Some(call) = said.strip_prefix(b"Enter Dism") {
                self.called(call, report);
                return true;
            }
        }
        let Some(code) = failure_code(head) else {
            return false;
        };
        report.counts.note_code(Some(code), true);
        if NOISE.contains(&code) {
            if report.with_noise {
                let mut event = self.begin(head, report, Phase::Service, EventResult::Info);
                event.hresult = Some(code);
                event.noise = true;
                report.tell(event);
            }
            return true;
        }
        self.failed(code, head, report);
        true
    }

    /// The command line of a run.
    fn asked(&mut self, command: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        self.close(report);
        self.run.told = None;
        let lower = command.to_ascii_lowercase();
        let (phase, operation) =
            asked::of_command(&lower).unwrap_or((Phase::Service, String::new()));
        phase.as_str().clone_into(&mut self.run.phase);
        self.run.operation = operation;
        self.run.feature = asked::option(command, &lower, b"/featurename:")
            .or_else(|| asked::option(command, &lower, b"/capabilityname:"))
            .unwrap_or_default();
        self.run.kb = scan::kb(command).unwrap_or_default();
        let mut event = self.begin(head, report, phase, EventResult::Start);
        event.operation.clone_from(&self.run.operation);
        event.kb.clone_from(&self.run.kb);
        put(&mut event, "command", text(command));
        put(&mut event, "feature", self.run.feature.clone());
        put(&mut event, "os_version", self.run.os_version.clone());
        let source = asked::option(command, &lower, b"/source:");
        put(&mut event, "source_path", source.unwrap_or_default());
        report.tell(event);
    }

    /// `Enter DismRestoreImageHealthInternal`: what a program asked of the
    /// library that does DISM's work.
    fn called(&mut self, call: &[u8], report: &mut Report<'_>) {
        let name = scan::lead(call, |byte| byte.is_ascii_alphanumeric());
        let name = name.strip_suffix(b"Internal").unwrap_or(name);
        let Some(phase) = asked::of_call(name) else {
            return;
        };
        self.close(report);
        self.run.told = None;
        phase.as_str().clone_into(&mut self.run.phase);
        self.run.operation = text(name);
        self.run.feature.clear();
    }

    /// `OS Version=10.0.17763.3770, Image architecture=amd64`: the one place
    /// where dism.log names the patch level.
    fn image(&mut self, version: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let mut event = self.begin(head, report, Phase::Inventory, EventResult::Info);
        let number = text(scan::before(version, b","));
        put(
            &mut event,
            "os_build",
            number.strip_prefix("10.0.").unwrap_or(&number).to_owned(),
        );
        if let Some(arch) = scan::after(version, b"architecture=") {
            event.arch = text(scan::lead(arch, |byte| byte.is_ascii_alphanumeric()));
        }
        report.tell(event);
    }

    /// A line with a code: opens the run's failure, or tells it again.
    fn failed(&mut self, code: u32, head: &Head<'_>, report: &mut Report<'_>) {
        let method = asked::phase_of_method(head.message);
        if let Some(failure) = &mut self.failure {
            if failure.event.hresult == Some(code) {
                if let Some((phase, operation)) = method
                    && self.run.phase.is_empty()
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
            self.close(report);
        }
        if self.run.told == Some(code) {
            return;
        }
        let phase = self.run.phase.parse().ok();
        let phase = phase.or(method.as_ref().map(|(phase, _)| *phase));
        let phase = phase.unwrap_or(Phase::Service);
        let result = match outcome::of_code(code) {
            EventResult::Fail if scan::contains(head.message, b"AddSource") => EventResult::Warn,
            EventResult::Fail if is_harmless(phase, code) => EventResult::Warn,
            result => result,
        };
        let mut event = self.begin(head, report, phase, result);
        event.hresult = Some(code);
        event.operation = match method {
            Some((_, operation)) if self.run.operation.is_empty() => operation,
            _ => self.run.operation.clone(),
        };
        event.kb.clone_from(&self.run.kb);
        put(&mut event, "feature", self.run.feature.clone());
        self.failure = Some(Pending::open(event, self.start, self.ordinal));
    }
}

/// Whether a record is a step of a provider, of the session or of the library:
/// they fill the log and say nothing by themselves.
fn is_ordinary(message: &[u8]) -> bool {
    let starts = [
        &b"DISM"[..],
        b"PID=",
        b"API: ",
        b"Initialized ",
        b"Scratch ",
    ];
    message.is_empty() || starts.iter().any(|start| message.starts_with(start))
}

/// A record that lost its head, as excerpts in articles do: its provider and
/// process remain.
fn bare_head(line: &[u8]) -> Option<Head<'_>> {
    let message = line.trim_ascii();
    is_bare(message).then_some(Head {
        printed_at_ms: None,
        level: Level::Error,
        source: b"DISM",
        message,
    })
}

/// Whether a line is a record without its head: `DISM Package Manager: PID=…`.
pub(crate) fn is_bare(line: &[u8]) -> bool {
    line.starts_with(b"DISM ") && scan::contains(line, b": PID=")
}

/// What a run says of itself: the command, or a program that uses the library.
fn said_of_run(message: &[u8]) -> Option<&[u8]> {
    if let Some(said) = message.strip_prefix(b"DISM.EXE: ") {
        return Some(said);
    }
    let rest = message.strip_prefix(b"API: PID=")?;
    let rest = scan::after(rest, b" TID=")?;
    let said = rest[scan::lead(rest, |byte| byte.is_ascii_digit()).len()..].trim_ascii_start();
    Some(said.strip_prefix(b"DismApi.dll: ").unwrap_or(said))
}

/// Whether a failed step harms nothing: a question that found no answer, or
/// work that is not known, unless servicing itself says what went wrong.
fn is_harmless(phase: Phase, code: u32) -> bool {
    phase == Phase::Inventory || phase == Phase::Service && code & 0xffff_0000 != 0x800f_0000
}

/// Code of a failing line, in any of the four spellings; lines below `Error`
/// count only where they carry a servicing result.
fn failure_code(head: &Head<'_>) -> Option<u32> {
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
