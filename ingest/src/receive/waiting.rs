//! Batches of one stream that were handed on and wait to become durable.
//!
//! Polled by their stream, without a task or a timer for each: the oldest one's
//! deadline stands for all. What the brokers are told runs on beside the stream,
//! so that a device that takes no receipts keeps nobody's room.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use kbwatch_proto::telemetry::{Outcome, Receipt};
use tokio::time::{Instant, Sleep};
use tracing::{debug, warn};

use super::handover::Handover;
use super::reply::Reply;
use crate::Metrics;
use crate::journal::AppendError;
use crate::metrics::{Answer, Reason, ReceivedBatch};
use crate::trace::Span;

/// Places that an idle stream keeps: heartbeats come one by one.
const PLACES_KEPT: usize = 4;

/// One batch that waits.
pub(super) struct Handed {
    pub(super) reply: Reply,
    pub(super) counted: ReceivedBatch,
    pub(super) bytes: usize,
    pub(super) handover: Handover,
    /// Until its receipt.
    pub(super) span: Span,
}

struct Place {
    handed: Handed,
    until: Instant,
}

/// All batches of a stream that wait, oldest first.
pub(super) struct Waiting {
    places: VecDeque<Place>,
    bytes: usize,
    metrics: Metrics,
    deadline: Duration,
    /// Set while anything waits, to a moment not after the oldest one's.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    /// Each batch may wait for so long.
    pub(super) fn new(deadline: Duration, metrics: Metrics) -> Self {
        Self {
            places: VecDeque::new(),
            bytes: 0,
            metrics,
            deadline,
            alarm: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of payload of all that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives up waiting.
    pub(super) fn clear(&mut self) {
        self.places = VecDeque::new();
        self.bytes = 0;
        self.alarm = None;
    }

    /// Takes one more, and wakes the task when it is heard of.
    pub(super) fn push(
        &mut self,
        mut handed: Handed,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Option<Receipt> {
        if let Poll::Ready(appended) = handed.handover.poll(context) {
            return Some(answer(handed, appended, &self.metrics));
        }
        self.bytes += handed.bytes;
        let until = now + self.deadline;
        self.places.push_back(Place { handed, until });
        None
    }

    /// The receipt of whichever batch is next heard of, or overdue; pending
    /// while there is none.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Receipt> {
        for number in 0..self.places.len() {
            let Poll::Ready(appended) = self.places[number].handed.handover.poll(context) else {
                continue;
            };
            if let Some(place) = self.places.remove(number) {
                self.bytes -= place.handed.bytes;
                return Poll::Ready(answer(place.handed, appended, &self.metrics));
            }
        }
        self.poll_overdue(context)
    }

    /// The receipt of a batch that is overdue; else the task is woken when one
    /// is. To be polled after every push.
    pub(super) fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Receipt> {
        loop {
            let Some(oldest) = self.places.front() else {
                self.alarm = None;
                self.places.shrink_to(PLACES_KEPT);
                return Poll::Pending;
            };
            let until = oldest.until;
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if until > Instant::now() {
                alarm.as_mut().reset(until);
                continue;
            }
            if let Some(place) = self.places.pop_front() {
                self.bytes -= place.handed.bytes;
                place.handed.counted.answered(Answer::Retry);
                return Poll::Ready(place.handed.reply.retry("not durable in time"));
            }
        }
    }
}

fn answer(handed: Handed, appended: Result<(), AppendError>, metrics: &Metrics) -> Receipt {
    let Handed {
        reply,
        counted,
        mut span,
        ..
    } = handed;
    if let Err(error) = &appended {
        span.fail(error);
    }
    match appended {
        Ok(()) => {
            counted.answered(Answer::Durable);
            reply.receipt(Outcome::Durable)
        }
        Err(error @ AppendError::TooLarge) => {
            let reason = "journal_too_large";
            metrics.refused.get_or_create(&Reason { reason }).inc();
            warn!(%error, "refused a batch: look at the topic's max.message.bytes");
            counted.answered(Answer::Refused);
            reply.refused(error.to_string())
        }
        Err(error) => {
            debug!(%error, "asked a collector to come again");
            counted.answered(Answer::Retry);
            reply.retry(&error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use kbwatch_proto::telemetry::Batch;
    use tokio::sync::oneshot;

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(200);

    fn handed(batch_seq: u64, metrics: &Metrics) -> (Handed, oneshot::Sender<()>) {
        let (durable, told) = oneshot::channel();
        let batch = Batch {
            batch_seq,
            ..Batch::default()
        };
        let handed = Handed {
            reply: Reply::to(&batch, 7),
            counted: metrics.batch_received(10),
            bytes: 10,
            handover: Handover::Told(told),
            span: Span::default(),
        };
        (handed, durable)
    }

    async fn push(waiting: &mut Waiting, handed: Handed) {
        let mut handed = Some(handed);
        let receipt = poll_fn(|context| {
            let handed = handed.take().unwrap();
            Poll::Ready(waiting.push(handed, Instant::now(), context))
        });
        assert_eq!(receipt.await, None);
    }

    #[tokio::test]
    async fn receipts_come_as_batches_become_durable_and_the_overdue_are_told_to_come_again() {
        let metrics = Metrics::default();
        let mut waiting = Waiting::new(DEADLINE, metrics.clone());
        let begun = Instant::now();
        let (first, _first_is_forgotten) = handed(1, &metrics);
        let (second, durable) = handed(2, &metrics);
        push(&mut waiting, first).await;
        push(&mut waiting, second).await;
        assert_eq!((waiting.len(), waiting.bytes()), (2, 20));
        durable.send(()).unwrap();
        let receipt = poll_fn(|context| waiting.poll(context)).await;
        assert_eq!(receipt.batch_seq, 2);
        assert_eq!(receipt.outcome(), Outcome::Durable);
        let receipt = poll_fn(|context| waiting.poll(context)).await;
        assert_eq!((receipt.batch_seq, receipt.outcome()), (1, Outcome::Retry));
        assert!(begun.elapsed() >= DEADLINE);
        assert_eq!((waiting.len(), waiting.bytes()), (0, 0));
        assert!(metrics.receive_batches().balances());
    }

    #[tokio::test]
    async fn a_store_that_stops_makes_a_batch_come_again_at_once() {
        let metrics = Metrics::default();
        let mut waiting = Waiting::new(DEADLINE, metrics.clone());
        let (only, durable) = handed(1, &metrics);
        push(&mut waiting, only).await;
        drop(durable);
        let receipt = poll_fn(|context| waiting.poll(context)).await;
        assert_eq!(receipt.outcome(), Outcome::Retry);
        assert_eq!(receipt.retry_after_ms, 7);
    }
}
