//! Tells a file's kind from its first bytes.
//!
//! Kinds that look alike at first sight are told apart by their first few
//! hundred lines: many kinds of logs share one head of records.

use super::FileKind;
use crate::parse::cabinet::CABINET_MAGIC;
use crate::parse::panther::Head;
use crate::parse::{
    check_sur, configmgr, dism, encoding, installed, rendered, scan, setup_diag, windows_update,
};

const MOST_LINES: usize = 400;

pub(super) fn kind(head: &[u8], file_name: &str) -> Option<FileKind> {
    let name = file_name.to_ascii_lowercase();
    if head.starts_with(b"ElfFile\0") {
        return Some(evtx_kind(&name));
    }
    if head.starts_with(CABINET_MAGIC) {
        return Some(FileKind::CbsCab);
    }
    let text = encoding::to_utf8(head);
    let start = text.trim_ascii_start();
    if is_event_xml(start) {
        return Some(FileKind::EventXml);
    }
    if setup_diag::is_results(start) {
        return Some(FileKind::SetupDiag);
    }
    by_lines(&text, &name)
}

fn evtx_kind(name: &str) -> FileKind {
    if name.contains("operational") {
        FileKind::EvtxOperational
    } else if name.contains("setup") {
        FileKind::EvtxSetup
    } else {
        FileKind::EvtxSystem
    }
}

fn is_event_xml(start: &[u8]) -> bool {
    if start.starts_with(b"<Event ") || start.starts_with(b"<Event>") {
        return true;
    }
    let wrapped = start.starts_with(b"<?xml") || start.starts_with(b"<Events");
    wrapped && scan::contains(&start[..start.len().min(4096)], b"<Event")
}

/// Records by the column that says who wrote them.
#[derive(Default)]
struct Columns {
    cbs: usize,
    dism: usize,
    setup: usize,
    update_agent: usize,
    /// Records with a stamp and none of these writers.
    nameless: usize,
}

impl Columns {
    fn count(&mut self, source: &[u8]) {
        match source {
            b"CBS" | b"CSI" | b"DEPLOY" | b"DPX" | b"TI" => self.cbs += 1,
            b"DISM" => self.dism += 1,
            b"MOUPG" | b"SP" | b"MIG" | b"CONX" | b"IBS" | b"PANTHR" | b"IBSLIB" | b"SYSPRP"
            | b"MOSETUP" => self.setup += 1,
            b"UA" | b"UpdateAgent" | b"UUP" | b"EXP" => self.update_agent += 1,
            _ => self.nameless += 1,
        }
    }

    fn any(&self) -> bool {
        self.cbs + self.dism + self.setup + self.update_agent > 0
    }

    fn kind(&self, name: &str) -> Option<FileKind> {
        let setup = self.setup + self.update_agent;
        if setup > self.cbs && setup > self.dism {
            let agent = self.update_agent > 0 || name.contains("updateagent");
            let modern = agent || name.contains("mosetup") || name.contains("bluebox");
            return Some(if modern {
                FileKind::MoSetup
            } else {
                FileKind::Panther
            });
        }
        match (self.cbs, self.dism) {
            (0, 0) => None,
            (_, 0) => Some(FileKind::Cbs),
            (0, _) => Some(FileKind::Dism),
            (cbs, dism) if dism > cbs || (dism == cbs && name.contains("dism")) => {
                Some(FileKind::Dism)
            }
            _ => Some(FileKind::Cbs),
        }
    }
}

fn by_lines(text: &[u8], name: &str) -> Option<FileKind> {
    let mut columns = Columns::default();
    let mut others: Option<FileKind> = None;
    let mut weak: Option<FileKind> = None;
    for line in text.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let line = line.trim_ascii_end();
        if let Some(head) = Head::read(line) {
            columns.count(head.source);
            continue;
        }
        if columns.any() {
            continue;
        }
        if others.is_none() {
            others = of_line(line);
        }
        if weak.is_none() {
            weak = of_bare_line(line);
        }
        if matches!(
            others,
            Some(FileKind::WuDecoded | FileKind::WuLegacy | FileKind::ReportingEvents)
        ) {
            return others;
        }
    }
    if others == Some(FileKind::CheckSur) && columns.any() {
        return columns.kind(name);
    }
    others
        .or_else(|| columns.kind(name))
        .or_else(|| named_setup(text, name))
        // What only shares the head of records: programs that setup runs.
        .or_else(|| (columns.nameless > 1).then_some(FileKind::Panther))
        .or(weak)
}

/// Kind that a line gives away, if it is no record of the common head.
fn of_line(line: &[u8]) -> Option<FileKind> {
    if windows_update::legacy::Head::read(line).is_some() {
        return Some(FileKind::WuLegacy);
    }
    if windows_update::decoded::Head::read(line).is_some() {
        return Some(FileKind::WuDecoded);
    }
    if windows_update::reported::is_line(line) {
        return Some(FileKind::ReportingEvents);
    }
    if configmgr::is_line(line) {
        return Some(FileKind::ConfigMgr);
    }
    if check_sur::is_head(line) {
        return Some(FileKind::CheckSur);
    }
    rendered::kind_of_line(line).or_else(|| installed::kind_of_line(line))
}

/// Kind of an excerpt that lost the heads of its records.
fn of_bare_line(line: &[u8]) -> Option<FileKind> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"> ").unwrap_or(line);
    let starts = [
        &b"(p)"[..],
        b"Checking System Update Readiness",
        b"Startup: ",
        b"Shtd: ",
        b"Exec: ",
    ];
    let summary = starts.iter().any(|start| line.starts_with(start));
    let servicing = [
        &b"Exec: Processing "[..],
        b"WER: Generating failure report",
        b"SQM: Reporting ",
        b"Store corruption, manifest missing",
        b"[HRESULT = 0x8",
    ];
    if dism::is_bare(line) {
        return Some(FileKind::Dism);
    }
    if windows_update::legacy::Head::bare(line).is_some() {
        return Some(FileKind::WuLegacy);
    }
    let known = summary || servicing.iter().any(|mark| scan::contains(line, mark));
    known.then_some(FileKind::Cbs)
}

/// A setup log whose records name no writer.
fn named_setup(text: &[u8], name: &str) -> Option<FileKind> {
    let panther = name.starts_with("setupact") || name.starts_with("setuperr");
    let modern = name.starts_with("updateagent") || name.starts_with("bluebox");
    let record = text
        .split(|byte| *byte == b'\n')
        .take(MOST_LINES)
        .any(|line| Head::read(line.trim_ascii_end()).is_some());
    match (panther, modern) {
        (true, _) if record => Some(FileKind::Panther),
        (_, true) if record => Some(FileKind::MoSetup),
        _ => None,
    }
}
