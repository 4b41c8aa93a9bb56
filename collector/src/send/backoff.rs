//! Pauses between attempts to connect.

use std::time::Duration;

/// First pause after a failure, before jitter.
const BACKOFF_START: Duration = Duration::from_millis(500);

/// Growing pauses with full jitter: any moment between none and the cap, so
/// that a fleet does not come back as one wave.
#[derive(Debug)]
pub(super) struct Backoff {
    cap: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) fn new(max: Duration) -> Self {
        Self {
            cap: BACKOFF_START.min(max),
            max,
        }
    }

    pub(super) fn reset(&mut self) {
        self.cap = BACKOFF_START.min(self.max);
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.cap.mul_f64(fastrand::f64());
        self.cap = (self.cap * 2).min(self.max);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_never_beyond() {
        let mut backoff = Backoff::new(Duration::from_secs(4));
        for expected in [500, 1_000, 2_000, 4_000, 4_000] {
            let cap = Duration::from_millis(expected);
            assert_eq!(backoff.cap, cap);
            assert!(backoff.next() <= cap);
        }
        backoff.reset();
        assert_eq!(backoff.cap, BACKOFF_START);
    }
}
