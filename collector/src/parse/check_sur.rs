//! Grammar of CheckSUR.log, which the System Update Readiness Tool writes on
//! Windows 7 and Server 2008 R2.
//!
//! A run has a head with its wall clock, a row for every damage, `(f)` when it
//! is found and `(fix)` when it is mended, and totals. A row that is mended is
//! one finding.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};
use serde::{Deserialize, Serialize};

use super::pending::Pending;
use super::report::{Anchor, Report, add_evidence, put, text};
use super::split::Line;
use super::{scan, time};

/// Most rows that wait for word of their repair.
const MAX_OPEN: usize = 64;

/// What is known of the run that is being read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Run {
    /// The line with the wall clock: part of every row's identity.
    stamp: String,
    printed_at_ms: Option<i64>,
}

/// State of reading one CheckSUR.log.
#[derive(Default)]
pub(crate) struct CheckSurGrammar {
    run: Run,
    ordinal: u64,
    rows: Vec<Pending>,
    totals: Option<Pending>,
}

/// Whether a line begins a run as this tool does.
pub(crate) fn is_head(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let row = |mark: &[u8]| {
        line.strip_prefix(mark).is_some_and(|rest| {
            let pasted = rest.strip_prefix(b" ").unwrap_or_default();
            rest.starts_with(b"\t") || pasted.starts_with(b"CBS ") || pasted.starts_with(b"CSI ")
        })
    };
    line.starts_with(b"Binary Version ")
        || line.starts_with(b"Checking Windows Servicing Packages")
        || row(b"(f)")
        || row(b"(fix)")
}

impl CheckSurGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let said = line.text.trim_ascii();
        if said.is_empty() {
            return;
        }
        report.counts.records += 1;
        self.ordinal += 1;
        let known = self.head(said)
            || self.row(said, line, report)
            || self.total(said, line, report)
            || is_filler(said);
        if !known {
            report.counts.unknown += 1;
        }
    }

    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        for open in self.rows.iter_mut().chain(&mut self.totals) {
            open.tell_so_far(report);
        }
    }

    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        for open in self.rows.drain(..).chain(self.totals.take()) {
            open.close(report);
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        let open = self.rows.iter().chain(&self.totals);
        open.map(|pending| pending.start).min()
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.run).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.run = serde_json::from_value(memory).unwrap_or_default();
    }

    /// `2015-01-02 10:11`, on a line of its own.
    fn head(&mut self, said: &[u8]) -> bool {
        let stamp = String::from_utf8_lossy(said);
        let Some(ms) = time::minute_instant(&stamp) else {
            return false;
        };
        self.run = Run {
            stamp: stamp.into_owned(),
            printed_at_ms: Some(ms),
        };
        true
    }

    fn begin(
        &self,
        line: &Line<'_>,
        report: &Report<'_>,
        phase: Phase,
        result: EventResult,
    ) -> UpdateEvent {
        let anchor = Anchor {
            head: self.run.stamp.as_bytes(),
            row: line.text,
            number: line.number,
            printed_at_ms: self.run.printed_at_ms,
        };
        let mut event = report.begin(&anchor, phase, result);
        event.source = "CheckSUR".into();
        event
    }

    /// `(f) TAB Kind TAB 0xCODE TAB path TAB …` and `(fix) TAB Kind TAB action
    /// TAB path …`.
    fn row(&mut self, said: &[u8], line: &Line<'_>, report: &mut Report<'_>) -> bool {
        let (mark, kind, rest) = cells_of(said);
        match mark {
            b"(f)" => {
                let mut event = self.begin(
                    line,
                    report,
                    Phase::CorruptionDetect,
                    EventResult::CorruptUnrepaired,
                );
                describe(&mut event, kind, &rest);
                self.keep(event, line, report);
            }
            b"(fix)" => self.mended(kind, &rest, line, report),
            b"(w)" => {}
            _ => return false,
        }
        true
    }

    fn keep(&mut self, event: UpdateEvent, line: &Line<'_>, report: &mut Report<'_>) {
        if self.rows.len() == MAX_OPEN {
            self.rows.remove(0).close(report);
        }
        let start = (line.offset, line.number);
        self.rows.push(Pending::open(event, start, self.ordinal));
    }

    fn mended(&mut self, kind: &[u8], cells: &[&[u8]], line: &Line<'_>, report: &mut Report<'_>) {
        let mut fresh = self.begin(line, report, Phase::CorruptionRepair, EventResult::Repaired);
        describe(&mut fresh, kind, cells);
        let same = |event: &UpdateEvent| {
            (&event.component, &event.file, &event.package)
                == (&fresh.component, &fresh.file, &fresh.package)
        };
        let Some(at) = self.rows.iter().position(|row| same(&row.event)) else {
            report.tell(fresh);
            return;
        };
        let mut row = self.rows.remove(at);
        row.enrich(|event| {
            event.phase = Phase::CorruptionRepair;
            event.result = EventResult::Repaired;
            event.repaired = Some(1);
            add_evidence(event, line.text.trim_ascii());
        });
        row.close(report);
    }

    /// `Seconds executed: 211`, `Found 6 errors`, `Fixed 4 errors`.
    fn total(&mut self, said: &[u8], line: &Line<'_>, report: &mut Report<'_>) -> bool {
        if said.starts_with(b"Summary:") {
            self.close(report);
            return true;
        }
        let count = |before: &[u8], after: &[u8]| {
            let rest = said.strip_prefix(before)?;
            scan::contains(rest, after)
                .then(|| scan::number(rest))
                .flatten()
        };
        let found = count(b"Found ", b"error")
            .or_else(|| said.starts_with(b"No errors detected").then_some(0));
        let fixed = count(b"Fixed ", b"error");
        let seconds = count(b"Seconds executed: ", b"");
        if found.is_none() && fixed.is_none() && seconds.is_none() {
            return false;
        }
        if self.totals.is_none() {
            let event = self.begin(line, report, Phase::CorruptionDetect, EventResult::Summary);
            let start = (line.offset, line.number);
            self.totals = Some(Pending::open(event, start, self.ordinal));
        }
        if let Some(totals) = &mut self.totals {
            totals.enrich(|event| {
                event.corruptions_detected = found.or(event.corruptions_detected);
                event.duration_s = seconds.or(event.duration_s);
                if fixed.is_some() {
                    event.repaired = fixed;
                    event.phase = Phase::CorruptionRepair;
                }
                health(event).clone_into(&mut event.health);
                if event.position != line.number {
                    add_evidence(event, said);
                }
            });
        }
        true
    }
}

/// Mark, kind and further cells of a row. In pastes blanks take the place of
/// tabs: then a kind is three words, and every further word a cell.
fn cells_of(said: &[u8]) -> (&[u8], &[u8], Vec<&[u8]>) {
    let by_tabs = memchr::memchr(b'\t', said).is_some();
    let (mark, rest) = said.split_at(scan::lead(said, |byte| !byte.is_ascii_whitespace()).len());
    let rest = rest.trim_ascii_start();
    let mut blanks = memchr::memchr_iter(b' ', rest);
    let end = if by_tabs {
        memchr::memchr(b'\t', rest)
    } else {
        blanks.nth(2)
    };
    let (kind, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let ends = |byte: &u8| *byte == b'\t' || !by_tabs && *byte == b' ';
    let cells = rest.split(ends).map(<[u8]>::trim_ascii);
    (mark, kind, cells.filter(|cell| !cell.is_empty()).collect())
}

fn health(event: &UpdateEvent) -> &'static str {
    match (event.corruptions_detected, event.repaired.unwrap_or(0)) {
        (None, _) => "",
        (Some(0), _) => "healthy",
        (Some(found), fixed) if fixed >= found => "repaired",
        _ => "corrupt",
    }
}

/// What a row names: a package's manifest, or a component and perhaps a file.
fn describe(event: &mut UpdateEvent, kind: &[u8], cells: &[&[u8]]) {
    put(event, "corruption_kind", text(kind).to_ascii_lowercase());
    let code = cells.first().copied().unwrap_or_default();
    if code.starts_with(b"0x") {
        event.hresult = scan::hex_code(code).filter(|code| *code != 0);
    }
    for cell in cells {
        let path = scan::before(scan::before(cell, b" from Cabinet: "), b" From: ");
        let path = path.strip_prefix(b"File: ").unwrap_or(path);
        let name = path.rsplit(|byte| *byte == b'\\').next().unwrap_or(path);
        let name = text(name);
        let stem = [".manifest", ".mum", ".cat"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(&name);
        if name.contains('~') && event.package.is_empty() {
            stem.clone_into(&mut event.package);
            event.kb = scan::kb(stem.as_bytes()).unwrap_or_default();
        } else if is_component(stem) && event.component.is_empty() {
            stem.clone_into(&mut event.component);
        } else if is_file(&name) && !name.contains('~') && event.file.is_empty() {
            event.file = name;
        }
    }
}

fn is_component(name: &str) -> bool {
    let arch = ["amd64_", "x86_", "wow64_", "msil_", "ia64_"];
    arch.iter().any(|start| name.starts_with(start)) && name.matches('_').count() >= 4
}

fn is_file(name: &str) -> bool {
    let Some((stem, end)) = name.rsplit_once('.') else {
        return false;
    };
    !stem.is_empty() && (1..=6).contains(&end.len()) && !name.contains(' ')
}

/// Lines that name a step or a list.
fn is_filler(said: &[u8]) -> bool {
    let starts = [
        &b"Checking "[..],
        b"Binary Version",
        b"Package Version",
        b"=====",
        b"Unavailable repair files",
        b"Customer Experience report",
        b"Fixed:",
        b"CSI ",
        b"CBS ",
        b"servicing\\",
        b"winsxs\\",
    ];
    starts.iter().any(|start| said.starts_with(start))
}
