//! WindowsUpdate.log of Windows 7 and 8.1: tab-separated, with the offset of
//! local time in the line that starts a process's logging.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::clock::Trust;
use super::super::report::{Anchor, Report, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};
use super::{failed_download, reported};

/// A line, taken apart.
pub(crate) struct Head<'a> {
    printed_at_ms: i64,
    component: &'a [u8],
    text: &'a [u8],
}

impl<'a> Head<'a> {
    /// Takes a line apart; `None` where it is none.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let (printed_at_ms, rest) = time::legacy_stamp(line)?;
        let mut cells = rest.strip_prefix(b"\t")?.splitn(4, |byte| *byte == b'\t');
        let (_pid, _tid) = (cells.next()?, cells.next()?);
        Some(Self {
            printed_at_ms,
            component: cells.next()?.trim_ascii(),
            text: cells.next().unwrap_or_default().trim_ascii(),
        })
    }
}

/// Reads a line; every line stands alone.
pub(crate) fn read_line(line: &Line<'_>, report: &mut Report<'_>) {
    let Some(head) = Head::read(line.text) else {
        return;
    };
    report.counts.records += 1;
    let anchor = Anchor {
        head: line.text,
        row: b"",
        number: line.number,
        printed_at_ms: Some(head.printed_at_ms),
    };
    let event = logging_started(&head, &anchor, report)
        .or_else(|| report_event(&head, &anchor, report))
        .or_else(|| servicing_failed(&head, &anchor, report))
        .or_else(|| download_failed(&head, &anchor, report));
    match event {
        Some(mut event) => {
            event.source = text(head.component).into();
            report.tell(event);
        }
        None => report.counts.unknown += 1,
    }
}

/// `Logging initialized (build: 7.6.7600.256, tz: +0530)`.
fn logging_started(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &mut Report<'_>,
) -> Option<UpdateEvent> {
    let rest = scan::after(head.text, b"Logging initialized (build: ")?;
    if let Some(offset_min) = scan::after(rest, b"tz: ").and_then(time::header_offset) {
        report.clock.state(
            anchor.number,
            offset_min,
            TimeSource::LogHeader,
            Trust::Firm,
        );
    }
    let mut event = report.begin(anchor, Phase::Service, EventResult::LogStart);
    put(&mut event, "wu_agent", text(scan::before(rest, b",")));
    Some(event)
}

/// `REPORT EVENT: …`: the record that also stands in ReportingEvents.log.
fn report_event(head: &Head<'_>, anchor: &Anchor<'_>, report: &Report<'_>) -> Option<UpdateEvent> {
    reported::read(head.text.strip_prefix(b"REPORT EVENT: ")?, anchor, report)
}

/// `FATAL: CBS called Error with 0x800f0831`.
fn servicing_failed(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &Report<'_>,
) -> Option<UpdateEvent> {
    let rest = scan::after(head.text, b"CBS called Error with ")?;
    let code = scan::code(rest)?;
    let mut event = report.begin(anchor, Phase::Install, outcome::of_code(code));
    event.hresult = Some(code);
    Some(event)
}

/// `Error 0x80246007 occurred while downloading update; notifying dependent
/// calls.`: the line that stands for all transfers of an update.
fn download_failed(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &Report<'_>,
) -> Option<UpdateEvent> {
    if !scan::contains(head.text, b"occurred while downloading update") {
        return None;
    }
    let code = failed_download(head.text)?;
    let mut event = report.begin(anchor, Phase::Download, outcome::of_code(code));
    event.hresult = Some(code);
    Some(event)
}
