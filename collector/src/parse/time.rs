//! Stamps as logs print them, and the UTC instants hidden in them.
//!
//! All results are milliseconds; a wall clock is read as if it were UTC.

mod civil;
mod culture;
mod hidden;

pub(crate) use self::civil::{civil_ms, show};
pub(crate) use self::culture::culture_instant;
pub(crate) use self::hidden::{
    archive_instant, filetime_instant, session_halves, session_instant, uuid_instant,
};

use super::scan;

/// Fixed-width decimal field.
fn field(text: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

/// Head stamp `YYYY-MM-DD HH:MM:SS`, with any byte between the parts of the
/// date that `separator` allows.
fn stamp(text: &[u8], separator: impl Fn(u8) -> bool) -> Option<i64> {
    let text = text.get(..19)?;
    if !separator(text[4]) || text[7] != text[4] || text[13] != b':' || text[16] != b':' {
        return None;
    }
    civil_ms(
        [
            field(&text[..4])?,
            field(&text[5..7])?,
            field(&text[8..10])?,
        ],
        [
            field(&text[11..13])?,
            field(&text[14..16])?,
            field(&text[17..19])?,
        ],
        0,
    )
}

/// `2023-01-11 09:00:00` at the start of a Panther record.
pub(crate) fn panther_stamp(line: &[u8]) -> Option<i64> {
    if line.get(10) != Some(&b' ') || line.get(19) != Some(&b',') {
        return None;
    }
    stamp(line, |byte| byte == b'-')
}

/// Bytes of a Panther stamp, with its comma.
const STAMP_LEN: usize = 20;

/// The last Panther stamp: records come by the dozen in one second.
#[derive(Debug, Default)]
pub(crate) struct LastStamp {
    text: [u8; STAMP_LEN],
    ms: Option<i64>,
}

impl LastStamp {
    /// As [`panther_stamp`].
    #[inline]
    pub(crate) fn read(&mut self, line: &[u8]) -> Option<i64> {
        let text = line.first_chunk()?;
        if self.text == *text {
            return self.ms;
        }
        self.read_new(text)
    }

    #[inline(never)]
    fn read_new(&mut self, text: &[u8; STAMP_LEN]) -> Option<i64> {
        // A line without a stamp often stands between two of the same second.
        let ms = panther_stamp(text)?;
        self.text = *text;
        self.ms = Some(ms);
        self.ms
    }
}

/// `2023/01/11 09:00:00.1234567` of a decoded WindowsUpdate.log, the separator
/// by culture, and what follows.
pub(crate) fn decoded_stamp(line: &[u8]) -> Option<(i64, &[u8])> {
    if line.get(10) != Some(&b' ') || !matches!(line.get(19), Some(b'.' | b',')) {
        return None;
    }
    let base = stamp(line, |byte| matches!(byte, b'/' | b'-' | b'.'))?;
    let rest = &line[20..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ms = field(rest.get(..digits.min(3))?)?;
    let scale = [0, 100, 10, 1][digits.min(3)];
    (digits > 0).then(|| (base + ms * scale, &rest[digits..]))
}

/// `2023-01-11<TAB>09:00:00:120<TAB>` of a legacy WindowsUpdate.log, in pastes
/// with blanks for tabs, and what follows the stamp.
pub(crate) fn legacy_stamp(line: &[u8]) -> Option<(i64, &[u8])> {
    if !matches!(line.get(10), Some(b'\t' | b' ')) || line.get(19) != Some(&b':') {
        return None;
    }
    let base = stamp(line, |byte| byte == b'-')?;
    Some((base + field(line.get(20..23)?)?, &line[23..]))
}

/// UTC stamp of a CSI record: `2023/1/9:05:04:03.007`, not zero-padded.
pub(crate) fn csi_stamp(text: &[u8]) -> Option<i64> {
    let mut parts = [0_i64; 7];
    let mut rest = text;
    for (part, end) in parts.iter_mut().zip(b"//:::. ") {
        let digits = scan::lead(&rest[..rest.len().min(4)], |byte| byte.is_ascii_digit());
        *part = field(digits)?;
        rest = match rest[digits.len()..].split_first() {
            Some((byte, rest)) if byte == end && !digits.is_empty() => rest,
            None if *end == b' ' && !digits.is_empty() => &[],
            _ => return None,
        };
    }
    let [year, month, day, hour, minute, second, ms] = parts;
    civil_ms([year, month, day], [hour, minute, second], ms)
}

/// Wall clock `2015-01-02 10:11` and nothing else.
pub(crate) fn minute_instant(text: &str) -> Option<i64> {
    (text.len() == 16)
        .then(|| stamp(format!("{text}:00").as_bytes(), |byte| byte == b'-'))
        .flatten()
}

/// Wall clock of `07-14-2021` and `08:53:19.672+240`, and the minutes to add
/// to it for UTC, where they are printed.
pub(crate) fn biased_instant(date: &[u8], clock: &[u8]) -> Option<(i64, Option<i64>)> {
    let short = |part: &[u8]| (part.len() <= 4).then(|| field(part)).flatten();
    let mut parts = date.split(|byte| *byte == b'-').map(short);
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let sign = clock.iter().position(|byte| matches!(byte, b'+' | b'-'));
    let (wall, bias) = clock.split_at(sign.unwrap_or(clock.len()));
    let mut parts = wall.split(|byte| matches!(byte, b':' | b'.')).map(short);
    let time = [parts.next()??, parts.next()??, parts.next()??];
    let ms = parts.next().flatten().unwrap_or(0);
    let printed = civil_ms([year, month, day], time, ms)?;
    let bias = match bias {
        [sign, digits @ ..] if (1..=3).contains(&digits.len()) => {
            field(digits).map(|minutes| if *sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    };
    Some((printed, bias))
}

/// Offset in `tz: +0530`, minutes.
pub(crate) fn header_offset(text: &[u8]) -> Option<i32> {
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = i32::try_from(field(text.get(1..3)?)?).ok()?;
    let minutes = i32::try_from(field(text.get(3..5)?)?).ok()?;
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// ISO instant with a `Z` or a numeric offset: `2017-07-23T07:25:41.123456Z`
/// or `2017-07-23 07:25:41.123456 UTC`.
pub(crate) fn iso_instant(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(10), Some(b'T' | b' ')) {
        return None;
    }
    let base = stamp(bytes, |byte| byte == b'-')?;
    let rest = &bytes[19..];
    let (mut ms, mut rest_at) = (0, 0);
    if rest.first() == Some(&b'.') {
        let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let used = digits.min(3);
        ms = field(&rest[1..=used])? * [0, 100, 10, 1][used];
        rest_at = digits + 1;
    }
    let zone = &rest[rest_at..];
    let offset_min = match zone {
        [] | [b'Z'] | b" UTC" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let minutes = field(&[*h1, *h2])? * 60 + field(&[*m1, *m2])?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(base + ms - offset_min * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_that_repeats_is_read_as_the_first_time() {
        let mut last = LastStamp::default();
        for line in [
            &b"2023-01-11 09:00:00, Info"[..],
            b"2023-01-11 09:00:00, Error",
            b"2023-01-11 09:00:01, Info",
            b"2023-13-11 09:00:01, Info",
            b"2023-13-11 09:00:01, Info",
            b"short",
            b"2023-01-11 09:00:01. Info",
            b"2023-01-11 09:00:01, Info",
        ] {
            assert_eq!(last.read(line), panther_stamp(line));
        }
    }

    #[test]
    fn a_csi_stamp_needs_no_zero_padding() {
        let ms = csi_stamp(b"2023/1/9:05:04:03.007 rest");
        assert_eq!(ms.map(show).as_deref(), Some("2023-01-09T05:04:03.007"));
        assert_eq!(csi_stamp(b"2023/1/9 05:04:03.007"), None);
        assert_eq!(csi_stamp(b""), None);
    }

    #[test]
    fn stamps_of_the_update_agent_are_read_in_every_culture() {
        for line in [
            "2023/01/11 09:00:00.1234567 1",
            "2023.01.11 09:00:00.1234567 1",
        ] {
            let (ms, rest) = decoded_stamp(line.as_bytes()).unwrap();
            assert_eq!(
                (show(ms).as_str(), rest),
                ("2023-01-11T09:00:00.123", &b" 1"[..])
            );
        }
        let (ms, rest) = legacy_stamp(b"2023-01-11\t09:00:00:120\t 648").unwrap();
        assert_eq!((ms % 1000, rest), (120, &b"\t 648"[..]));
        assert_eq!(header_offset(b"+0530"), Some(330));
        assert_eq!(header_offset(b"-0800)"), Some(-480));
    }

    #[test]
    fn instants_with_and_without_offsets_are_read() {
        let utc = iso_instant("2023-01-11T09:00:00.5Z");
        assert_eq!(utc, Some(1_673_427_600_500));
        assert_eq!(iso_instant("2023-01-11T17:00:00.500+08:00"), utc);
        assert_eq!(iso_instant("2023-01-11 09:00:00.500000 UTC"), utc);
        assert_eq!(iso_instant("2023-01-11T09:00:00 CET"), None);
    }
}
