//! ReportingEvents.log of the update agent, and the same records inside the
//! legacy WindowsUpdate.log:
//! `{id} TAB time+0900 TAB 1 TAB 182 [NAME] TAB 101 TAB {update} TAB rev TAB
//! code TAB client TAB outcome TAB category TAB text`.
//!
//! The file of its own was read from published records only: marked
//! unverified.

use std::borrow::Cow;

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

/// The record with tabs between its cells: pastes put blanks in their place.
pub(super) fn by_tabs(record: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\t', record).is_some() {
        return Cow::Borrowed(record);
    }
    let words: Vec<&[u8]> = record
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    // The date is two words, the name of the number is one of its own.
    let named = usize::from(words.get(5).is_some_and(|word| word.starts_with(b"[")));
    let client = 9 + named;
    let outcome = |word: &&[u8]| matches!(*word, b"Success" | b"Failure");
    let after = words.iter().skip(client).position(outcome);
    let Some(outcome) = after.map(|at| client + at) else {
        return Cow::Borrowed(record);
    };
    let ends = [
        0,
        2,
        3,
        4 + named,
        5 + named,
        6 + named,
        7 + named,
        8 + named,
    ];
    let ends = ends.into_iter().chain([outcome - 1, outcome, outcome + 2]);
    let mut cells = Vec::with_capacity(record.len());
    let mut from = 0;
    for end in ends.filter(|end| *end < words.len()) {
        cells.extend(words[from..=end.max(from)].join(&b' '));
        cells.push(b'\t');
        from = end + 1;
    }
    cells.extend(words.get(from..).unwrap_or_default().join(&b' '));
    Cow::Owned(cells)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_lost_its_tabs_gets_them_back() {
        for name in ["182", "182 [AGENT_INSTALLING_FAILED]"] {
            let record = format!(
                "{{0A}}\t2023-01-11 09:00:00:120+0900\t1\t{name}\t101\t{{0B}}\t204\t800f0922\t\
                 Some Client\tFailure\tContent Install\tInstallation Failure: x (KB5022286)"
            );
            let pasted = record.replace('\t', " ");
            assert_eq!(&*by_tabs(pasted.as_bytes()), record.as_bytes());
            assert_eq!(&*by_tabs(record.as_bytes()), record.as_bytes());
        }
        for short in ["", "{0A} 2023-01-11", "a b c d e f g h i j k Failure"] {
            by_tabs(short.as_bytes());
        }
    }
}
