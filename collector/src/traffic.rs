//! What a device costs its network: bytes sent in the last 24 hours, repeats
//! included, as its heartbeats tell.

const HOUR_MS: i64 = 3_600_000;
const HOURS: usize = 24;

/// Bytes sent, by the hour.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    hours: [u64; HOURS],
    hour: Option<i64>,
}

impl Traffic {
    /// So many bytes were sent.
    pub(crate) fn add(&mut self, now_ms: i64, bytes: u64) {
        let hour = self.turn_to(now_ms);
        self.hours[hour] = self.hours[hour].saturating_add(bytes);
    }

    /// Bytes of this hour and the 23 before.
    pub(crate) fn of_last_day(&mut self, now_ms: i64) -> u64 {
        self.turn_to(now_ms);
        self.hours.iter().sum()
    }

    /// Empties the hours that passed; a clock that was set back starts anew
    /// from there and forgets nothing.
    fn turn_to(&mut self, now_ms: i64) -> usize {
        let now = now_ms.div_euclid(HOUR_MS);
        let last = self.hour.replace(now).unwrap_or(now);
        let passed = usize::try_from(now.saturating_sub(last)).unwrap_or(0);
        for step in 0..passed.min(HOURS) {
            self.hours[slot(now.saturating_sub(i64::try_from(step).unwrap_or(0)))] = 0;
        }
        slot(now)
    }
}

fn slot(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(24)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_a_day_ago_no_longer_counts() {
        let mut traffic = Traffic::default();
        traffic.add(0, 5);
        traffic.add(HOUR_MS, 7);
        assert_eq!(traffic.of_last_day(23 * HOUR_MS), 12);
        assert_eq!(traffic.of_last_day(24 * HOUR_MS), 7);
        assert_eq!(traffic.of_last_day(1_000 * HOUR_MS), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_loses_no_count() {
        let mut traffic = Traffic::default();
        traffic.add(100 * HOUR_MS, 5);
        assert_eq!(traffic.of_last_day(-100 * HOUR_MS), 5);
    }
}
