//! So much per second and no more, saved up for a bounded while.
//!
//! A clock that jumps neither grants a flood nor stops the flow: any jump
//! counts as at most what can be saved up.

/// A bounded flow of bytes.
#[derive(Debug)]
pub(crate) struct Pace {
    per_s: u64,
    most: i64,
    /// Negative after one piece that was larger than what was left.
    left: i64,
    at_ms: Option<i64>,
}

impl Pace {
    /// `per_s` bytes a second, 0 for no bound, of which `seconds` can be saved
    /// up. It starts full.
    pub(crate) fn new(per_s: u64, seconds: u64) -> Self {
        let most = i64::try_from(per_s.saturating_mul(seconds)).unwrap_or(i64::MAX);
        Self {
            per_s,
            most,
            left: most,
            at_ms: None,
        }
    }

    /// Bytes that may flow now.
    pub(crate) fn left(&mut self, now_ms: i64) -> u64 {
        if self.per_s == 0 {
            return u64::MAX;
        }
        let since_ms = self.at_ms.map_or(0, |at_ms| now_ms.saturating_sub(at_ms));
        let since_ms = u64::try_from(since_ms).unwrap_or(0);
        let earned = self.per_s.saturating_mul(since_ms) / 1_000;
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        // Too short a moment earns nothing yet and must not be forgotten.
        if earned > 0 || since_ms == 0 {
            self.left = self.left.saturating_add(earned).min(self.most);
            self.at_ms = Some(now_ms);
        }
        u64::try_from(self.left).unwrap_or(0)
    }

    /// So many flowed. More than was left is earned first before anything
    /// flows again.
    pub(crate) fn spend(&mut self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.left = self.left.saturating_sub(bytes).max(-self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_flows_than_was_earned_and_saved_up() {
        let mut pace = Pace::new(100, 2);
        assert_eq!(pace.left(0), 200);
        pace.spend(200);
        assert_eq!(pace.left(1_000), 100);
        assert_eq!(pace.left(9_000), 200);
    }

    #[test]
    fn what_flowed_too_much_is_earned_before_anything_flows_again() {
        let mut pace = Pace::new(100, 2);
        pace.left(0);
        pace.spend(350);
        assert_eq!((pace.left(1_000), pace.left(2_000)), (0, 50));
    }

    #[test]
    fn a_clock_that_jumps_neither_floods_nor_blocks() {
        let mut pace = Pace::new(100, 2);
        pace.left(1_000_000);
        pace.spend(200);
        assert_eq!(pace.left(-1_000_000), 0);
        assert_eq!(pace.left(-999_000), 100);
        assert_eq!(pace.left(i64::MAX), 200);
    }

    #[test]
    fn moments_too_short_to_earn_a_byte_add_up() {
        let mut pace = Pace::new(1, 10);
        pace.left(0);
        pace.spend(10);
        assert_eq!(
            (pace.left(400), pace.left(800), pace.left(1_200)),
            (0, 0, 1)
        );
    }

    #[test]
    fn without_a_bound_everything_flows() {
        let mut pace = Pace::new(0, 10);
        pace.spend(1 << 40);
        assert_eq!(pace.left(0), u64::MAX);
    }
}
