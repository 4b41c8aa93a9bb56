//! When a log began, by its own clock and in UTC: the offset between the two.
//!
//! Servicing names an archive after the moment of rotation, in UTC, and goes on
//! in a new file in the same second. So the first record of the new file tells
//! the offset of its clock before any record does that holds an instant.
//!
//! Promise: an offset is used only for as long as no zone of the world may have
//! changed its clock since; where the two moments do not fit each other, there
//! is none.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::TimeSource;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Offsets are whole or half hours. Of the few at a quarter nothing is told:
/// they would let twice as many wrong pairs of moments pass for a right one.
const STEP_MS: i64 = HOUR_MS / 2;

/// How much later than the rotation the first record may come.
const LARGEST_LAG_MS: i64 = 5_000;

/// How much earlier: names and records are told in whole seconds.
const LARGEST_LEAD_MS: i64 = 1_000;

/// Clocks are changed between half past eleven in the evening and four in the
/// morning, wherever they are.
const QUIET_FROM_MS: i64 = 4 * HOUR_MS;
const QUIET_UNTIL_MS: i64 = 23 * HOUR_MS + 30 * MINUTE_MS;

/// What is known of a file's beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beginning {
    /// First record's wall clock, read as if it were UTC.
    printed_ms: Option<i64>,
    /// When the file before it became an archive.
    rotated_ms: Option<i64>,
}

impl Beginning {
    /// Takes note of the file's first bytes.
    pub(crate) fn note_head(&mut self, head: &[u8]) {
        if self.printed_ms.is_none() {
            self.printed_ms = first_stamp(head);
        }
    }

    /// Takes note of the moment at which the archive before it was made.
    pub(crate) fn note_rotation(&mut self, utc_ms: Option<i64>) {
        self.rotated_ms = utc_ms;
    }

    /// Dates events of this file that its own records do not date.
    pub(crate) fn date(&self, events: &mut [UpdateEvent]) {
        let Some((from_ms, offset_ms)) = self.offset() else {
            return;
        };
        let until_ms = from_ms - from_ms.rem_euclid(DAY_MS) + QUIET_UNTIL_MS;
        for event in events {
            let undated = event.occurred_at_ms.is_none();
            if let Some(printed_ms) = event.printed_at_ms.filter(|_| undated)
                && (from_ms..until_ms).contains(&printed_ms)
            {
                event.occurred_at_ms = Some(printed_ms - offset_ms);
                event.time_source = TimeSource::FileName;
                event.rate_completeness();
            }
        }
    }

    /// Since when, by the log's clock, it is so far ahead of UTC.
    fn offset(&self) -> Option<(i64, i64)> {
        let (from_ms, utc_ms) = (self.printed_ms?, self.rotated_ms?);
        let ahead_ms = from_ms - utc_ms;
        let offset_ms = (ahead_ms + STEP_MS / 2).div_euclid(STEP_MS) * STEP_MS;
        let fits = (-LARGEST_LEAD_MS..=LARGEST_LAG_MS).contains(&(ahead_ms - offset_ms))
            && (-12 * HOUR_MS..=14 * HOUR_MS).contains(&offset_ms);
        let is_quiet = (QUIET_FROM_MS..QUIET_UNTIL_MS).contains(&from_ms.rem_euclid(DAY_MS));
        (fits && is_quiet).then_some((from_ms, offset_ms))
    }
}

/// Wall clock of a first line `2023-01-11 09:00:00, Info …`, behind a mark of
/// UTF-8 or without one.
fn first_stamp(head: &[u8]) -> Option<i64> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let stamp = std::str::from_utf8(head.get(..19)?).ok()?;
    if head.get(19) != Some(&b',') {
        return None;
    }
    as_if_utc("%Y-%m-%d %H:%M:%S", stamp)
}

/// `None` where a file is no archive of CBS.log; else the moment of rotation,
/// which its name states in UTC, in milliseconds.
#[expect(
    clippy::option_option,
    reason = "no archive, and an archive without a time"
)]
pub(crate) fn archive_time(path: &Path) -> Option<Option<i64>> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_prefix("cbspersist_")?;
    let stamp = name.strip_suffix(".log").or(name.strip_suffix(".cab"))?;
    Some(as_if_utc("%Y%m%d%H%M%S", stamp))
}

fn as_if_utc(format: &str, stamp: &str) -> Option<i64> {
    let time = DateTime::strptime(format, stamp).ok()?;
    let utc = time.to_zoned(TimeZone::fixed(Offset::UTC)).ok()?;
    Some(utc.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "CbsPersist_20230111010000.cab";

    /// An event that a log printed at a time, dated by the log's beginning.
    fn dated(head: &str, archive: &str, printed: &str) -> Option<i64> {
        let mut beginning = Beginning::default();
        beginning.note_head(head.as_bytes());
        beginning.note_rotation(archive_time(Path::new(archive)).flatten());
        let mut events = [UpdateEvent {
            printed_at_ms: as_if_utc("%Y-%m-%d %H:%M:%S", printed),
            ..UpdateEvent::default()
        }];
        beginning.date(&mut events);
        let [event] = events;
        let by_name = event.time_source == TimeSource::FileName;
        assert_eq!(event.occurred_at_ms.is_some(), by_name);
        event.occurred_at_ms
    }

    fn utc(stamp: &str) -> Option<i64> {
        as_if_utc("%Y-%m-%d %H:%M:%S", stamp)
    }

    #[test]
    fn the_name_of_an_archive_tells_when_it_ended() {
        let time = |name: &str| archive_time(Path::new(name));
        assert_eq!(
            time("/x/CbsPersist_20230111100000.log"),
            Some(Some(1_673_431_200_000))
        );
        assert_eq!(time("CbsPersist_odd.log"), Some(None));
        assert_eq!(
            time("CbsPersist_20230111100000.cab"),
            Some(Some(1_673_431_200_000))
        );
        assert_eq!(time("CBS.log"), None);
        assert_eq!(time("CbsPersist_20230111100000.tmp"), None);
    }

    #[test]
    fn the_file_after_an_archive_begins_when_the_archive_was_named() {
        let head = "\u{feff}2023-01-11 09:00:00, Info                  CBS    TI: started\r\n";
        let found = dated(head, NAME, "2023-01-11 11:30:00");
        assert_eq!(found, utc("2023-01-11 03:30:00"));
        let india = head.replace(" 09:00:00", " 06:30:01");
        let found = dated(&india, NAME, "2023-01-11 06:30:01");
        assert_eq!(found, utc("2023-01-11 01:00:01"));
    }

    #[test]
    fn a_first_record_that_came_at_another_moment_tells_no_offset() {
        for stamp in ["09:00:07", "08:59:57", "09:10:00", "09:15:00"] {
            let head = format!("2023-01-11 {stamp}, Info  CBS    TI: started\r\n");
            assert_eq!(dated(&head, NAME, "2023-01-11 11:30:00"), None, "{stamp}");
        }
        // No zone is fifteen hours ahead.
        let head = "2023-01-11 16:00:00, Info  CBS    TI: started\r\n";
        assert_eq!(dated(head, NAME, "2023-01-11 17:00:00"), None);
        for head in ["", "2023-01-11 09:0", "xxxx-xx-11 09:00:00, Info", "no log"] {
            assert_eq!(dated(head, NAME, "2023-01-11 11:30:00"), None, "{head}");
        }
        let head = "2023-01-11 09:00:00, Info  CBS    TI: started\r\n";
        assert_eq!(dated(head, "CBS.log", "2023-01-11 11:30:00"), None);
    }

    #[test]
    fn no_offset_is_used_beyond_a_night_in_which_clocks_may_change() {
        let head = "2023-03-25 09:00:00, Info  CBS    TI: started\r\n";
        let name = "CbsPersist_20230325080000.log";
        let found = dated(head, name, "2023-03-25 23:00:00");
        assert_eq!(found, utc("2023-03-25 22:00:00"));
        // By then it is two hours ahead in Berlin, and one in Lagos.
        for later in ["2023-03-25 23:30:00", "2023-03-26 09:00:00"] {
            assert_eq!(dated(head, name, later), None, "{later}");
        }
        // A record from before the beginning: the clock was set back.
        assert_eq!(dated(head, name, "2023-03-25 08:00:00"), None);
        let night = "2023-03-26 01:30:00, Info  CBS    TI: started\r\n";
        let name = "CbsPersist_20230326003000.log";
        assert_eq!(dated(night, name, "2023-03-26 05:00:00"), None);
    }

    #[test]
    fn a_time_that_a_record_of_the_log_tells_is_left_alone() {
        let mut beginning = Beginning::default();
        beginning.note_head(b"2023-01-11 09:00:00, Info  CBS    TI: started\r\n");
        beginning.note_rotation(archive_time(Path::new(NAME)).flatten());
        let mut events = [UpdateEvent {
            printed_at_ms: utc("2023-01-11 09:00:02"),
            occurred_at_ms: Some(7),
            time_source: TimeSource::CsiStamp,
            ..UpdateEvent::default()
        }];
        beginning.date(&mut events);
        assert_eq!(events[0].occurred_at_ms, Some(7));
    }
}
