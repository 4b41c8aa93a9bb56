//! How much each sender may do in the long run: a bucket that leaks at a steady
//! rate.
//!
//! No sender may take what all share: whoever pours in more than leaks out is
//! asked to come again, and told when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Buckets beyond which the empty ones are thrown away.
const SWEEP_AT: usize = 8_192;

/// How much leaks out in a second, and how much there is room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_s: u64,
    pub(super) room: u64,
}

/// The buckets of all senders of one kind.
#[derive(Debug)]
pub(super) struct Rates {
    rate: Rate,
    all: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    buckets: HashMap<String, Bucket>,
    sweep_at: usize,
}

/// What one sender has poured in of late; clones are the same bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket(Arc<Mutex<Filled>>);

#[derive(Debug, Clone, Copy)]
struct Filled {
    level: u64,
    rate: Rate,
    seen_at: Instant,
}

impl Filled {
    fn leak(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.seen_at).as_micros();
        let leaked = passed * u128::from(self.rate.per_s) / 1_000_000;
        let leaked = u64::try_from(leaked).unwrap_or(u64::MAX);
        self.level = self.level.saturating_sub(leaked);
        self.seen_at = now;
    }
}

impl Bucket {
    /// An empty one.
    pub(super) fn new(now: Instant, rate: Rate) -> Self {
        Self(Arc::new(Mutex::new(Filled {
            level: 0,
            rate,
            seen_at: now,
        })))
    }

    /// Pours so much in; the error is how long to wait before it has room.
    pub(super) fn pour(&self, now: Instant, amount: u64) -> Result<(), Duration> {
        let mut filled = self.lock();
        filled.leak(now);
        let Rate { per_s, room } = filled.rate;
        let over = (filled.level + amount).saturating_sub(room);
        if over > 0 {
            return Err(Duration::from_millis(over * 1_000 / per_s + 1));
        }
        filled.level += amount;
        Ok(())
    }

    /// Takes out again what was poured in for nothing.
    pub(super) fn take_back(&self, amount: u64) {
        let mut filled = self.lock();
        filled.level = filled.level.saturating_sub(amount);
    }

    // A panic while the lock is held cannot leave a bucket half filled.
    fn lock(&self) -> MutexGuard<'_, Filled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rates {
    /// Buckets that leak at this rate, for a share of one.
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            all: Mutex::default(),
        }
    }

    /// The bucket of a sender with this share, as full as it was left.
    pub(super) fn bucket(&self, now: Instant, id: &str, share: u32) -> Bucket {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.sweep(now);
        if let Some(bucket) = all.buckets.get(id) {
            return bucket.clone();
        }
        let share = u64::from(share);
        let rate = Rate {
            per_s: self.rate.per_s * share,
            room: self.rate.room * share,
        };
        let bucket = Bucket::new(now, rate);
        all.buckets.insert(id.to_owned(), bucket.clone());
        bucket
    }
}

impl Buckets {
    /// An empty bucket that nobody holds is as good as none.
    fn sweep(&mut self, now: Instant) {
        if self.buckets.len() < self.sweep_at.max(SWEEP_AT) {
            return;
        }
        self.buckets.retain(|_, bucket| {
            let mut filled = bucket.lock();
            filled.leak(now);
            filled.level > 0 || Arc::strong_count(&bucket.0) > 1
        });
        self.sweep_at = self.buckets.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_s: 1_000_000,
        room: 4_000_000,
    };

    #[test]
    fn who_pours_too_much_is_told_when_to_come_again() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let bucket = rates.bucket(now, "pc-1", 1);
        assert_eq!(bucket.pour(now, 4_000_000), Ok(()));
        let again = rates.bucket(now, "pc-1", 1);
        let wait = again.pour(now, 500_000).unwrap_err();
        assert_eq!(wait, Duration::from_millis(501));
        let other = rates.bucket(now, "pc-2", 1);
        assert_eq!(other.pour(now, 500_000), Ok(()), "another's bucket");
        assert_eq!(bucket.pour(now + wait, 500_000), Ok(()));
        assert!(bucket.pour(now + wait, 10_000).is_err());
        bucket.take_back(500_000);
        assert_eq!(bucket.pour(now + wait, 10_000), Ok(()));
    }

    #[test]
    fn an_importer_has_the_share_of_many() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let bucket = rates.bucket(now, "desk", 16);
        assert_eq!(bucket.pour(now, 64_000_000), Ok(()));
        assert!(bucket.pour(now, 16).is_err());
    }

    #[test]
    fn buckets_of_the_quiet_do_not_pile_up() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let held = rates.bucket(now, "held", 1);
        for number in 1..SWEEP_AT {
            let bucket = rates.bucket(now, &number.to_string(), 1);
            bucket.pour(now, 1_000).unwrap();
        }
        let later = now + Duration::from_secs(2);
        rates.bucket(later, "last", 1);
        assert_eq!(rates.all.lock().unwrap().buckets.len(), 2);
        drop(held);
    }
}
