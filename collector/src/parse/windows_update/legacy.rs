//! WindowsUpdate.log of Windows 7 and 8.1: tab-separated, with the offset of
//! local time in the line that starts a process's logging.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::clock::Trust;
use super::super::report::{Anchor, Report, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};

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
        .or_else(|| reported(&head, &anchor, report))
        .or_else(|| servicing_failed(&head, &anchor, report));
    match event {
        Some(mut event) => {
            event.source = text(head.component);
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

/// `REPORT EVENT: {guid} TAB time+0900 TAB 1 TAB 182 TAB 101 TAB {update} TAB
/// rev TAB code TAB client TAB outcome TAB category TAB text`.
fn reported(head: &Head<'_>, anchor: &Anchor<'_>, report: &Report<'_>) -> Option<UpdateEvent> {
    let rest = head.text.strip_prefix(b"REPORT EVENT: ")?;
    let cells: Vec<&[u8]> = rest.split(|byte| *byte == b'\t').collect();
    let [
        _,
        stamp,
        _,
        number,
        _,
        update,
        revision,
        code,
        client,
        outcome_word,
        category,
        ..,
    ] = cells.as_slice()
    else {
        return None;
    };
    let code = scan::hex_code(code)?;
    let phase = phase_of(category, number)?;
    let result = match (*outcome_word, code) {
        (b"Success", 0) => EventResult::Success,
        (_, 0) => EventResult::Info,
        _ => outcome::of_code(code),
    };
    let mut event = report.begin(anchor, phase, result);
    event.hresult = Some(code);
    event.client = text(client);
    event.revision = scan::number(revision);
    if let Some((guid, _)) = scan::guid(update)
        && guid != "00000000-0000-0000-0000-000000000000"
    {
        event.update_guid = guid;
    }
    let said = cells.last().copied().unwrap_or_default();
    event.kb = scan::kb(said).unwrap_or_default();
    if let Some(title) = scan::after(said, b"following update").and_then(|t| scan::after(t, b": "))
    {
        event.title = text(title.strip_suffix(b".").unwrap_or(title));
    }
    if let Some(instant) = reported_instant(stamp) {
        event.occurred_at_ms = Some(instant);
        event.time_source = TimeSource::Printed;
    }
    Some(event)
}

fn phase_of(category: &[u8], number: &[u8]) -> Option<Phase> {
    if scan::contains(category, b"Install") {
        Some(Phase::Install)
    } else if scan::contains(category, b"Download") {
        Some(Phase::Download)
    } else if scan::contains(category, b"Synchronization") || number == b"148" {
        Some(Phase::Scan)
    } else {
        None
    }
}

/// `2023-01-11 09:00:00:120+0900`.
fn reported_instant(stamp: &[u8]) -> Option<i64> {
    let iso = String::from_utf8_lossy(stamp.get(..19)?);
    let wall = time::iso_instant(&iso)?;
    let sign = stamp
        .iter()
        .skip(19)
        .position(|b| matches!(b, b'+' | b'-'))?;
    let offset_min = time::header_offset(&stamp[19 + sign..])?;
    let ms = scan::number(stamp.get(20..23)?).unwrap_or(0);
    Some(wall + i64::from(ms) - i64::from(offset_min) * 60_000)
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
