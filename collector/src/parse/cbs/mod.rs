//! Grammar of CBS.log: the log of component-based servicing.
//!
//! A record is a head line and continuation lines. Most facts stand in one
//! record; the others are joined here: a hash mismatch gets its component from
//! a later record, a verdict its reboot from the session's end, a repair run
//! its totals from a block of lines. Each file of this folder reads one family
//! of records.

mod driver;
mod hash;
mod head;
mod hydration;
mod instants;
mod memory;
mod noise;
mod open;
mod ordinary;
mod orphan;
mod package;
mod session;
mod sfc;
mod startup;
mod store;
mod summary;
#[cfg(test)]
mod told;
mod verdict;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use self::head::Csi;
use self::memory::Memory;
use self::open::push_open;
use super::clock::Trust;
use super::panther::Head;
use super::pending::Pending;
use super::report;
use super::report::{Anchor, Report};
use super::split::Line;
use super::time::LastStamp;

/// Records after which an open event no longer waits for a later one.
const PATIENCE: u64 = 256;

/// Most events of one family that are open at a time.
const MAX_OPEN: usize = 8;

/// The record that is being read.
#[derive(Default)]
struct Record {
    head: Vec<u8>,
    start: (u64, u64),
    printed_at_ms: Option<i64>,
    /// Number of the record since the parser started.
    ordinal: u64,
}

impl Record {
    fn anchor(&self) -> Anchor<'_> {
        Anchor {
            head: &self.head,
            row: b"",
            number: self.start.1,
            printed_at_ms: self.printed_at_ms,
        }
    }

    fn row_anchor<'a>(&'a self, line: &Line<'a>) -> Anchor<'a> {
        Anchor {
            row: line.text,
            number: line.number,
            ..self.anchor()
        }
    }
}

/// State of reading one CBS.log.
#[derive(Default)]
pub(crate) struct CbsGrammar {
    record: Record,
    stamp: LastStamp,
    /// Whether the record's result is still to come, on the next line.
    wrapped: bool,
    /// Hash mismatches that wait for hashes and component.
    damages: Vec<Pending>,
    /// What a failed hydration said before it named its component.
    delta: Option<Pending>,
    /// Component whose payload is being rebuilt.
    rebuilding: Option<Vec<u8>>,
    /// Block of totals that is being read.
    summary: Option<Pending>,
    /// Row of a repair run that may still get its reason.
    row: Option<Pending>,
    /// Verdicts that wait for their session's end.
    verdicts: Vec<Pending>,
    /// An execution that failed, until a verdict on its package says the same.
    orphan: Option<Pending>,
    /// Finding of the file checker that may still get its package.
    finding: Option<Pending>,
    /// Corrupt driver files that may still be repaired.
    drivers: Vec<Pending>,
    /// Number of the last record for which all that is open waits.
    patient_until: u64,
    memory: Memory,
}

impl CbsGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        if let Some(head) = Head::read_usual(&mut self.stamp, line.text) {
            self.head_line(&head, line, report);
        } else {
            self.unusual_line(line, report);
        }
    }

    #[inline(never)]
    fn unusual_line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        if let Some(head) = Head::read_after(&mut self.stamp, line.text) {
            self.head_line(&head, line, report);
        } else {
            self.continuation(line, report);
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "runs for every record")]
    fn head_line(&mut self, head: &Head<'_>, line: &Line<'_>, report: &mut Report<'_>) {
        report.counts.records += 1;
        self.record.head.clear();
        self.record.head.extend_from_slice(line.text);
        self.record.start = (line.offset, line.number);
        self.record.ordinal += 1;
        if self.record.printed_at_ms != head.printed_at_ms {
            self.memory.set_clock(head.printed_at_ms);
        }
        self.record.printed_at_ms = head.printed_at_ms;
        report.clock.note_head(line.number, head.printed_at_ms);
        if self.is_impatient() {
            self.lose_patience(report);
        }
        self.wrapped = head.message.ends_with(b"=") && head.message.ends_with(b"[HRESULT =");
        if !self.wrapped {
            self.dispatch(head, report);
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "runs for every record")]
    fn dispatch(&mut self, head: &Head<'_>, report: &mut Report<'_>) {
        let understood = match head.source {
            b"CBS" => self.cbs_message(head.message, report),
            b"CSI" => self.csi_record(head.message, report),
            b"DEPLOY" => self.driver_file(head.message, report),
            _ => false,
        };
        if !understood && !ordinary::is_ordinary(head.source, head.message) {
            report.counts.unknown += 1;
            let code = ordinary::stray_code(head.message);
            report.counts.note_code(code, false);
        }
        // Most records end with no code, or with that of success.
        if head.message.ends_with(b"]") {
            self.ledger(head, understood, report);
        }
    }

    /// The rest of a record whose result a paste put on a line of its own.
    #[inline(never)]
    fn unwrap_result(&mut self, text: &[u8], report: &mut Report<'_>) {
        self.wrapped = false;
        self.record.head.push(b' ');
        self.record.head.extend_from_slice(text);
        let whole = std::mem::take(&mut self.record.head);
        self.record.head.extend_from_slice(&whole);
        if let Some(head) = Head::read(&whole) {
            self.dispatch(&head, report);
        }
    }

    fn continuation(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let text = line.text.trim_ascii();
        if text.is_empty() {
            return;
        }
        if self.wrapped {
            self.unwrap_result(text, report);
            return;
        }
        let read = self.record.ordinal == 0 && self.headless(line, report)
            || self.hash_line(text)
            || self.summary_line(text, Some(line), report)
            || self.row_reason(text);
        report.counts.further_lines += u64::from(read);
    }

    #[cold]
    /// A line of an excerpt whose records lost their heads: the message alone.
    fn headless(&mut self, line: &Line<'_>, report: &mut Report<'_>) -> bool {
        let message = line.text.trim_ascii();
        let bullets = [&b"> "[..], b"- ", b"* "];
        let quoted = bullets.iter().find_map(|mark| message.strip_prefix(*mark));
        let message = quoted.unwrap_or(message);
        self.record.head.clear();
        self.record.head.extend_from_slice(line.text);
        self.record.start = (line.offset, line.number);
        self.cbs_message(message, report)
    }

    fn cbs_message(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        // Most records say nothing of updates, and their first letters tell.
        let Some(start) = message.first_chunk() else {
            return false;
        };
        match start {
            b"Exec" => self.exec_message(message, report) || self.execution_failed(message, report),
            b"Fail" if message.starts_with(b"Failed to ") => {
                self.store_message(message, report) || self.execution_failed(message, report)
            }
            b"Sess" | b"Asyn" => self.session_message(message, report),
            b"Star" | b"Shtd" | b"Sett" | b"Retr" | b"Prog" | b"Fail" => {
                self.startup_message(message, report)
            }
            b"Repo" | b"SQM:" => self.change_completion(message, report),
            b"Stor" | b"Mark" => self.store_message(message, report),
            b"Pack" => self.execution_failed(message, report),
            b"WER:" => self.failure_report(message, report),
            b"Arch" => self.archive_message(message, report),
            b"Tran" => self.transaction_message(message, report),
            b"The " => self.source_message(message, report),
            b"Inst" | b"INST" | b"Doqe" => self.driver_message(message, report),
            b"Univ" => self.universal_time(message, report),
            b"Summ"
            | b"Chec"
            | b"Oper"
            | b"Last"
            | b"Tota"
            | b"CBS "
            | b"CSI "
            | [b'(', b'p', b')', _] => self.summary_line(message, None, report),
            _ => false,
        }
    }

    #[inline(never)]
    fn csi_record(&mut self, text: &[u8], report: &mut Report<'_>) -> bool {
        let csi = Csi::read(text);
        report.observe(
            self.record.start.1,
            self.record.printed_at_ms,
            csi.utc_ms,
            (TimeSource::CsiStamp, Trust::Firm),
        );
        let message = csi.message;
        match message.first() {
            Some(b'H') => self.hash_message(message, report) || self.hydration(message, report),
            Some(b'W') => self.unrepairable_payload(message, report),
            Some(b'M') => self.manifest_hash(message, report),
            Some(b'[') => self.sfc_message(message, report),
            Some(b'R') => self.rebuild_message(message),
            Some(b'A' | b'C' | b'S') => self.detection_message(message, report),
            Some(b'F' | b'I') => self.driver_message(message, report),
            Some(b'T') => self.transaction_message(message, report),
            _ => self.delta_error(message, report),
        }
    }

    /// `Archived backup log: C:\Windows\Logs\CBS\CbsPersist_….cab.`
    fn archive_message(&self, message: &[u8], report: &mut Report<'_>) -> bool {
        let Some(path) = message.strip_prefix(b"Archived backup log: ") else {
            return false;
        };
        let mut event = self.begin(report, Phase::Maintenance, EventResult::LogRotated);
        event.file = report::text(path.strip_suffix(b".").unwrap_or(path));
        report.tell(event);
        true
    }

    fn begin(&self, report: &Report<'_>, phase: Phase, result: EventResult) -> UpdateEvent {
        report.begin_by("CBS", &self.record.anchor(), phase, result)
    }

    fn begin_csi(&self, report: &Report<'_>, phase: Phase, result: EventResult) -> UpdateEvent {
        report.begin_by("CSI", &self.record.anchor(), phase, result)
    }

    /// A new scan, operation or boot begins with the current record: what is
    /// found from now on was not told before.
    fn begin_scan(&mut self) {
        self.memory.begin_scan(&self.record.head);
    }

    #[inline]
    fn open(&self, event: UpdateEvent) -> Pending {
        Pending::open(event, self.record.start, self.record.ordinal).within(self.memory.scan)
    }
}
