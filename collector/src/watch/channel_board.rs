//! Whether each event channel can be read: noted by the thread that reads them,
//! told by heartbeats.
//!
//! Promise: before each channel was looked at once, nobody claims to know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kbwatch_proto::unreadable::Unreadable;

use super::trouble::{Trouble, reason};

/// How long a heartbeat waits for the first look.
const FIRST_LOOK_MS: i64 = 30_000;

/// What is known of the channels; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ChannelBoard {
    opened_ms: i64,
    channels: Arc<Mutex<BTreeMap<&'static str, Seen>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    NotYet,
    Well,
    Amiss(Trouble),
}

impl ChannelBoard {
    /// A board of channels that nobody looked at yet.
    #[cfg_attr(
        not(any(windows, test)),
        expect(dead_code, reason = "only Windows has event channels")
    )]
    pub(crate) fn of(channels: &[&'static str], now_ms: i64) -> Self {
        let channels = channels.iter().map(|channel| (*channel, Seen::NotYet));
        Self {
            opened_ms: now_ms,
            channels: Arc::new(Mutex::new(channels.collect())),
        }
    }

    /// Takes note of a look; returns whether the channel fares otherwise than
    /// at the look before.
    #[cfg_attr(
        not(any(windows, test)),
        expect(dead_code, reason = "only Windows has event channels")
    )]
    pub(crate) fn note(
        &self,
        channel: &'static str,
        looked: &std::io::Result<bool>,
        now_ms: i64,
    ) -> bool {
        let mut channels = self.lock();
        let before = channels.insert(channel, Seen::Well);
        let known = match before {
            Some(Seen::Amiss(trouble)) => Some(trouble),
            _ => None,
        };
        let reason = looked.as_ref().err().map(reason);
        let trouble = Trouble::after(known, reason, now_ms);
        if let Some(trouble) = trouble {
            channels.insert(channel, Seen::Amiss(trouble));
        }
        known.is_some() != trouble.is_some()
    }

    /// Whether a heartbeat can tell how the channels fare: each was looked at,
    /// or that was waited for in vain.
    pub(crate) fn is_known(&self, now_ms: i64) -> bool {
        let waited_in_vain = !(0..FIRST_LOOK_MS).contains(&(now_ms - self.opened_ms));
        waited_in_vain || !self.lock().values().any(|seen| *seen == Seen::NotYet)
    }

    /// What people should know, for each channel that cannot be read: not what
    /// may pass by itself.
    pub(crate) fn lasting_troubles(&self, now_ms: i64) -> Vec<Trouble> {
        let opened_ms = self.opened_ms;
        let amiss = |seen: &Seen| match *seen {
            Seen::Well => None,
            Seen::Amiss(trouble) => Some(trouble),
            // The event log does not answer at all.
            Seen::NotYet => Some(Trouble {
                reason: Unreadable::Failed,
                since_ms: opened_ms,
            }),
        };
        let troubles = self.lock().values().filter_map(amiss).collect::<Vec<_>>();
        let lasting =
            |trouble: &Trouble| trouble.reason == Unreadable::Denied || trouble.has_lasted(now_ms);
        troubles.into_iter().filter(lasting).collect()
    }

    // A panic while the lock is held leaves every entry whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Seen>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::watch::trouble::PATIENCE_MS;

    fn denied() -> io::Result<bool> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn failed() -> io::Result<bool> {
        Err(io::ErrorKind::TimedOut.into())
    }

    fn told(board: &ChannelBoard, now_ms: i64) -> Vec<(Unreadable, i64)> {
        let troubles = board.lasting_troubles(now_ms).into_iter();
        troubles
            .map(|trouble| (trouble.reason, trouble.since_ms))
            .collect()
    }

    #[test]
    fn nothing_is_known_before_each_channel_was_looked_at() {
        let board = ChannelBoard::of(&["System", "Setup"], 0);
        assert!(!board.is_known(0));
        board.note("System", &Ok(false), 5);
        assert!(!board.is_known(5));
        board.note("Setup", &denied(), 6);
        assert!(board.is_known(6));
        assert_eq!(told(&board, 6), [(Unreadable::Denied, 6)]);
    }

    #[test]
    fn an_event_log_that_never_answers_is_not_waited_for_and_is_told() {
        let board = ChannelBoard::of(&["System", "Setup"], 0);
        board.note("System", &Ok(false), 5);
        assert!(board.is_known(FIRST_LOOK_MS));
        assert_eq!(told(&board, PATIENCE_MS), [(Unreadable::Failed, 0)]);
    }

    #[test]
    fn what_passes_by_itself_is_not_told_and_what_lasts_is_until_it_is_mended() {
        let board = ChannelBoard::of(&["System"], 0);
        assert!(board.note("System", &failed(), 10));
        assert_eq!(told(&board, 20), []);
        assert!(!board.note("System", &failed(), 40_000));
        assert_eq!(told(&board, 70_010), [(Unreadable::Failed, 10)]);
        assert!(board.note("System", &Ok(true), 80_000));
        assert_eq!(told(&board, 90_000), []);
    }
}
