//! The device's wall clock: local times become UTC where the log itself does
//! not say how.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Where the zone of the logs is looked up.
#[derive(Debug, Clone)]
pub(crate) struct DeviceZone {
    /// The one that is configured; else the machine's, whatever it is by then.
    fixed: Option<TimeZone>,
}

impl DeviceZone {
    /// A fixed offset where one is configured, else the machine's time zone.
    pub(crate) fn new(utc_offset_minutes: Option<i32>) -> Self {
        let fixed = utc_offset_minutes
            .and_then(|minutes| minutes.checked_mul(60))
            .and_then(|seconds| Offset::from_seconds(seconds).ok());
        Self {
            fixed: fixed.map(TimeZone::fixed),
        }
    }

    /// How wall clocks are read now. A machine that is moved to another zone is
    /// believed within minutes, for so long is the system's answer kept.
    pub(crate) fn now(&self) -> WallClock {
        WallClock(self.fixed.clone().unwrap_or_else(TimeZone::system))
    }
}

/// How the wall clock of the logs relates to UTC.
#[derive(Debug)]
pub(crate) struct WallClock(TimeZone);

impl WallClock {
    /// UTC of a wall-clock time that was read as if it were UTC, both in
    /// milliseconds. In the hour that a clock change repeats, the earlier.
    pub(crate) fn to_utc(&self, printed_at_ms: i64) -> Option<i64> {
        let wall = Timestamp::from_millisecond(printed_at_ms).ok()?;
        let local = Offset::UTC.to_datetime(wall);
        let utc = self.0.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(utc.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_offset_is_subtracted() {
        let zone = DeviceZone::new(Some(480));
        assert_eq!(zone.now().to_utc(8 * 3_600_000), Some(0));
    }

    #[test]
    fn an_absurd_time_has_no_utc() {
        let zone = DeviceZone::new(Some(480));
        assert_eq!(zone.now().to_utc(i64::MAX), None);
    }
}
