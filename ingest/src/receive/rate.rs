//! How many bytes each identity may send: a bucket that leaks at a steady rate.
//!
//! No certificate may take the memory and the database that all share: whoever
//! sends more is asked to come again, and told when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Seconds of the rate that may come at once: what a device saved up while its
/// link was down.
const BURST_S: u64 = 4;

/// Buckets beyond which the empty ones are thrown away.
const SWEEP_AT: usize = 8_192;

/// Bytes as which a batch counts at least: it is looked at, journalled and
/// answered. Small ones in masses are a flood too.
const LEAST: u64 = 8 * 1024;

/// The buckets of all identities.
#[derive(Debug)]
pub(super) struct Rates {
    bytes_per_s: u64,
    all: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    buckets: HashMap<String, Bucket>,
    sweep_at: usize,
}

/// What one identity has sent of late; clones are the same bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket(Arc<Mutex<Filled>>);

#[derive(Debug, Clone, Copy)]
struct Filled {
    level: u64,
    bytes_per_s: u64,
    seen_at: Instant,
}

impl Filled {
    fn leak(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.seen_at).as_micros();
        let leaked = passed * u128::from(self.bytes_per_s) / 1_000_000;
        let leaked = u64::try_from(leaked).unwrap_or(u64::MAX);
        self.level = self.level.saturating_sub(leaked);
        self.seen_at = now;
    }
}

impl Bucket {
    /// Takes a batch of so many bytes in; the error is how long it has to wait.
    pub(super) fn take(&self, now: Instant, bytes: usize) -> Result<(), Duration> {
        let mut filled = self.lock();
        filled.leak(now);
        let cost = LEAST.max(bytes as u64);
        let bytes_per_s = filled.bytes_per_s;
        let over = (filled.level + cost).saturating_sub(bytes_per_s * BURST_S);
        if over > 0 {
            return Err(Duration::from_millis(over * 1_000 / bytes_per_s + 1));
        }
        filled.level += cost;
        Ok(())
    }

    // A panic while the lock is held cannot leave a bucket half filled.
    fn lock(&self) -> MutexGuard<'_, Filled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rates {
    /// Buckets that leak so many bytes a second, for a share of one.
    pub(super) fn new(bytes_per_s: u32) -> Self {
        Self {
            bytes_per_s: u64::from(bytes_per_s),
            all: Mutex::default(),
        }
    }

    /// The bucket of an identity with this share, as full as it left it.
    pub(super) fn bucket(&self, now: Instant, id: &str, share: u32) -> Bucket {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.sweep(now);
        if let Some(bucket) = all.buckets.get(id) {
            return bucket.clone();
        }
        let bucket = Bucket(Arc::new(Mutex::new(Filled {
            level: 0,
            bytes_per_s: self.bytes_per_s * u64::from(share),
            seen_at: now,
        })));
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

    const RATE: u32 = 1_000_000;

    #[test]
    fn who_sends_more_than_its_share_is_told_when_to_come_again() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let bucket = rates.bucket(now, "pc-1", 1);
        assert_eq!(bucket.take(now, 4_000_000 - 8_192), Ok(()));
        assert_eq!(bucket.take(now, 0), Ok(()));
        let again = rates.bucket(now, "pc-1", 1);
        let wait = again.take(now, 500_000).unwrap_err();
        assert_eq!(wait, Duration::from_millis(501));
        let other = rates.bucket(now, "pc-2", 1);
        assert_eq!(other.take(now, 500_000), Ok(()), "another's bucket");
        assert_eq!(bucket.take(now + wait, 500_000), Ok(()));
    }

    #[test]
    fn many_small_batches_are_a_flood_too() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let bucket = rates.bucket(now, "pc-1", 1);
        let taken = (0..10_000).take_while(|_| bucket.take(now, 1).is_ok());
        assert_eq!(taken.count(), 4_000_000 / 8_192);
    }

    #[test]
    fn an_importer_has_the_share_of_many() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let bucket = rates.bucket(now, "desk", 16);
        assert_eq!(bucket.take(now, 64_000_000), Ok(()));
        assert!(bucket.take(now, 16).is_err());
    }

    #[test]
    fn buckets_of_the_quiet_do_not_pile_up() {
        let rates = Rates::new(RATE);
        let now = Instant::now();
        let held = rates.bucket(now, "held", 1);
        for number in 1..SWEEP_AT {
            let bucket = rates.bucket(now, &number.to_string(), 1);
            bucket.take(now, 1_000).unwrap();
        }
        let later = now + Duration::from_secs(2);
        rates.bucket(later, "last", 1);
        assert_eq!(rates.all.lock().unwrap().buckets.len(), 2);
        drop(held);
    }
}
