//! ReportingEvents.log of the update agent, and the same records inside the
//! legacy WindowsUpdate.log:
//! `{id} TAB time+0900 TAB 1 TAB 182 [NAME] TAB 101 TAB {update} TAB rev TAB
//! code TAB client TAB outcome TAB category TAB text`.
//!
//! The file of its own was read from published records only: marked
//! unverified.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

use super::super::report::{Anchor, Report, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};

const NO_UPDATE: &str = "00000000-0000-0000-0000-000000000000";

/// Whether a line is such a record.
pub(crate) fn is_line(line: &[u8]) -> bool {
    let mut cells = line.split(|byte| *byte == b'\t');
    let id = cells.next().and_then(scan::guid);
    let stamp = cells.next().unwrap_or_default();
    id.is_some_and(|(_, rest)| rest.is_empty()) && local_instant(stamp).is_some()
}

/// Reads a line of ReportingEvents.log; every line stands alone.
pub(crate) fn read_line(line: &Line<'_>, report: &mut Report<'_>) {
    if !is_line(line.text) {
        return;
    }
    report.counts.records += 1;
    let stamp = line.text.split(|byte| *byte == b'\t').nth(1);
    let anchor = Anchor {
        head: line.text,
        row: b"",
        number: line.number,
        printed_at_ms: stamp.and_then(local_instant),
    };
    match read(line.text, &anchor, report) {
        Some(mut event) => {
            event.source = "Report".into();
            put(&mut event, "unverified", "true");
            report.tell(event);
        }
        None => report.counts.unknown += 1,
    }
}

/// Reads the cells of a record.
pub(super) fn read(record: &[u8], anchor: &Anchor<'_>, report: &Report<'_>) -> Option<UpdateEvent> {
    let cells: Vec<&[u8]> = record.split(|byte| *byte == b'\t').collect();
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
    let mut event = report.begin(anchor, phase, result_of(number, outcome_word, code));
    event.hresult = Some(code);
    event.client = text(client);
    event.revision = scan::number(revision);
    if let Some((guid, _)) = scan::guid(update)
        && guid != NO_UPDATE
    {
        event.update_guid = guid;
    }
    let said = cells.get(11).copied().unwrap_or_default();
    event.kb = scan::kb(said).unwrap_or_default();
    if let Some(title) = scan::after(said, b"following update").and_then(|t| scan::after(t, b": "))
    {
        event.title = text(title.strip_suffix(b".").unwrap_or(title));
    }
    if let Some(instant) = instant(stamp) {
        event.occurred_at_ms = Some(instant);
        event.time_source = TimeSource::Printed;
    }
    Some(event)
}

/// The name in brackets says it best; older records have the number alone.
fn result_of(number: &[u8], outcome_word: &[u8], code: u32) -> EventResult {
    let id = scan::number(number).unwrap_or_default();
    let named = |word: &[u8]| scan::contains(number, word);
    if named(b"_STARTED") || matches!(id, 167 | 181) {
        return EventResult::Start;
    }
    if code == 0 && (named(b"_PENDING") || id == 184) {
        return EventResult::PendingReboot;
    }
    match (outcome_word, code) {
        (b"Success", 0) => EventResult::Success,
        (_, 0) => EventResult::Info,
        _ => outcome::of_code(code),
    }
}

fn phase_of(category: &[u8], number: &[u8]) -> Option<Phase> {
    if scan::contains(category, b"Uninstall") {
        Some(Phase::Uninstall)
    } else if scan::contains(category, b"Install") {
        Some(Phase::Install)
    } else if scan::contains(category, b"Download") {
        Some(Phase::Download)
    } else if scan::contains(category, b"Synchronization") || scan::number(number) == Some(148) {
        Some(Phase::Scan)
    } else {
        None
    }
}

/// Wall clock of `2023-01-11 09:00:00:120+0900`.
fn local_instant(stamp: &[u8]) -> Option<i64> {
    let wall = String::from_utf8_lossy(stamp.get(..19)?);
    let ms = scan::number(stamp.get(20..23)?)?;
    Some(time::iso_instant(&wall)? + i64::from(ms))
}

/// The same in UTC.
fn instant(stamp: &[u8]) -> Option<i64> {
    let sign = stamp
        .iter()
        .skip(19)
        .position(|byte| matches!(byte, b'+' | b'-'))?;
    let offset_min = time::header_offset(&stamp[19 + sign..])?;
    Some(local_instant(stamp)? - i64::from(offset_min) * 60_000)
}
