//! Who was turned away, written down and counted.
//!
//! Everyone is counted. Written down is everyone as well, unless they come in
//! floods: the log must not be what a hostile sender fills the disk with.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::Metrics;
use crate::metrics::Reason;

/// Lines about one reason in a row; beyond them [`PAUSE`] lies between two.
const LINES: u32 = 200;

/// Time after which one more line may be written.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts and writes down; clones share what they wrote.
#[derive(Debug, Clone)]
pub(super) struct Audit {
    metrics: Metrics,
    /// By reason: there are few.
    written: Arc<Mutex<HashMap<&'static str, Written>>>,
}

#[derive(Debug)]
struct Written {
    lines_left: u32,
    since: Instant,
    left_out: u64,
}

impl Audit {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            written: Arc::default(),
        }
    }

    /// A sender is not listened to. Written down before it is counted: who sees
    /// the count finds the record.
    pub(super) fn denied(
        &self,
        reason: &'static str,
        peer: Option<SocketAddr>,
        why: &(impl Display + ?Sized),
    ) {
        if let Some(left_out) = self.may_write(reason, Instant::now()) {
            let peer = peer.map(tracing::field::display);
            if left_out > 0 {
                warn!(
                    reason,
                    left_out, "denied more senders than are written down"
                );
            }
            warn!(reason, peer, denial = %why, "denied a sender");
        }
        self.metrics.denied.get_or_create(&Reason { reason }).inc();
    }

    /// A connection or a stream ended by an error.
    pub(super) fn broke(&self, reason: &'static str) {
        self.metrics.broken.get_or_create(&Reason { reason }).inc();
    }

    /// How many were left out since the last line, where another may follow.
    fn may_write(&self, reason: &'static str, now: Instant) -> Option<u64> {
        // A panic while the lock is held cannot leave a line half counted.
        let mut all = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let written = all.entry(reason).or_insert(Written {
            lines_left: LINES,
            since: now,
            left_out: 0,
        });
        let passed = now.saturating_duration_since(written.since).as_secs() / PAUSE.as_secs();
        if let Ok(passed @ 1..) = u32::try_from(passed) {
            written.lines_left = written.lines_left.saturating_add(passed).min(LINES);
            written.since = now;
        }
        if written.lines_left == 0 {
            written.left_out += 1;
            return None;
        }
        written.lines_left -= 1;
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_whole_and_written_down_in_part() {
        let metrics = Metrics::default();
        let audit = Audit::new(metrics.clone());
        for _ in 0..1_000 {
            audit.denied("invalid_id", None, "nobody");
        }
        assert_eq!(metrics.denied("invalid_id"), 1_000);
        let now = Instant::now();
        assert_eq!(audit.may_write("invalid_id", now), None);
        assert_eq!(audit.may_write("other_device", now), Some(0), "another's");
        let left_out = audit.may_write("invalid_id", now + PAUSE * 2);
        assert_eq!(left_out, Some(1_000 - u64::from(LINES) + 1));
    }
}
