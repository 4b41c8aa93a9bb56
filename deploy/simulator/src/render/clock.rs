//! A device's clock: local time without an offset in text logs, UTC in event
//! logs and CSI stamps, both as wrong as the clock is.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::plan::DevicePlan;

/// Prints moments as the logs of one device do.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    offset_ms: i64,
    skew_ms: i64,
}

impl Clock {
    /// The clock of a device.
    pub fn of(device: &DevicePlan) -> Self {
        Self {
            offset_ms: i64::from(device.utc_offset_minutes) * 60_000,
            skew_ms: device.clock_skew_s * 1_000,
        }
    }

    fn utc(self, at_ms: i64) -> DateTime {
        civil(at_ms + self.skew_ms)
    }

    fn wall(self, at_ms: i64) -> DateTime {
        civil(at_ms + self.skew_ms + self.offset_ms)
    }

    /// `2023-01-11 09:00:00`, local.
    pub fn local(self, at_ms: i64) -> String {
        let t = self.wall(at_ms);
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// `2023/1/11:01:00:00.137`, UTC, month and day without a leading nought.
    pub fn csi(self, at_ms: i64) -> String {
        let t = self.utc(at_ms);
        format!(
            "{}/{}/{}:{:02}:{:02}:{:02}.{:03}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }

    /// `2023-01-11T01:00:00.1370000Z`, UTC.
    pub fn event(self, at_ms: i64) -> String {
        let t = self.utc(at_ms);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}0000Z",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }

    /// `20230111010000`, UTC, as archives are named.
    pub fn archive(self, at_ms: i64) -> String {
        let t = self.utc(at_ms);
        format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// Year, month and day, local.
    pub fn date(self, at_ms: i64) -> (i16, i8, i8) {
        let t = self.wall(at_ms);
        (t.year(), t.month(), t.day())
    }
}

fn civil(at_ms: i64) -> DateTime {
    let moment = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_ahead_of_the_stamp_by_the_zone_and_both_by_the_skew() {
        let clock = Clock {
            offset_ms: 8 * 3_600_000,
            skew_ms: 60_000,
        };
        let at = 1_673_398_800_137;
        assert_eq!(clock.local(at), "2023-01-11 09:01:00");
        assert_eq!(clock.csi(at), "2023/1/11:01:01:00.137");
        assert_eq!(clock.event(at), "2023-01-11T01:01:00.1370000Z");
        assert_eq!(clock.archive(at), "20230111010100");
    }
}
