//! A message that has begun must go on arriving: who sends a byte now and then
//! holds what was received of it no longer.
//!
//! Only the sender's own pauses count. While the gateway itself does not read,
//! because receipts are due or the sender is slowed, nobody is late.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

use crate::config::ReceiveConfig;

/// How fast a message must arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Pauses that any message may make, all together.
    pauses: Duration,
    /// Beyond them.
    bytes_per_s: u32,
}

impl Pace {
    pub(super) fn of(config: &ReceiveConfig) -> Self {
        Self {
            pauses: Duration::from_millis(config.message_deadline_ms),
            bytes_per_s: config.message_bytes_per_s,
        }
    }

    /// How long may be waited for so many bytes, all in all.
    fn patience(self, bytes: u64) -> Duration {
        let micros = bytes.saturating_mul(1_000_000) / u64::from(self.bytes_per_s.max(1));
        self.pauses.saturating_add(Duration::from_micros(micros))
    }
}

/// Whether the gateway listens to a stream at all; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Ear(Arc<AtomicBool>);

impl Ear {
    /// From now until it is read again, the stream is not read.
    pub(super) fn is_shut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

/// A body whose messages are watched as they arrive.
pub(super) struct Watched {
    body: Body,
    arriving: Arriving,
    ear: Ear,
    /// To a moment not after which the message is overdue.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How a message arrives.
struct Arriving {
    message: Message,
    pace: Pace,
    /// Bytes that have arrived of a message that is not whole yet.
    arrived: u64,
    /// How long they were waited for.
    waited: Duration,
    /// Since when more is waited for.
    since: Option<Instant>,
}

/// Where in a message the last frame ended: a flag and a length of four bytes
/// lie before each (gRPC over HTTP/2, Length-Prefixed-Message).
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    head: [u8; 5],
    head_len: usize,
    missing: usize,
}

impl Arriving {
    fn new(pace: Pace) -> Self {
        Self {
            message: Message::default(),
            pace,
            arrived: 0,
            waited: Duration::ZERO,
            since: None,
        }
    }

    /// Takes what came.
    fn heard(&mut self, bytes: &[u8], now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        let ended = self.message.follow(bytes);
        if ended || !self.message.has_begun() {
            self.arrived = 0;
            self.waited = Duration::ZERO;
        }
        if self.message.has_begun() {
            self.arrived += bytes.len() as u64;
        }
    }

    /// Nothing came: until when something must, if a message has begun.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        if !self.message.has_begun() {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let patience = self.pace.patience(self.arrived);
        Some(since + patience.saturating_sub(self.waited))
    }
}

impl Watched {
    pub(super) fn new(body: Body, pace: Pace, ear: Ear) -> Self {
        Self {
            body,
            arriving: Arriving::new(pace),
            ear,
            alarm: None,
        }
    }

    /// Whether a message has taken too long; else the task is woken when it
    /// has.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        let Some(until) = self.arriving.due(Instant::now()) else {
            return false;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        while alarm.as_mut().poll(context).is_ready() {
            if until <= Instant::now() {
                return true;
            }
            alarm.as_mut().reset(until);
        }
        false
    }
}

impl Message {
    /// Takes the next bytes; says whether a message ended among them.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            if self.missing == 0 {
                let len = bytes.len().min(self.head.len() - self.head_len);
                self.head[self.head_len..][..len].copy_from_slice(&bytes[..len]);
                self.head_len += len;
                bytes = &bytes[len..];
                if self.head_len < self.head.len() {
                    return ended;
                }
                let [_, len @ ..] = self.head;
                self.missing = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
            }
            let len = bytes.len().min(self.missing);
            self.missing -= len;
            bytes = &bytes[len..];
            if self.missing == 0 {
                self.head_len = 0;
                ended = true;
            }
        }
        ended
    }

    fn has_begun(&self) -> bool {
        self.head_len > 0
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ear.was_shut() {
            this.arriving.since = None;
        }
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    this.arriving.heard(bytes, Instant::now());
                }
            }
            Poll::Pending if this.is_overdue(context) => {
                let overdue = "a message took too long to arrive";
                return Poll::Ready(Some(Err(Status::deadline_exceeded(overdue))));
            }
            _ => {}
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_followed_however_frames_cut_them() {
        let mut bytes = Vec::new();
        for len in [0_u8, 1, 7, 200] {
            bytes.extend_from_slice(&[0, 0, 0, 0, len]);
            bytes.extend(std::iter::repeat_n(9, usize::from(len)));
        }
        for size in 1..bytes.len() {
            let mut message = Message::default();
            let ended = bytes.chunks(size).filter(|cut| message.follow(cut));
            assert!(ended.count() > 0);
            assert!(!message.has_begun() && message.missing == 0, "{size}");
            message.follow(&[0]);
            assert!(message.has_begun());
        }
    }

    const PACE: Pace = Pace {
        pauses: Duration::from_secs(1),
        bytes_per_s: 100,
    };

    /// Whether a message of 1,000 bytes arrives, so many at once and a pause
    /// after them.
    fn arrives(bytes: usize, pause: Duration) -> bool {
        let mut arriving = Arriving::new(PACE);
        let mut message = vec![0, 0, 0, 0x03, 0xe8];
        message.resize(1_005, 7);
        let mut now = Instant::now();
        message.chunks(bytes).all(|cut| {
            arriving.heard(cut, now);
            let due = arriving.due(now);
            now += pause;
            due.is_none_or(|due| due >= now)
        })
    }

    #[test]
    fn a_slow_message_arrives_and_a_dribbled_one_does_not() {
        assert!(arrives(100, Duration::from_millis(900)));
        assert!(arrives(1_005, Duration::from_secs(9)), "it is whole");
        assert!(!arrives(100, Duration::from_millis(1_500)));
        assert!(!arrives(1, Duration::from_millis(100)));
    }

    #[test]
    fn nobody_is_late_while_the_gateway_does_not_read() {
        let mut arriving = Arriving::new(PACE);
        let begun = Instant::now();
        arriving.heard(&[0, 0, 0, 0, 9], begun);
        assert!(arriving.due(begun).is_some());
        // As if the ear was shut for a minute.
        arriving.since = None;
        let later = begun + Duration::from_mins(1);
        assert!(arriving.due(later).unwrap() > later);
    }

    #[test]
    fn between_messages_a_stream_may_be_quiet_for_ever() {
        let mut arriving = Arriving::new(PACE);
        let now = Instant::now();
        arriving.heard(&[0, 0, 0, 0, 1, 7], now);
        assert_eq!(arriving.due(now), None);
        arriving.heard(&[0], now + Duration::from_hours(24));
        assert!(arriving.due(now + Duration::from_hours(24)).is_some());
    }
}
