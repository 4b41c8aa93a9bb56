//! Grammar of dism.log: what was asked of DISM and how it ended.
//!
//! One failure climbs up the call stack and is told five to seven times, in
//! four spellings of its code: it is one event of the run. Several runs may
//! write into the log at a time.

mod asked;
mod failure;
mod runs;
#[cfg(test)]
mod told;

use kbwatch_proto::event::{MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::words::{EventResult, Phase};

use self::runs::{Runs, Writer};
use super::mask::clip;
use super::panther::{Head, Level};
use super::report::{Anchor, Report, put, text};
use super::scan;
use super::split::Line;

/// State of reading one dism.log.
#[derive(Default)]
pub(crate) struct DismGrammar {
    head: Vec<u8>,
    start: (u64, u64),
    ordinal: u64,
    runs: Runs,
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
        for run in self.runs.iter_mut() {
            if let Some(failure) = &mut run.failure {
                failure.tell_so_far(report);
            }
        }
    }

    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        for run in self.runs.iter_mut() {
            if let Some(failure) = run.take_failure() {
                failure.close(report);
            }
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        let open = self.runs.iter().filter_map(|run| run.failure.as_ref());
        open.map(|failure| failure.start).min()
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.runs).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.runs = serde_json::from_value(memory).unwrap_or_default();
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
        let writer = Writer::of(head.message);
        self.runs.note(writer, head.message);
        if let Some(said) = said_of_run(head.message) {
            if let Some(command) = said.strip_prefix(b"Executing command line: ") {
                self.asked(command, head, report);
                return true;
            }
            if let Some(version) = said.strip_prefix(b"Host machine information: OS Version=") {
                self.runs.of(writer, head).os_version = text(scan::before(version, b","));
                return true;
            }
            if let Some(version) = said.strip_prefix(b"Target image information: OS Version=") {
                self.image(version, head, report);
                return true;
            }
            if let Some(marker) = scan::after(said, b"<----- ") {
                self.marker(marker, head, report);
                return true;
            }
            if let Some(call) = said.strip_prefix(b"Enter Dism") {
                self.called(call, head, report);
                return true;
            }
        }
        self.failing_line(writer, head, report)
    }

    /// `<----- Starting Dism.exe session ----->`, `<----- Ending …`.
    fn marker(&mut self, marker: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        // What still climbs is told by its run; only its repeats are to come.
        self.close(report);
        let writer = Writer::of(head.message);
        if marker.starts_with(b"Ending") {
            self.runs.end(writer);
        } else {
            self.runs.begin(writer, head);
        }
    }

    /// The command line of a run.
    fn asked(&mut self, command: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let lower = command.to_ascii_lowercase();
        let (phase, operation) =
            asked::of_command(&lower).unwrap_or((Phase::Service, String::new()));
        let feature = asked::option(command, &lower, b"/featurename:")
            .or_else(|| asked::option(command, &lower, b"/capabilityname:"))
            .unwrap_or_default();
        let kb = scan::kb(command).unwrap_or_default();
        let run = self.runs.of(Writer::of(head.message), head);
        if let Some(failure) = run.take_failure() {
            failure.close(report);
        }
        run.begin_operation();
        phase.as_str().clone_into(&mut run.phase);
        run.operation.clone_from(&operation);
        run.feature = short(&feature);
        run.kb.clone_from(&kb);
        let os_version = run.os_version.clone();
        let mut event = self.begin(head, report, phase, EventResult::Start);
        event.operation = operation;
        event.kb = kb;
        put(&mut event, "command", text(command));
        put(&mut event, "feature", feature);
        put(&mut event, "os_version", os_version);
        let source = asked::option(command, &lower, b"/source:");
        put(&mut event, "source_path", source.unwrap_or_default());
        report.tell(event);
    }

    /// `Enter DismRestoreImageHealthInternal`: what a program asked of the
    /// library that does DISM's work.
    fn called(&mut self, call: &[u8], head: &Head<'_>, report: &mut Report<'_>) {
        let name = scan::lead(call, |byte| byte.is_ascii_alphanumeric());
        let name = name.strip_suffix(b"Internal").unwrap_or(name);
        let Some(phase) = asked::of_call(name) else {
            return;
        };
        let run = self.runs.of(Writer::of(head.message), head);
        if let Some(failure) = run.take_failure() {
            failure.close(report);
        }
        run.begin_operation();
        phase.as_str().clone_into(&mut run.phase);
        run.operation = short(&text(name));
        run.feature.clear();
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
}

/// Cut to what memory holds of it.
fn short(text: &str) -> String {
    clip(text.to_owned(), MAX_TEXT_LEN)
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
