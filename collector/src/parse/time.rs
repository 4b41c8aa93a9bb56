//! Stamps as logs print them, and the UTC instants hidden in them.
//!
//! All results are milliseconds; a wall clock is read as if it were UTC.

use super::scan;

const DAY_MS: i64 = 86_400_000;

/// FILETIME of 1970-01-01, in units of 100 ns.
const UNIX_FILETIME: i64 = 116_444_736_000_000_000;

/// 1970-01-01 in the 100 ns units of a version-1 UUID (since 1582-10-15).
const UNIX_UUID_TIME: i64 = 122_192_928_000_000_000;

/// Days since 1970-01-01 of a proleptic Gregorian date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_index = (month + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Milliseconds of a wall clock; `None` where no calendar has it.
pub(crate) fn civil_ms(date: [i64; 3], clock: [i64; 3], ms: i64) -> Option<i64> {
    let [year, month, day] = date;
    let [hour, minute, second] = clock;
    let sound = (1601..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !sound {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Some(days(year, month, day) * DAY_MS + seconds * 1000 + ms)
}

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

/// The last Panther stamp: records come by the dozen in one second.
#[derive(Debug, Default)]
pub(crate) struct LastStamp {
    text: [u8; 20],
    ms: Option<i64>,
}

impl LastStamp {
    /// As [`panther_stamp`].
    pub(crate) fn read(&mut self, line: &[u8]) -> Option<i64> {
        let text = line.first_chunk()?;
        if self.text != *text {
            self.text = *text;
            self.ms = panther_stamp(text);
        }
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
    let mut bytes = text.iter();
    for (part, end) in parts.iter_mut().zip(b"//:::. ") {
        let mut digits = 0;
        loop {
            match bytes.next() {
                Some(digit @ b'0'..=b'9') if digits < 4 => {
                    *part = *part * 10 + i64::from(digit - b'0');
                    digits += 1;
                }
                Some(byte) if byte == end && digits > 0 => break,
                None if *end == b' ' && digits > 0 => break,
                _ => return None,
            }
        }
    }
    let [year, month, day, hour, minute, second, ms] = parts;
    civil_ms([year, month, day], [hour, minute, second], ms)
}

/// UTC instant at which a servicing session began: `hi_lo`, the decimal halves
/// of a FILETIME. `None` for the small ids of setup.
pub(crate) fn session_instant(id: &[u8]) -> Option<i64> {
    let (high, low) = session_halves(id)?;
    let filetime = (i64::from(high) << 32) | i64::from(low);
    let ms = (filetime - UNIX_FILETIME) / 10_000;
    plausible(ms)
}

/// Both halves of a session id.
pub(crate) fn session_halves(id: &[u8]) -> Option<(u32, u32)> {
    let (high, low) = id.split_at(scan::place(id, b'_')?);
    let (high, low) = (half(high)?, half(&low[1..])?);
    (high < 0x7fff_ffff).then_some((high, low))
}

/// A whole number of decimal digits.
fn half(digits: &[u8]) -> Option<u32> {
    let mut value: u32 = 0;
    for digit in digits {
        let digit = char::from(*digit).to_digit(10)?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    (!digits.is_empty()).then_some(value)
}

/// UTC instant inside a time-based UUID, such as a transaction's.
pub(crate) fn uuid_instant(uuid: &str) -> Option<i64> {
    let mut parts = uuid.split('-');
    let low = i64::from_str_radix(parts.next()?, 16).ok()?;
    let middle = i64::from_str_radix(parts.next()?, 16).ok()?;
    let high = i64::from_str_radix(parts.next()?, 16).ok()?;
    if high >> 12 != 1 {
        return None;
    }
    let time = ((high & 0x0fff) << 48) | (middle << 32) | low;
    plausible((time - UNIX_UUID_TIME) / 10_000)
}

/// UTC moment in an archive's name: `CbsPersist_20230111090000.cab`.
pub(crate) fn archive_instant(file_name: &str) -> Option<i64> {
    let at = file_name.to_ascii_lowercase().find("cbspersist_")?;
    let digits = file_name.as_bytes().get(at + 11..at + 25)?;
    let ms = civil_ms(
        [
            field(&digits[..4])?,
            field(&digits[4..6])?,
            field(&digits[6..8])?,
        ],
        [
            field(&digits[8..10])?,
            field(&digits[10..12])?,
            field(&digits[12..14])?,
        ],
        0,
    )?;
    plausible(ms)
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

/// Instants between 2000 and 2100 only: anything else is no time.
fn plausible(ms: i64) -> Option<i64> {
    (946_684_800_000..4_102_444_800_000)
        .contains(&ms)
        .then_some(ms)
}

/// `2023-01-11T09:00:00.123`: a wall clock for output.
pub(crate) fn show(ms: i64) -> String {
    let day = ms.div_euclid(DAY_MS);
    let of_day = ms.rem_euclid(DAY_MS);
    let (year, month, date) = civil(day);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let clock = format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        clock
    } else {
        format!("{clock}.{fraction:03}")
    }
}

/// Date of a day since 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month_index + 2) / 5 + 1;
    let month = (month_index + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, date)
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
    fn dates_survive_the_round_trip() {
        for (text, ms) in [
            ("1970-01-01 00:00:00,", 0),
            ("2023-01-11 09:00:00,", 1_673_427_600_000),
            ("2024-02-29 23:59:59,", 1_709_251_199_000),
        ] {
            assert_eq!(panther_stamp(text.as_bytes()), Some(ms), "{text}");
            assert_eq!(show(ms), text[..19].replace(' ', "T"));
        }
        assert_eq!(panther_stamp(b"2023-00-11 09:00:00,"), None);
    }

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
    fn a_session_id_is_a_filetime_and_a_transaction_id_holds_an_instant() {
        let ms = session_instant(b"31000000_0").unwrap();
        assert_eq!(show(ms), "2022-12-01T20:03:37.600");
        assert_eq!(session_instant(b"1_2"), None);
        assert_eq!(session_instant(b"x"), None);
        let ms = uuid_instant("5462d460-918e-11ed-8000-000000000000").unwrap();
        assert_eq!(show(ms), "2023-01-11T09:00:00.550");
        assert_eq!(uuid_instant("5462d460-918e-41ed-8000-000000000000"), None);
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

    #[test]
    fn an_archive_is_named_after_its_moment() {
        let ms = archive_instant("CbsPersist_20230111090000.cab").unwrap();
        assert_eq!(show(ms), "2023-01-11T09:00:00");
        assert_eq!(archive_instant("CBS.log"), None);
    }
}
