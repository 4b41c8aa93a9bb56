//! How far the times of an event can be trusted, and where it is filed.
//!
//! Nothing is thrown away for its time: what lies in the future or before 2000
//! is kept and marked, and readers then go by the time of receipt.

use kbwatch_proto::batch::Row;

/// 2000-01-01, and the bucket of everything without a usable printed time.
pub(crate) const BUCKET_MS: i64 = 946_684_800_000;

/// 2100-01-01: no Windows log is from later.
const END_MS: i64 = 4_102_444_800_000;

/// A clock may run ahead this far before it is suspect.
const TOLERANCE_MS: i64 = 60 * 60 * 1000;

/// Local time may be ahead of UTC by this much.
const ZONE_MS: i64 = 14 * 60 * 60 * 1000;

/// Latest time that a `DateTime64(3)` holds: the end of 2299.
const MAX_TICK_MS: i64 = 10_413_791_999_999;

/// What an event's time is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeQuality {
    /// It can be.
    Sound,
    /// It lies in the future or before 2000.
    Suspect,
    /// There is none.
    Unknown,
}

impl TimeQuality {
    /// The word in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Suspect => "suspect",
            Self::Unknown => "unknown",
        }
    }
}

/// What an event's time is worth, by the clock of whoever received it.
pub(crate) fn time_quality(event: &Row, received_at_ms: i64) -> TimeQuality {
    let judged = [
        (event.occurred_at_ms, received_at_ms + TOLERANCE_MS),
        (event.printed_at_ms, received_at_ms + TOLERANCE_MS + ZONE_MS),
    ];
    let known = || {
        judged
            .iter()
            .filter_map(|(time, end)| time.map(|time| (time, *end)))
    };
    if known().any(|(time, end)| time < BUCKET_MS || time > end) {
        TimeQuality::Suspect
    } else if known().next().is_some() {
        TimeQuality::Sound
    } else {
        TimeQuality::Unknown
    }
}

/// The time by which an event is filed. It depends on nothing but the record,
/// so that a re-read meets the same key in the same partition.
pub(crate) fn filed_at(event: &Row) -> i64 {
    match event.printed_at_ms {
        Some(printed) if (BUCKET_MS..END_MS).contains(&printed) => printed,
        _ => BUCKET_MS,
    }
}

/// The nearest time that a column can hold.
pub(crate) fn tick(ms: i64) -> i64 {
    ms.clamp(0, MAX_TICK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_673_427_600_000;
    const YEAR: i64 = 365 * 24 * 3600 * 1000;

    fn printed(printed_at_ms: i64) -> Row {
        Row {
            printed_at_ms: Some(printed_at_ms),
            ..Row::default()
        }
    }

    #[test]
    fn a_time_a_year_ahead_is_suspect_and_filed_where_it_says() {
        let event = printed(NOW + YEAR);
        assert_eq!(time_quality(&event, NOW), TimeQuality::Suspect);
        assert_eq!(filed_at(&event), NOW + YEAR);
    }

    #[test]
    fn a_time_before_2000_is_suspect_and_shares_the_bucket() {
        let event = printed(BUCKET_MS - 1);
        assert_eq!(time_quality(&event, NOW), TimeQuality::Suspect);
        assert_eq!(filed_at(&event), BUCKET_MS);
    }

    #[test]
    fn a_local_clock_east_of_greenwich_is_sound() {
        assert_eq!(
            time_quality(&printed(NOW + 13 * 3600 * 1000), NOW),
            TimeQuality::Sound
        );
    }

    #[test]
    fn a_record_without_any_time_is_unknown_and_shares_the_bucket() {
        let event = Row::default();
        assert_eq!(time_quality(&event, NOW), TimeQuality::Unknown);
        assert_eq!(filed_at(&event), BUCKET_MS);
    }

    #[test]
    fn absurd_numbers_become_times_that_a_column_can_hold() {
        assert_eq!(tick(i64::MIN), 0);
        assert_eq!(tick(i64::MAX), MAX_TICK_MS);
        assert_eq!(filed_at(&printed(i64::MAX)), BUCKET_MS);
        assert_eq!(
            time_quality(&printed(i64::MIN), i64::MAX / 2),
            TimeQuality::Suspect
        );
    }
}
