//! One stream: batches in, receipts out, until one side has nothing more to
//! say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};
use tracing::{debug, warn};

use super::decide::check_envelope;
use super::identity::{Denial, Speaker};
use super::presence::Live;
use super::server::Shared;
use crate::journal::AppendError;
use crate::metrics::{Answer, Reason, ReceivedBatch};
use crate::{now_ms, stopped};

/// Who is at the other end.
pub(super) struct Sender {
    /// Known from the certificate; else pinned by the first batch.
    pub(super) speaker: Option<Speaker>,
    /// Its place among the streams of its identity, once that is known.
    pub(super) live: Option<Live>,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
}

pub(super) struct Conversation {
    shared: Arc<Shared>,
    sender: Sender,
    inbound: Streaming<Batch>,
    waiting: FuturesUnordered<BoxFuture<'static, Receipt>>,
    reading: bool,
    /// How the stream ends, once nothing waits.
    end: Option<Status>,
    shutdown: watch::Receiver<bool>,
    give_up_at: Option<Instant>,
    _counted: StreamCount,
}

/// Keeps the number of open streams right, however a stream ends.
struct StreamCount(crate::Metrics);

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.0.streams.dec();
    }
}

impl Conversation {
    pub(super) fn new(shared: Arc<Shared>, sender: Sender, inbound: Streaming<Batch>) -> Self {
        shared.metrics.streams.inc();
        Self {
            _counted: StreamCount(shared.metrics.clone()),
            shutdown: shared.shutdown.clone(),
            shared,
            sender,
            inbound,
            waiting: FuturesUnordered::new(),
            reading: true,
            end: None,
            give_up_at: None,
        }
    }

    /// The next receipt, or how the stream ends.
    pub(super) async fn next(&mut self) -> Option<Result<Receipt, Status>> {
        loop {
            if !self.reading && self.waiting.is_empty() {
                return self.end.take().map(Err);
            }
            let window_open = self.waiting.len() < self.shared.config.window;
            let give_up_at = self.give_up_at.unwrap_or_else(Instant::now);
            tokio::select! {
                Some(receipt) = self.waiting.next() => return Some(Ok(receipt)),
                message = self.inbound.message(), if self.reading && window_open => {
                    if let Some(receipt) = self.heard(message) {
                        return Some(Ok(receipt));
                    }
                }
                () = stopped(&mut self.shutdown), if self.give_up_at.is_none() => {
                    let grace = Duration::from_millis(self.shared.config.grace_ms);
                    self.give_up_at = Some(Instant::now() + grace);
                    self.reading = false;
                }
                () = tokio::time::sleep_until(give_up_at), if self.give_up_at.is_some() => {
                    self.waiting.clear();
                    self.end = Some(Status::unavailable("the gateway is stopping"));
                }
            }
        }
    }

    /// Takes what came in; a receipt is returned where it needs no waiting.
    fn heard(&mut self, message: Result<Option<Batch>, Status>) -> Option<Receipt> {
        match message {
            Ok(Some(batch)) => match self.take(batch) {
                Ok(receipt) => receipt,
                Err(denial) => {
                    self.reading = false;
                    self.end = Some(self.shared.deny(&denial, self.sender.peer));
                    None
                }
            },
            Ok(None) => {
                self.reading = false;
                None
            }
            Err(status) => {
                self.broke(&status);
                self.reading = false;
                self.end = Some(status);
                None
            }
        }
    }

    /// Counts why a stream cannot be read on.
    fn broke(&self, status: &Status) {
        let reason = match status.code() {
            Code::OutOfRange | Code::ResourceExhausted => "message_too_long",
            Code::Internal | Code::InvalidArgument | Code::Unimplemented => "malformed",
            _ => "connection",
        };
        let broken = &self.shared.metrics.broken;
        broken.get_or_create(&Reason { reason }).inc();
        debug!(reason, peer = ?self.sender.peer, %status, "a stream broke");
    }

    fn take(&mut self, batch: Batch) -> Result<Option<Receipt>, Denial> {
        let counted = self.shared.metrics.batch_received(batch.payload.len());
        let device_id = match self.identify(&batch) {
            Ok(device_id) => device_id,
            Err(denial) => {
                counted.answered(Answer::Denied);
                return Err(denial);
            }
        };
        let reply = Reply::to(&batch, self.shared.config.retry_after_ms);
        // Before anything that costs: rubbish is paid for too.
        if let Err(wait) = self.spend(batch.payload.len()) {
            counted.answered(Answer::Retry);
            let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            return Ok(Some(
                reply.retry_after(wait_ms, "more bytes than one sender may send"),
            ));
        }
        if let Err(refusal) = check_envelope(&batch) {
            let reason = refusal.reason();
            let refused = &self.shared.metrics.refused;
            refused.get_or_create(&Reason { reason }).inc();
            debug!(reason, device_id, %refusal, "refused a batch");
            counted.answered(Answer::Refused);
            return Ok(Some(reply.refused(refusal.to_string())));
        }
        let bytes = u32::try_from(batch.payload.len()).unwrap_or(u32::MAX);
        let budget = self.shared.budget.clone();
        let Ok(room) = budget.try_acquire_many_owned(bytes) else {
            counted.answered(Answer::Retry);
            return Ok(Some(reply.retry("the gateway is full")));
        };
        let record = self.record(batch, device_id);
        let shared = self.shared.clone();
        self.waiting
            .push(Box::pin(pass_on(shared, record, reply, counted, room)));
        Ok(None)
    }

    /// Whose events these are; pins the stream's identity at its first batch.
    fn identify(&mut self, batch: &Batch) -> Result<String, Denial> {
        let sender = &mut self.sender;
        let speaker = match &sender.speaker {
            Some(speaker) => speaker,
            None => sender.speaker.insert(Speaker::of_declaration(
                sender.local.map(|address| address.ip()),
                sender.peer.map(|address| address.ip()),
                &batch.declared_device,
            )?),
        };
        if let (None, Some(peer)) = (&sender.live, sender.peer) {
            sender.live = Some(self.shared.enter(speaker, peer.ip())?);
        }
        speaker.subject_of(batch)
    }

    /// Takes bytes off what the sender may send; the error is its waiting time.
    fn spend(&self, bytes: usize) -> Result<(), Duration> {
        let Some(speaker) = &self.sender.speaker else {
            return Ok(());
        };
        let rates = &self.shared.rates;
        let spent = rates.take(&speaker.device_id, speaker.share(), bytes);
        if spent.is_err() {
            self.shared.metrics.throttled.inc();
        }
        spent
    }

    fn record(&self, batch: Batch, device_id: String) -> JournalRecord {
        let speaker = self.sender.speaker.as_ref();
        let peer = self.sender.peer.map(|peer| peer.ip().to_string());
        let sender_id = speaker
            .filter(|_| !batch.on_behalf_of.is_empty())
            .map(|speaker| speaker.device_id.clone());
        JournalRecord {
            version: journal::VERSION,
            batch: Some(batch),
            device_id,
            role: speaker.map_or(0, |speaker| speaker.role.into()),
            received_at_ms: now_ms(),
            peer: peer.unwrap_or_default(),
            sender_id: sender_id.unwrap_or_default(),
            cloned: self.sender.live.as_ref().is_some_and(Live::is_cloned),
        }
    }
}

/// What a receipt needs once the batch itself was handed on.
struct Reply {
    epoch: u64,
    batch_seq: u64,
    retry_after_ms: u32,
}

impl Reply {
    fn to(batch: &Batch, retry_after_ms: u32) -> Self {
        Self {
            epoch: batch.epoch,
            batch_seq: batch.batch_seq,
            retry_after_ms,
        }
    }

    fn receipt(&self, outcome: Outcome) -> Receipt {
        Receipt {
            batch_seq: self.batch_seq,
            epoch: self.epoch,
            outcome: outcome.into(),
            ..Receipt::default()
        }
    }

    fn refused(&self, reason: String) -> Receipt {
        Receipt {
            reason,
            ..self.receipt(Outcome::Refused)
        }
    }

    fn retry(&self, reason: &str) -> Receipt {
        self.retry_after(self.retry_after_ms, reason)
    }

    fn retry_after(&self, wait_ms: u32, reason: &str) -> Receipt {
        Receipt {
            retry_after_ms: wait_ms,
            reason: reason.to_owned(),
            ..self.receipt(Outcome::Retry)
        }
    }
}

/// Waits until the batch is durable, or the deadline passed.
async fn pass_on(
    shared: Arc<Shared>,
    record: JournalRecord,
    reply: Reply,
    counted: ReceivedBatch,
    room: OwnedSemaphorePermit,
) -> Receipt {
    let deadline = Duration::from_millis(shared.config.receipt_deadline_ms);
    let appended =
        tokio::time::timeout(deadline, shared.journal.append_in(record, Some(room))).await;
    match appended {
        Ok(Ok(())) => {
            counted.answered(Answer::Durable);
            reply.receipt(Outcome::Durable)
        }
        Ok(Err(error @ AppendError::TooLarge)) => {
            let reason = "journal_too_large";
            let refused = &shared.metrics.refused;
            refused.get_or_create(&Reason { reason }).inc();
            warn!(%error, "refused a batch: look at the topic's max.message.bytes");
            counted.answered(Answer::Refused);
            reply.refused(error.to_string())
        }
        Ok(Err(error)) => {
            debug!(%error, "asked a collector to come again");
            counted.answered(Answer::Retry);
            reply.retry(&error.to_string())
        }
        Err(_) => {
            counted.answered(Answer::Retry);
            reply.retry("not durable in time")
        }
    }
}
