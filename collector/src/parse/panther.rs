//! The head of a record as Panther logging writes it: CBS.log, dism.log and
//! the setup logs share it.
//!
//! `2023-01-11 09:00:00, Info                  CBS    message`; the padding
//! collapses in pastes, and published excerpts mask dates.

use super::scan;
use super::time::LastStamp;

/// Level word of a record. It is not severity: most failures are `Info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// `Info`, `Perf` or anything else.
    Info,
    /// `Warning`.
    Warning,
    /// `Error`.
    Error,
}

/// A record's first line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// Wall clock, milliseconds; `None` where the date is masked.
    pub(crate) printed_at_ms: Option<i64>,
    /// Level word.
    pub(crate) level: Level,
    /// Column after the level, for example `CBS`.
    pub(crate) source: &'a [u8],
    /// The rest without surrounding blanks.
    pub(crate) message: &'a [u8],
}

const STAMP_LEN: usize = 19;
const LONGEST_MASKED_STAMP: usize = 40;
const LONGEST_PREFIX: usize = 64;
const SHORTEST_STAMP: usize = 5;

/// Levels in their columns: arrays, as to compare them is no call.
const LEVELS: [(&[u8; 24], Level); 3] = [
    (b", Info                  ", Level::Info),
    (b", Error                 ", Level::Error),
    (b", Warning               ", Level::Warning),
];

/// Letters of `CBS` and `CSI`.
const WRITER_LEN: usize = 3;

/// Who writes records: a line without a stamp is a head only with one of them.
const WRITERS: [&[u8]; 10] = [
    b"CBS", b"CSI", b"DISM", b"DEPLOY", b"DPX", b"SXS", b"TI", b"SP", b"MIG", b"MOUPG",
];

impl<'a> Head<'a> {
    /// Takes a line apart; `None` where it is no head but a continuation.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        Self::read_after(&mut LastStamp::default(), line)
    }

    /// As [`Head::read`], quicker where the stamp is that of the record before.
    pub(crate) fn read_after(last: &mut LastStamp, line: &'a [u8]) -> Option<Self> {
        if let Some(ms) = last.read(line) {
            let rest = line[STAMP_LEN..].strip_prefix(b", ")?;
            return Self::behind_stamp(rest, Some(ms));
        }
        if let Some((ms, rest)) = stamp_inside(last, line) {
            return Self::behind_stamp(rest, Some(ms));
        }
        let pasted = pasted_start(line)?;
        if let Some(rest) = masked_stamp(pasted) {
            return Self::behind_stamp(rest, None);
        }
        let head = Self::behind_stamp(pasted, None)?;
        WRITERS.contains(&head.source).then_some(head)
    }

    /// As [`Head::read_after`], quicker still, for what nearly every record of
    /// servicing has, in columns; `None` proves nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "runs for every line")]
    pub(crate) fn read_usual(last: &mut LastStamp, line: &'a [u8]) -> Option<Self> {
        let ms = last.read(line)?;
        let rest = &line[STAMP_LEN..];
        let (level, rest) = rest.split_first_chunk()?;
        let (writer, message) = rest.split_first_chunk()?;
        let (_, level) = LEVELS.iter().find(|(column, _)| *column == level)?;
        let usual = writer == b"CBS    " || writer == b"CSI    ";
        usual.then(|| Self {
            printed_at_ms: Some(ms),
            level: *level,
            source: &writer[..WRITER_LEN],
            message: message.trim_ascii(),
        })
    }

    /// Level, writer and message.
    fn behind_stamp(rest: &'a [u8], printed_at_ms: Option<i64>) -> Option<Self> {
        let (word, rest) = next_word(rest);
        let level = match word.strip_suffix(b",").unwrap_or(word) {
            b"Error" => Level::Error,
            b"Warning" => Level::Warning,
            b"Info" | b"Perf" | b"Verbose" | b"Debug" | b"Fatal" => Level::Info,
            other if printed_at_ms.is_some() => unusual_level(other)?,
            _ => return None,
        };
        let (mut source, mut message) = next_word(rest);
        if source.first() == Some(&b'[') && source.last() == Some(&b']') {
            (source, message) = next_word(message);
        }
        Some(Self {
            printed_at_ms,
            level,
            source,
            message: message.trim_ascii(),
        })
    }
}

/// Level behind a whole stamp, in letters that Windows does not use.
fn unusual_level(word: &[u8]) -> Option<Level> {
    let is = |level: &[u8]| word.eq_ignore_ascii_case(level);
    if is(b"error") {
        Some(Level::Error)
    } else if is(b"warning") || is(b"warn") {
        Some(Level::Warning)
    } else {
        (is(b"info") || is(b"perf") || is(b"fatal")).then_some(Level::Info)
    }
}

/// The line without what pasting puts before it, if it can be a head without
/// a stamp of its own: most continuation lines fail here at their first byte.
fn pasted_start(line: &[u8]) -> Option<&[u8]> {
    let text = match line.first()? {
        b' ' | b'\t' | b'>' | b'*' | b'\\' => {
            let text = line.trim_ascii_start();
            let text = text.strip_prefix(b"> ").unwrap_or(text);
            let text = text.strip_prefix(b"*").unwrap_or(text);
            text.strip_prefix(b"\\").unwrap_or(text)
        }
        _ => line,
    };
    matches!(
        text.first()?,
        b'0'..=b'9' | b'x' | b'X' | b'Y' | b'y' | b'<' | b'I' | b'E' | b'W' | b'P'
    )
    .then_some(text)
}

/// A whole stamp behind what a search or a quotation put before it (`Line 12: `,
/// `12:`, `CBS.log:12:`, `> `), and the rest after it.
fn stamp_inside<'a>(last: &mut LastStamp, line: &'a [u8]) -> Option<(i64, &'a [u8])> {
    let window = &line[..line.len().min(LONGEST_PREFIX)];
    let comma = scan::place(window, b',')?;
    let stamp = &line[comma.checked_sub(STAMP_LEN)?..];
    if stamp[4] != b'-' {
        return None;
    }
    let ms = last.read(stamp)?;
    Some((ms, stamp[STAMP_LEN..].strip_prefix(b", ")?))
}

/// The rest after a stamp that someone masked (`20xx-xx-06 xx:51:15, `,
/// `YYYY-MM-DD HH:MM:SS, `).
fn masked_stamp(line: &[u8]) -> Option<&[u8]> {
    let window = &line[..line.len().min(LONGEST_MASKED_STAMP)];
    let comma = scan::place(window, b',')?;
    let stamp = &window[..comma];
    let stamp = stamp.strip_suffix(b"*").unwrap_or(stamp);
    let is_letter = |byte: &u8| stamp.len() == STAMP_LEN && b"YMDHSymdhs".contains(byte);
    let plausible = stamp.first() == Some(&b'<') && stamp.last() == Some(&b'>')
        || (stamp.len() == STAMP_LEN || stamp.len() >= SHORTEST_STAMP && stamp.contains(&b':'))
            && stamp.iter().all(|byte| {
                byte.is_ascii_digit()
                    || matches!(byte, b'x' | b'X' | b'-' | b':' | b' ' | b'*')
                    || is_letter(byte)
            });
    if !plausible {
        return None;
    }
    line[comma..].strip_prefix(b", ")
}

/// First word and what follows it, after leading blanks.
fn next_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_and_collapsed_heads_read_the_same() {
        let padded = Head::read(b"2023-01-11 09:00:00, Info                  CBS    Exec: go ");
        let collapsed = Head::read(b"2023-01-11 09:00:00, Info CBS Exec: go");
        assert_eq!(padded, collapsed);
        assert_eq!(padded.unwrap().message, b"Exec: go");
    }

    #[test]
    fn an_error_number_before_the_source_is_passed_over() {
        let head = Head::read(b"2023-01-11 09:00:00, Error      [0x01803e] CSI    0001 x").unwrap();
        assert_eq!((head.level, head.source), (Level::Error, &b"CSI"[..]));
    }

    #[test]
    fn masked_dates_keep_the_record_without_a_time() {
        for line in [
            &b"20xx-xx-06 xx:51:15, Info      CBS    a"[..],
            b"<DateTime>, Info      CBS    a",
            b"YYYY-MM-DD HH:MM:SS, Info CBS a",
            b"> *\\<DateTime>*, Info CBS a",
        ] {
            let head = Head::read(line).unwrap();
            assert_eq!((head.printed_at_ms, head.message), (None, &b"a"[..]));
        }
    }

    #[test]
    fn a_stamp_behind_a_prefix_is_still_a_time() {
        let plain = Head::read(b"2023-01-11 09:00:00, Info CBS a");
        assert!(plain.unwrap().printed_at_ms.is_some());
        for line in [
            &b"   2023-01-11 09:00:00, Info    CBS    a"[..],
            b"> 2023-01-11 09:00:00, Info CBS a",
            b"\tLine 3079: 2023-01-11 09:00:00, Info                  CBS    a",
            b"4711:2023-01-11 09:00:00, Info                  CBS    a",
            b"Logs\\CBS\\CBS.log:4711:2023-01-11 09:00:00, Info CBS a",
        ] {
            assert_eq!(Head::read(line), plain);
        }
    }

    #[test]
    fn heads_that_lost_their_stamp_are_read_where_they_name_a_writer() {
        for line in [
            &b"Error CBS    a"[..],
            b"> Error      [0x018003] CBS  a",
            b" <DateTime>, Error                  CBS    a",
            b"27:08, Error           CBS    a",
            b"Error,\tCBS    a",
        ] {
            let head = Head::read(line).unwrap();
            assert_eq!((head.level, head.source), (Level::Error, &b"CBS"[..]));
        }
    }

    #[test]
    fn levels_behind_a_stamp_are_read_in_any_case() {
        let level = |line| Head::read(line).map(|head| head.level);
        let stamped = b"2023-01-11 09:00:00, ERROR                 CBS    a";
        assert_eq!(level(stamped), Some(Level::Error));
        assert_eq!(level(b"2023-01-11 09:00:00, Nothing here"), None);
        assert_eq!(level(b"ERROR CBS    a"), None);
    }

    #[test]
    fn continuation_lines_are_no_heads() {
        for line in [
            &b"Error STATUS_OBJECT_NAME_NOT_FOUND"[..],
            b"Info: the rest",
            b"   Installer: x",
            b" Expected: {l:32 b:00}.",
            b"[gle=0x80004005]",
            b"2023-01-11 09:00:00",
            b"12, Info CBS",
            b"",
        ] {
            assert_eq!(Head::read(line), None);
        }
    }
}
