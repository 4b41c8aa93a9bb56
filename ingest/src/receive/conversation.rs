//! One stream: batches in, receipts out, until one side has nothing more to
//! say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use kbwatch_proto::telemetry::{Batch, Receipt};
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status, Streaming};
use tracing::debug;

use super::allowance::TooMuch;
use super::arrival::Ear;
use super::decide::check_envelope;
use super::handover::Handover;
use super::identity::Denial;
use super::reply::Reply;
use super::sender::Sender;
use super::shared::Shared;
use super::waiting::{Handed, Waiting};
use crate::metrics::{Answer, Reason};
use crate::stopped;
use crate::trace::{Context as Traced, Span};

/// Bytes of one stream that may wait, whatever its window: two batches of full
/// size. No stream takes what all share.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// For how long a stream is not read whose sender sends too much: being told so
/// must not cost more than sending.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Conversation {
    shared: Arc<Shared>,
    sender: Sender,
    /// The sender's own span, where it names one.
    traced: Option<Traced>,
    inbound: Streaming<Batch>,
    /// Told when the stream is not read, so that nobody is late meanwhile.
    ear: Ear,
    waiting: Waiting,
    reading: bool,
    /// Set while the stream is not read because it sent too much.
    pause: Option<Pin<Box<Sleep>>>,
    /// How the stream ends, once nothing waits.
    end: Option<Status>,
    /// Until the gateway is asked to stop, and from then on.
    stop: Option<BoxFuture<'static, ()>>,
    give_up: Option<Pin<Box<Sleep>>>,
    _counted: StreamCount,
}

/// Keeps the number of open streams right, however a stream ends.
struct StreamCount(crate::Metrics);

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.0.streams.dec();
    }
}

/// The next receipt, or how the stream ends.
impl Stream for Conversation {
    type Item = Result<Receipt, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(receipt) = this.waiting.poll(context) {
            return Poll::Ready(Some(Ok(receipt)));
        }
        while this.may_read(context) {
            let Poll::Ready(message) = Pin::new(&mut this.inbound).poll_next(context) else {
                break;
            };
            if let Some(receipt) = this.heard(message, context) {
                return Poll::Ready(Some(Ok(receipt)));
            }
        }
        // Once more: what was just taken has a deadline too.
        if let Poll::Ready(receipt) = this.waiting.poll_overdue(context) {
            return Poll::Ready(Some(Ok(receipt)));
        }
        this.look_for_the_end(context);
        if !this.reading && this.waiting.is_empty() {
            return Poll::Ready(this.end.take().map(Err));
        }
        Poll::Pending
    }
}

impl Conversation {
    pub(super) fn new(
        shared: Arc<Shared>,
        sender: Sender,
        traced: Option<Traced>,
        (inbound, ear): (Streaming<Batch>, Ear),
    ) -> Self {
        shared.metrics.streams.inc();
        let mut shutdown = shared.shutdown.clone();
        let deadline = Duration::from_millis(shared.config.receipt_deadline_ms);
        Self {
            _counted: StreamCount(shared.metrics.clone()),
            waiting: Waiting::new(deadline, shared.metrics.clone()),
            stop: Some(Box::pin(async move { stopped(&mut shutdown).await })),
            shared,
            sender,
            traced,
            inbound,
            ear,
            reading: true,
            pause: None,
            end: None,
            give_up: None,
        }
    }

    /// Whether another batch may be taken; else the task is woken when one may.
    fn may_read(&mut self, context: &mut Context<'_>) -> bool {
        let may_read = self.is_due(context)
            && self.reading
            && self.waiting.len() < self.shared.config.window
            && self.waiting.bytes() < MAX_WAITING_BYTES;
        if !may_read {
            self.ear.is_shut();
        }
        may_read
    }

    /// Whether a sender that sent too much has paused for long enough.
    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return false;
            }
            self.pause = None;
        }
        true
    }

    /// Asked to stop it reads no more, and gives up once the grace period is
    /// over.
    fn look_for_the_end(&mut self, context: &mut Context<'_>) {
        if let Some(stop) = &mut self.stop
            && stop.as_mut().poll(context).is_ready()
        {
            self.stop = None;
            self.reading = false;
            let grace = Duration::from_millis(self.shared.config.grace_ms);
            self.give_up = Some(Box::pin(tokio::time::sleep(grace)));
        }
        if let Some(give_up) = &mut self.give_up
            && !self.waiting.is_empty()
            && give_up.as_mut().poll(context).is_ready()
        {
            self.give_up = None;
            self.waiting.clear();
            self.end = Some(Status::unavailable("the gateway is stopping"));
        }
    }

    /// Takes what came in; a receipt is returned where it needs no waiting.
    fn heard(
        &mut self,
        message: Option<Result<Batch, Status>>,
        context: &mut Context<'_>,
    ) -> Option<Receipt> {
        let status = match message {
            Some(Ok(batch)) => match self.take(batch, context) {
                Ok(receipt) => return receipt,
                Err(denial) => self.deny(&denial),
            },
            None => {
                self.reading = false;
                return None;
            }
            Some(Err(status)) => {
                self.broke(&status);
                status
            }
        };
        self.reading = false;
        self.end = Some(status);
        None
    }

    fn deny(&self, denial: &Denial) -> Status {
        if let Some(caller) = &self.sender.caller {
            caller.was_denied();
        }
        self.shared.deny(denial, self.sender.peer)
    }

    /// Counts why a stream cannot be read on.
    fn broke(&self, status: &Status) {
        let reason = match status.code() {
            Code::OutOfRange | Code::ResourceExhausted => "message_too_long",
            Code::DeadlineExceeded => "message_overdue",
            Code::Internal | Code::InvalidArgument | Code::Unimplemented => "malformed",
            _ => "connection",
        };
        let broken = &self.shared.metrics.broken;
        broken.get_or_create(&Reason { reason }).inc();
        debug!(reason, peer = ?self.sender.peer, %status, "a stream broke");
    }

    fn take(&mut self, batch: Batch, context: &mut Context<'_>) -> Result<Option<Receipt>, Denial> {
        let bytes = batch.payload.len();
        let now = Instant::now();
        let counted = self.shared.metrics.batch_received(bytes);
        let device_id = match self.sender.identify(&self.shared, &batch, now) {
            Ok(device_id) => device_id,
            Err(denial) => {
                counted.answered(Answer::Denied);
                return Err(denial);
            }
        };
        let reply = Reply::to(&batch, self.shared.config.retry_after_ms);
        // Before anything that costs: rubbish is paid for too.
        if let Err(much) = self.spend(bytes, now) {
            counted.answered(Answer::Retry);
            let wait_ms = u32::try_from(much.wait.as_millis()).unwrap_or(u32::MAX);
            return Ok(Some(reply.retry_after(wait_ms, much.reason())));
        }
        if let Err(refusal) = check_envelope(&batch) {
            let reason = refusal.reason();
            let refused = &self.shared.metrics.refused;
            refused.get_or_create(&Reason { reason }).inc();
            debug!(reason, device_id, %refusal, "refused a batch");
            counted.answered(Answer::Refused);
            return Ok(Some(reply.refused(refusal.to_string())));
        }
        if let Some(caller) = &self.sender.caller {
            caller.was_heard();
        }
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let budget = self.shared.budget.clone();
        let Ok(room) = budget.try_acquire_many_owned(permits) else {
            counted.answered(Answer::Retry);
            return Ok(Some(reply.retry("the gateway is full")));
        };
        let span = self.begin_span(&batch, &device_id);
        let record = self.sender.record(batch, device_id);
        let journal = &self.shared.journal;
        let handed = Handed {
            reply,
            counted,
            bytes,
            handover: Handover::of(journal, record, room, span.part("journal")),
            span,
        };
        Ok(self.waiting.push(handed, now, context))
    }

    /// Takes bytes off what the sender may send, and does not listen to it for a
    /// moment where it sends too much.
    fn spend(&mut self, bytes: usize, now: Instant) -> Result<(), TooMuch> {
        let spent = self.sender.spend(bytes, now);
        if let Err(much) = &spent {
            let throttled = &self.shared.metrics.throttled;
            throttled.get_or_create(&Reason { reason: much.by }).inc();
            self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
        }
        spent
    }

    /// From here to its receipt.
    fn begin_span(&self, batch: &Batch, device_id: &str) -> Span {
        let mut span = self.shared.metrics.tracer.begin("receive", self.traced);
        span.say("device", device_id);
        span.say("batch_seq", batch.batch_seq);
        span.say("events", u64::from(batch.event_count));
        span
    }
}
