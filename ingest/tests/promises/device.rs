//! A device as the gateway meets it: streams, receipts and sealed batches.

use std::net::SocketAddr;

use kbwatch_proto::batch::{Contents, pack};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::telemetry::{Batch, GatewayClient, Outcome, Receipt};
use kbwatch_proto::words::{EventResult, Phase, SourceKind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::gateway::PATIENCE;

/// A connection, with or without TLS.
pub(crate) async fn connect(address: SocketAddr, tls: Option<ClientTlsConfig>) -> Channel {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).unwrap();
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls).unwrap();
    }
    endpoint.connect().await.unwrap()
}

/// Opens a stream on a channel.
pub(crate) async fn open(channel: Channel) -> Result<Stream, Status> {
    open_under(channel, None).await
}

/// Opens a stream under a span of its sender's.
pub(crate) async fn open_under(
    channel: Channel,
    traceparent: Option<&'static str>,
) -> Result<Stream, Status> {
    let (batches, outbound) = mpsc::channel(64);
    let mut client = GatewayClient::new(channel);
    let mut request = Request::new(ReceiverStream::new(outbound));
    if let Some(header) = traceparent {
        let value = MetadataValue::from_static(header);
        request.metadata_mut().insert("traceparent", value);
    }
    let receipts = client.report(request).await?;
    Ok(Stream {
        batches,
        receipts: receipts.into_inner(),
    })
}

/// One stream as a collector holds it.
pub(crate) struct Stream {
    batches: mpsc::Sender<Batch>,
    receipts: Streaming<Receipt>,
}

impl Stream {
    pub(crate) async fn send(&mut self, batch: Batch) {
        self.batches.send(batch).await.unwrap();
    }

    /// The next receipt, or how the stream ended.
    pub(crate) async fn receipt(&mut self) -> Result<Option<Receipt>, Status> {
        tokio::time::timeout(PATIENCE, self.receipts.message())
            .await
            .expect("a receipt in time")
    }

    /// Sends a batch and returns its receipt.
    pub(crate) async fn ask(&mut self, batch: Batch) -> Receipt {
        let (epoch, batch_seq) = (batch.epoch, batch.batch_seq);
        self.send(batch).await;
        let receipt = self.receipt().await.unwrap().unwrap();
        assert_eq!((receipt.epoch, receipt.batch_seq), (epoch, batch_seq));
        receipt
    }

    /// Sends a batch that must become durable.
    pub(crate) async fn deliver(&mut self, batch: Batch) {
        let receipt = self.ask(batch).await;
        assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
    }
}

/// An event whose identity is its number.
pub(crate) fn event(number: u32) -> UpdateEvent {
    let mut event = UpdateEvent {
        event_id: EventId((u128::from(number) + 1).to_be_bytes()),
        source_kind: SourceKind::Cbs,
        phase: Phase::Install,
        result: EventResult::Fail,
        hresult: Some(0x800f_0985),
        kb: "KB5022286".to_owned(),
        printed_at_ms: Some(1_673_427_600_000 + i64::from(number)),
        evidence: format!("line {number}"),
        extra: [("stage".into(), "commit".into())].into(),
        ..UpdateEvent::default()
    };
    event.rate_completeness();
    event
}

/// A sealed batch of the events `from..from + count`.
pub(crate) fn batch(batch_seq: u64, from: u32, count: u32) -> Batch {
    sealed(batch_seq, (from..from + count).map(event).collect())
}

/// A sealed batch of these events.
pub(crate) fn sealed(batch_seq: u64, events: Vec<UpdateEvent>) -> Batch {
    let contents = Contents {
        events,
        ..Contents::default()
    };
    Batch {
        epoch: 1,
        batch_seq,
        sent_at_ms: 1_673_427_600_000,
        collector_version: "0.1.0".to_owned(),
        ..pack(&contents).unwrap()
    }
}
