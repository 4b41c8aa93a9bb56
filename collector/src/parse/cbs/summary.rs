//! The block that a detection or repair run prints at its end: a row for every
//! damage and totals. Windows 8 prints it as one record of many lines, Windows
//! 10 with a head on every line.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase};

use super::super::report::{Report, add_evidence, put, text};
use super::super::scan;
use super::super::split::Line;
use super::CbsGrammar;

impl CbsGrammar {
    /// A line of the block: with a head of its own, or (`Some`) as a
    /// continuation.
    pub(super) fn summary_line(
        &mut self,
        message: &[u8],
        row: Option<&Line<'_>>,
        report: &mut Report<'_>,
    ) -> bool {
        if let Some(cells) = message.strip_prefix(b"(p)") {
            return self.damage_row(cells, row, report);
        }
        if message.starts_with(b"Checking System Update Readiness") {
            self.close_summary(report);
            return true;
        }
        if message.starts_with(b"Summary:") {
            self.close_summary(report);
            self.open_summary(row, report);
            return true;
        }
        let Some((name, value)) = split_total(message).filter(|(name, _)| is_total(name)) else {
            return false;
        };
        if self.summary.is_none() {
            if !name.starts_with(b"Operation") && !name.starts_with(b"Total") {
                return false;
            }
            self.open_summary(row, report);
        }
        if let Some(summary) = &mut self.summary {
            summary.enrich(|event| {
                read_total(event, name, value);
                add_evidence(event, message);
            });
        }
        if name == b"Total Operation Time" {
            self.close_summary(report);
        }
        true
    }

    /// `Repair failed: Missing replacement payload.` after a row of Windows 8.
    pub(super) fn row_reason(&mut self, text_line: &[u8]) -> bool {
        let Some(reason) = text_line.strip_prefix(b"Repair failed: ") else {
            return false;
        };
        if let Some(row) = &mut self.row {
            let reason = text(reason.strip_suffix(b".").unwrap_or(reason));
            row.enrich(|event| put(event, "reason", reason));
        }
        true
    }

    pub(super) fn close_row(&mut self, report: &mut Report<'_>) {
        if let Some(row) = self.row.take() {
            row.close(report);
        }
    }

    pub(super) fn close_summary(&mut self, report: &mut Report<'_>) {
        self.close_row(report);
        if let Some(summary) = self.summary.take()
            && is_worth_telling(&summary.event)
        {
            summary.close(report);
        }
    }

    fn open_summary(&mut self, row: Option<&Line<'_>>, report: &mut Report<'_>) {
        self.close_row(report);
        let anchor = match row {
            Some(line) => self.record.row_anchor(line),
            None => self.record.anchor(),
        };
        let (phase, result) = (Phase::CorruptionDetect, EventResult::Summary);
        let event = report.begin_by("CBS", &anchor, phase, result);
        self.summary = Some(self.open(event));
    }

    /// `(p) TAB Kind TAB mark TAB [(Fixed)] TAB name`.
    fn damage_row(
        &mut self,
        cells: &[u8],
        row: Option<&Line<'_>>,
        report: &mut Report<'_>,
    ) -> bool {
        let Some(damage) = Damage::read(cells) else {
            return false;
        };
        self.close_row(report);
        let anchor = match row {
            Some(line) => self.record.row_anchor(line),
            None => self.record.anchor(),
        };
        let (phase, result) = if damage.fixed {
            (Phase::CorruptionRepair, EventResult::Repaired)
        } else {
            (Phase::CorruptionDetect, EventResult::CorruptUnrepaired)
        };
        let mut event = report.begin_by("CBS", &anchor, phase, result);
        damage.describe(&mut event);
        self.row = Some(self.open(event));
        true
    }
}

/// Whether a block of totals says anything.
pub(super) fn is_worth_telling(event: &UpdateEvent) -> bool {
    event.result != EventResult::Summary
        || event.operation_result.is_some()
        || event.corruptions_detected.is_some()
}

/// Words that end a row's kind.
const DAMAGES: [&[u8]; 4] = [b"Corrupt", b"Missing", b"Mismatch", b"Invalid"];

/// A row, taken apart.
struct Damage<'a> {
    kind: &'a [u8],
    mark: &'a [u8],
    fixed: bool,
    name: &'a [u8],
}

impl<'a> Damage<'a> {
    /// Reads tabs, or the blanks that a paste made of them.
    fn read(cells: &'a [u8]) -> Option<Self> {
        let cells = cells.trim_ascii();
        let end = memchr::memchr3_iter(b'C', b'M', b'I', cells).find_map(|at| {
            let word = DAMAGES.iter().find(|word| cells[at..].starts_with(word))?;
            Some(at + word.len())
        })?;
        let (kind, mut rest) = cells.split_at(end);
        let mut damage = Self {
            kind,
            mark: b"",
            fixed: false,
            name: b"",
        };
        loop {
            rest = rest.trim_ascii_start();
            if *rest.first()? != b'(' {
                break;
            }
            let cell = scan::lead(rest, |byte| byte != b'\t' && byte != b' ');
            match cell {
                b"(Fixed)" | b"(fixed)" | b"(fix)" => damage.fixed = true,
                [b'(', mark @ .., b')'] if mark.len() == 1 => damage.mark = mark,
                _ => break,
            }
            rest = &rest[cell.len()..];
        }
        damage.name = scan::before(rest, b"\t").trim_ascii_end();
        Some(damage)
    }

    fn describe(&self, event: &mut UpdateEvent) {
        event.mark = text(self.mark);
        let mut words = self.kind.split(u8::is_ascii_whitespace).skip(1);
        if let Some(word) = words.find(|word| !word.is_empty()) {
            put(event, "corruption_kind", text(word).to_ascii_lowercase());
        }
        if memchr::memchr(b'~', self.name).is_some() {
            event.package = text(self.name);
            event.kb = scan::kb(self.name).unwrap_or_default();
        } else if let Some(at) = memchr::memchr(b'\\', self.name) {
            event.component = text(&self.name[..at]);
            event.file = text(&self.name[at + 1..]);
        } else {
            event.component = text(self.name);
        }
    }
}

/// Name and value of a line of the block, by their colon; names begin with few
/// letters.
fn split_total(message: &[u8]) -> Option<(&[u8], &[u8])> {
    if !matches!(message.first(), Some(b'C' | b'L' | b'O' | b'T')) {
        return None;
    }
    let colon = scan::place(message, b':')?;
    Some((&message[..colon], message[colon + 1..].trim_ascii()))
}

/// Names of the block's lines.
fn is_total(name: &[u8]) -> bool {
    matches!(
        name,
        b"Operation"
            | b"Operation result"
            | b"Last Successful Step"
            | b"Total Detected Corruption"
            | b"Total Repaired Corruption"
            | b"Total Operation Time"
            | b"CSI Store Metadata refreshed"
    ) || (name.starts_with(b"CBS ") || name.starts_with(b"CSI "))
        && (name.ends_with(b" Corruption") || name.ends_with(b" Repaired"))
}

fn read_total(event: &mut UpdateEvent, name: &[u8], value: &[u8]) {
    match name {
        b"Operation" => {
            event.operation = text(value);
            event.phase = if scan::contains(value, b"Repair") {
                Phase::CorruptionRepair
            } else {
                Phase::CorruptionDetect
            };
        }
        b"Operation result" => event.operation_result = scan::code(value),
        b"Total Detected Corruption" => event.corruptions_detected = scan::number(value),
        b"Total Repaired Corruption" => event.repaired = scan::number(value),
        b"Total Operation Time" => event.duration_s = scan::number(value),
        _ if name.ends_with(b" Corruption") && scan::number(value).is_some_and(|n| n > 0) => {
            let name = text(&name[..name.len() - b" Corruption".len()]);
            let name = name.to_ascii_lowercase().replace(' ', "_");
            put(event, name, text(value));
        }
        _ => {}
    }
    health(event).clone_into(&mut event.health);
}

/// What the totals say about the store. A run that failed before it counted
/// says nothing.
fn health(event: &UpdateEvent) -> &'static str {
    let Some(detected) = event.corruptions_detected else {
        return "";
    };
    let repaired = event.repaired.unwrap_or(0);
    let failed = event.operation_result.is_some_and(|code| code != 0);
    match (detected, failed) {
        (0, true) => "unknown",
        (0, false) => "healthy",
        _ if repaired >= detected => "repaired",
        _ => "corrupt",
    }
}
