//! The gRPC service, without a generated server: an idle stream keeps buffers
//! of a receipt's size, and a message that has begun must end in time.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_body::Frame;
use kbwatch_proto::batch::MAX_PAYLOAD_LEN;
use kbwatch_proto::telemetry::{Batch, Receipt};
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec};
use tonic::codegen::{Bytes, Service as TowerService, http};
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use super::connection::Caller;
use super::conversation::{Conversation, Sender};
use super::shared::Shared;
use crate::trace::{Context as Traced, TRACEPARENT};

/// The only method there is.
const REPORT: &str = "/kbwatch.telemetry.v1.Gateway/Report";

/// Room for an envelope's other fields beside the payload.
const ENVELOPE_ROOM: usize = 16 * 1024;

/// Bytes with which the buffers of a stream begin; they grow with messages.
const BUFFER: usize = 512;

/// Receipts that are ready go out together, up to so many bytes.
const TOGETHER: usize = 32 * 1024;

/// What every connection calls.
#[derive(Clone)]
pub(super) struct Service(Arc<Shared>);

impl Service {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl TowerService<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != REPORT {
            let unknown = Status::unimplemented("there is no such method");
            return Box::pin(ready(Ok(unknown.into_http())));
        }
        let report = Report(self.0.clone());
        let deadline = Duration::from_millis(self.0.config.message_deadline_ms);
        let request = request.map(|body| Watched::new(body, deadline));
        Box::pin(async move {
            let limit = MAX_PAYLOAD_LEN + ENVELOPE_ROOM;
            let mut grpc = Grpc::new(Small).max_decoding_message_size(limit);
            Ok(grpc.streaming(report, request).await)
        })
    }
}

/// Begins a conversation for each stream.
struct Report(Arc<Shared>);

impl TowerService<Request<Streaming<Batch>>> for Report {
    type Response = Response<Conversation>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Streaming<Batch>>) -> Self::Future {
        let sender = match request.extensions_mut().remove::<Caller>() {
            Some(caller) => match self.0.meet(&caller) {
                Ok(sender) => sender,
                Err(denial) => {
                    caller.was_denied();
                    return ready(Err(self.0.deny(&denial, Some(caller.peer))));
                }
            },
            // Without TLS: only loopback is listened to, and each stream says
            // who speaks.
            None => Sender {
                speaker: None,
                live: None,
                allowance: None,
                local: request.local_addr(),
                peer: request.remote_addr(),
                caller: None,
            },
        };
        let traced = request.metadata().get(TRACEPARENT);
        let traced = traced.and_then(|header| Traced::read(header.to_str().ok()?));
        let inbound = request.into_inner();
        let conversation = Conversation::new(self.0.clone(), sender, traced, inbound);
        ready(Ok(Response::new(conversation)))
    }
}

/// prost, with small buffers.
struct Small;

impl Codec for Small {
    type Encode = Receipt;
    type Decode = Batch;
    type Encoder = ProstEncoder<Receipt>;
    type Decoder = ProstDecoder<Batch>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<Receipt, Batch>::raw_encoder(BufferSettings::new(BUFFER, TOGETHER))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<Receipt, Batch>::raw_decoder(BufferSettings::new(BUFFER, TOGETHER))
    }
}

/// A body whose messages must end in time once they have begun: who sends a
/// byte now and then holds what was received of it no longer.
struct Watched {
    body: Body,
    message: Message,
    deadline: Duration,
    /// When the message began that is not whole yet.
    since: Option<Instant>,
    /// To a moment not after its deadline.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// Where in a message the last frame ended: a flag and a length of four bytes
/// lie before each (gRPC over HTTP/2, Length-Prefixed-Message).
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    head: [u8; 5],
    head_len: usize,
    missing: usize,
}

impl Watched {
    fn new(body: Body, deadline: Duration) -> Self {
        Self {
            body,
            message: Message::default(),
            deadline,
            since: None,
            alarm: None,
        }
    }

    fn follow(&mut self, bytes: &[u8]) {
        let ended = self.message.follow(bytes);
        if !self.message.has_begun() {
            self.since = None;
        } else if ended || self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// Whether a message has taken too long; else the task is woken when it
    /// has.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        let Some(since) = self.since else {
            return false;
        };
        let until = since + self.deadline;
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
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    this.follow(bytes);
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
}
