//! The gRPC service, without a generated server: an idle stream keeps buffers
//! of a receipt's size, and a message that has begun must go on arriving.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use kbwatch_proto::batch::MAX_PAYLOAD_LEN;
use kbwatch_proto::telemetry::{Batch, Receipt};
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec};
use tonic::codegen::{Service as TowerService, http};
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use super::arrival::{Ear, Pace, Watched};
use super::connection::Caller;
use super::conversation::Conversation;
use super::sender::Sender;
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
        let pace = Pace::of(&self.0.config);
        let ear = Ear::default();
        let mut request = request.map(|body| Watched::new(body, pace, ear.clone()));
        request.extensions_mut().insert(ear);
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
            None => Sender::declaring(request.local_addr(), request.remote_addr()),
        };
        let traced = request.metadata().get(TRACEPARENT);
        let traced = traced.and_then(|header| Traced::read(header.to_str().ok()?));
        let ear = request.extensions_mut().remove::<Ear>().unwrap_or_default();
        let heard = (request.into_inner(), ear);
        let conversation = Conversation::new(self.0.clone(), sender, traced, heard);
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
