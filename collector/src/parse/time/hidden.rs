//! UTC instants hidden in the ids and names that Windows gives.

use super::civil_ms;
use super::field;
use crate::parse::scan;

/// FILETIME of 1970-01-01, in units of 100 ns.
const UNIX_FILETIME: i64 = 116_444_736_000_000_000;

/// 1970-01-01 in the 100 ns units of a version-1 UUID (since 1582-10-15).
const UNIX_UUID_TIME: i64 = 122_192_928_000_000_000;

/// UTC instant at which a servicing session began: `hi_lo`, the decimal halves
/// of a FILETIME. `None` for the small ids of setup.
pub(crate) fn session_instant(id: &[u8]) -> Option<i64> {
    session_halves(id).and_then(filetime_instant)
}

/// UTC instant of both halves of a FILETIME.
pub(crate) fn filetime_instant((high, low): (u32, u32)) -> Option<i64> {
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
    /// Nothing as long overflows before it is looked at.
    const LONGEST: usize = 18;
    let sound = (1..=LONGEST).contains(&digits.len());
    sound.then(|| field(digits)).flatten()?.try_into().ok()
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

/// Instants between 2000 and 2100 only: anything else is no time.
fn plausible(ms: i64) -> Option<i64> {
    (946_684_800_000..4_102_444_800_000)
        .contains(&ms)
        .then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::super::show;
    use super::*;

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
    fn an_archive_is_named_after_its_moment() {
        let ms = archive_instant("CbsPersist_20230111090000.cab").unwrap();
        assert_eq!(show(ms), "2023-01-11T09:00:00");
        assert_eq!(archive_instant("CBS.log"), None);
    }
}
