//! A gateway that acknowledges everything and counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kbwatch_proto::telemetry::{Batch, Gateway, GatewayServer, Outcome, Receipt};
use prost::Message;
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use crate::Failure;

/// Receipts that may wait for one collector.
const WAITING_RECEIPTS: usize = 64;

#[derive(Debug, Default)]
struct Tally {
    events: AtomicU64,
    bytes: AtomicU64,
}

/// Serves until dropped, on loopback, in plain.
pub(crate) struct Acknowledging {
    tally: Arc<Tally>,
    port: u16,
    _runtime: Runtime,
}

impl Acknowledging {
    pub(crate) fn start() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let port = listener.local_addr()?.port();
        let tally = Arc::new(Tally::default());
        let service = GatewayServer::new(Service(Arc::clone(&tally)));
        let serving = tonic::transport::Server::builder()
            .add_service(service.max_decoding_message_size(16 << 20))
            .serve_with_incoming(TcpListenerStream::new(listener));
        runtime.spawn(serving);
        Ok(Self {
            tally,
            port,
            _runtime: runtime,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Events and bytes taken since the last [`Acknowledging::forget`].
    pub(crate) fn taken(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.tally.events), load(&self.tally.bytes))
    }

    pub(crate) fn forget(&self) {
        self.tally.events.store(0, Ordering::Relaxed);
        self.tally.bytes.store(0, Ordering::Relaxed);
    }
}

struct Service(Arc<Tally>);

#[tonic::async_trait]
impl Gateway for Service {
    type ReportStream = ReceiverStream<Result<Receipt, Status>>;

    async fn report(
        &self,
        batches: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut batches = batches.into_inner();
        let tally = Arc::clone(&self.0);
        let (answers, receipts) = tokio::sync::mpsc::channel(WAITING_RECEIPTS);
        tokio::spawn(async move {
            while let Some(Ok(batch)) = batches.next().await {
                let events = u64::from(batch.event_count);
                tally.events.fetch_add(events, Ordering::Relaxed);
                let bytes = batch.encoded_len() as u64;
                tally.bytes.fetch_add(bytes, Ordering::Relaxed);
                let receipt = Receipt {
                    epoch: batch.epoch,
                    batch_seq: batch.batch_seq,
                    outcome: Outcome::Durable.into(),
                    ..Receipt::default()
                };
                if answers.send(Ok(receipt)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receipts)))
    }
}
