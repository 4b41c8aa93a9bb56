//! Reads Windows update logs: bytes go in at any cut, update events come out.
//!
//! Promises: no input panics; any cut of the input gives the same events; a
//! record that is read twice gives events with the same ids; memory does not
//! grow with the file; a line over 64 KiB is cut and counted.
//!
//! The path of a line: `split` cuts it out of the bytes, a grammar (`cbs`,
//! `dism` …) reads it and keeps what later lines may complete (`pending`),
//! `report` gives every event identity, masked evidence and, from `clock`,
//! its UTC time.

pub mod cabinet;
mod cbs;
mod check_sur;
mod checkpoint;
mod clock;
mod configmgr;
mod dism;
mod encoding;
mod event_log;
mod file;
mod grammar;
mod installed;
mod kind;
mod mask;
mod outcome;
mod panther;
mod pending;
mod rendered;
mod report;
mod scan;
mod setup;
mod setup_diag;
mod split;
mod time;
mod windows_update;

use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;
use serde::{Deserialize, Serialize};

pub use self::checkpoint::ParserCheckpoint;
pub(crate) use self::file::LogReading;
pub use self::file::{ParseFileError, ParsedFile, parse_event_log, parse_file};
pub use self::kind::{FileKind, UnknownKind};
pub(crate) use self::mask::{clip, mask};
pub(crate) use self::time::show as show_time;

use self::clock::OffsetClock;
use self::grammar::Grammar;
use self::report::{Report, log_name};
use self::split::{Line, Splitter};

/// Version of the grammars; stands in every event.
pub const PARSER_VERSION: u32 = 2;

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Device that wrote the log: part of every event's identity.
    pub device_id: String,
    /// Name of the log without its path; evidence only.
    pub log: String,
}

/// What a parser has read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ParseCounts {
    /// Lines (or elements) taken in.
    pub lines: u64,
    /// Lines over 64 KiB.
    pub cut_lines: u64,
    /// Records: lines with a head.
    pub records: u64,
    /// Records that no grammar made anything of.
    pub unknown: u64,
    /// Lines that begin no record and need no rule: further lines of a record
    /// that were read, and empty ones.
    #[serde(default)]
    pub further_lines: u64,
    /// Failing result codes that records end with.
    #[serde(default)]
    pub codes: u64,
    /// Those of them that no rule understood: neither as an event, nor as noise
    /// that healthy machines print too. A share that jumps means that a new
    /// Windows changed what it writes.
    #[serde(default)]
    pub unknown_codes: u64,
}

impl ParseCounts {
    /// Adds the counts of another file.
    pub fn add(&mut self, more: Self) {
        self.lines += more.lines;
        self.cut_lines += more.cut_lines;
        self.records += more.records;
        self.unknown += more.unknown;
        self.further_lines += more.further_lines;
        self.codes += more.codes;
        self.unknown_codes += more.unknown_codes;
    }

    /// Lines that no rule made anything of: records that nobody understood, and
    /// lines outside every record. In a format that nobody knows, all of them.
    pub fn unknown_lines(&self) -> u64 {
        let outside = self.lines.saturating_sub(self.records + self.further_lines);
        self.lines.min(self.unknown + outside)
    }

    /// What was counted since an earlier look.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            lines: self.lines.saturating_sub(earlier.lines),
            cut_lines: self.cut_lines.saturating_sub(earlier.cut_lines),
            records: self.records.saturating_sub(earlier.records),
            unknown: self.unknown.saturating_sub(earlier.unknown),
            further_lines: self.further_lines.saturating_sub(earlier.further_lines),
            codes: self.codes.saturating_sub(earlier.codes),
            unknown_codes: self.unknown_codes.saturating_sub(earlier.unknown_codes),
        }
    }

    /// Takes note of a record's failing code, and whether a rule knew it.
    fn note_code(&mut self, code: Option<u32>, is_known: bool) {
        if code.is_some_and(|code| code & 0x8000_0000 != 0) {
            self.codes += 1;
            self.unknown_codes += u64::from(!is_known);
        }
    }
}

/// Reads one log, in any cut.
pub struct TextParser {
    kind: FileKind,
    origin: Origin,
    /// Name of the log, for its events to share.
    log: Arc<str>,
    splitter: Splitter,
    grammar: Grammar,
    clock: OffsetClock,
    counts: ParseCounts,
    with_noise: bool,
}

impl TextParser {
    /// A parser at the start of a file. For the .evtx kinds, which are no
    /// text, it reads event XML.
    pub fn new(kind: FileKind, origin: Origin) -> Self {
        Self {
            kind,
            log: log_name(&origin.log),
            origin,
            splitter: Splitter::new(kind.unit(), 0, 1, None),
            grammar: Grammar::of(kind),
            clock: OffsetClock::default(),
            counts: ParseCounts::default(),
            with_noise: false,
        }
    }

    /// A parser that goes on at a checkpoint: feed it from there. A checkpoint
    /// whose context this code does not understand starts fresh at its offset.
    pub fn restore(kind: FileKind, origin: Origin, checkpoint: &ParserCheckpoint) -> Self {
        let mut parser = Self::new(kind, origin);
        let context = checkpoint.read(kind);
        let encoding = context.as_ref().and_then(|context| context.encoding);
        parser.splitter = Splitter::new(kind.unit(), checkpoint.offset, checkpoint.line, encoding);
        if let Some(context) = context {
            parser.clock = context.clock;
            parser.grammar.recall(context.memory);
        }
        parser
    }

    /// Also tells records that look like failure and are not, marked as noise.
    #[must_use]
    pub fn with_noise(mut self, with_noise: bool) -> Self {
        self.with_noise = with_noise;
        self
    }

    /// Says that the zone of the machine that wrote the log is known: where the
    /// log proves no offset, none is guessed.
    #[must_use]
    pub fn in_known_zone(mut self) -> Self {
        self.clock.guess_nothing();
        self
    }

    /// Says that this log follows an archive of this name: `CbsPersist_*` is
    /// named after the moment, in UTC, at which the next file began.
    pub fn follow_archive(&mut self, archive_name: &str) {
        self.clock.expect_start(time::archive_instant(archive_name));
    }

    /// Takes bytes in and appends the events that are complete.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<UpdateEvent>) {
        let (splitter, grammar, mut report) = self.parts(out);
        splitter.feed(bytes, &mut |line| read_line(grammar, line, &mut report));
        self.counts.cut_lines = self.splitter.cut_count();
    }

    /// Tells everything that waits for a later record: the log fell quiet. A
    /// line without its end still waits.
    pub fn settle(&mut self, out: &mut Vec<UpdateEvent>) {
        let (_, grammar, mut report) = self.parts(out);
        grammar.settle(&mut report);
    }

    /// Reads a last line without its end and tells everything: nothing follows.
    pub fn finish(&mut self, out: &mut Vec<UpdateEvent>) {
        let (splitter, grammar, mut report) = self.parts(out);
        splitter.flush(&mut |line| read_line(grammar, line, &mut report));
        grammar.close(&mut report);
        self.counts.cut_lines = self.splitter.cut_count();
    }

    /// Where to read again from after a restart, and what to remember.
    pub fn checkpoint(&self) -> ParserCheckpoint {
        let (offset, line) = self
            .grammar
            .open_since()
            .unwrap_or_else(|| self.splitter.position());
        ParserCheckpoint::write(
            (offset, line),
            self.kind,
            self.splitter.encoding(),
            &self.clock,
            self.grammar.memory(),
        )
    }

    /// Fills in UTC times of events of this log where an offset is known by
    /// now, backwards too.
    pub fn resolve_times(&self, events: &mut [UpdateEvent]) {
        for event in events {
            self.clock.resolve(event);
            event.rate_completeness();
        }
    }

    /// The offsets learned from the whole log, for another reading of it.
    fn into_clock(self) -> OffsetClock {
        self.clock
    }

    /// What was read so far, since `new` or `restore`.
    pub fn counts(&self) -> ParseCounts {
        self.counts
    }

    /// The kind of file that it reads.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    fn parts<'a>(
        &'a mut self,
        out: &'a mut Vec<UpdateEvent>,
    ) -> (&'a mut Splitter, &'a mut Grammar, Report<'a>) {
        let report = Report {
            origin: &self.origin,
            log: &self.log,
            source_kind: self.kind.source_kind(),
            clock: &mut self.clock,
            counts: &mut self.counts,
            with_noise: self.with_noise,
            out,
        };
        (&mut self.splitter, &mut self.grammar, report)
    }
}

fn read_line(grammar: &mut Grammar, line: &Line<'_>, report: &mut Report<'_>) {
    report.counts.lines += 1;
    let records = report.counts.records;
    grammar.line(line, report);
    if report.counts.records == records && line.text.trim_ascii().is_empty() {
        report.counts.further_lines += 1;
    }
}
