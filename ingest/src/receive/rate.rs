//! How many bytes each identity may send: a bucket that leaks at a steady rate.
//!
//! No certificate may take the memory and the database that all share: whoever
//! sends more is asked to come again, and told when.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seconds of the rate that may come at once: what a device saved up while its
/// link was down.
const BURST_S: u64 = 4;

/// Buckets beyond which the empty ones are thrown away.
const SWEEP_AT: usize = 8_192;

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

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: u64,
    bytes_per_s: u64,
    seen_at: Instant,
}

impl Bucket {
    fn leak(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.seen_at).as_micros();
        let leaked = passed * u128::from(self.bytes_per_s) / 1_000_000;
        let leaked = u64::try_from(leaked).unwrap_or(u64::MAX);
        self.level = self.level.saturating_sub(leaked);
        self.seen_at = now;
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

    /// Takes bytes of an identity in; the error is how long it has to wait.
    pub(super) fn take(&self, id: &str, share: u32, bytes: usize) -> Result<(), Duration> {
        self.take_at(Instant::now(), id, share, bytes as u64)
    }

    fn take_at(&self, now: Instant, id: &str, share: u32, bytes: u64) -> Result<(), Duration> {
        let bytes_per_s = self.bytes_per_s * u64::from(share);
        // A panic while the lock is held cannot leave a bucket half filled.
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.sweep(now);
        let bucket = all.buckets.entry(id.to_owned()).or_insert(Bucket {
            level: 0,
            bytes_per_s,
            seen_at: now,
        });
        bucket.leak(now);
        let over = (bucket.level + bytes).saturating_sub(bytes_per_s * BURST_S);
        if over > 0 {
            return Err(Duration::from_millis(over * 1_000 / bytes_per_s + 1));
        }
        bucket.level += bytes;
        Ok(())
    }
}

impl Buckets {
    /// An empty bucket is as good as none.
    fn sweep(&mut self, now: Instant) {
        if self.buckets.len() < self.sweep_at.max(SWEEP_AT) {
            return;
        }
        self.buckets.retain(|_, bucket| {
            bucket.leak(now);
            bucket.level > 0
        });
        self.sweep_at = self.buckets.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_more_than_its_share_is_told_when_to_come_again() {
        let rates = Rates::new(1_000);
        let now = Instant::now();
        assert_eq!(rates.take_at(now, "pc-1", 1, 4_000), Ok(()));
        let wait = rates.take_at(now, "pc-1", 1, 500).unwrap_err();
        assert_eq!(wait, Duration::from_millis(501));
        assert_eq!(
            rates.take_at(now, "pc-2", 1, 500),
            Ok(()),
            "another's bucket"
        );
        assert_eq!(rates.take_at(now + wait, "pc-1", 1, 500), Ok(()));
    }

    #[test]
    fn an_importer_has_the_share_of_many() {
        let rates = Rates::new(1_000);
        let now = Instant::now();
        assert_eq!(rates.take_at(now, "desk", 16, 64_000), Ok(()));
        assert!(rates.take_at(now, "desk", 16, 16).is_err());
    }

    #[test]
    fn buckets_of_the_quiet_do_not_pile_up() {
        let rates = Rates::new(1_000);
        let now = Instant::now();
        for number in 0..SWEEP_AT {
            rates.take_at(now, &number.to_string(), 1, 1_000).unwrap();
        }
        let later = now + Duration::from_secs(2);
        rates.take_at(later, "last", 1, 1).unwrap();
        assert_eq!(rates.all.lock().unwrap().buckets.len(), 1);
    }
}
