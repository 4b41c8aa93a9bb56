//! A fleet reports to a gateway over gRPC, and what arrives is the ledger.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kbwatch_proto::batch::unpack;
use kbwatch_proto::event::{FactsSnapshot, UpdateEvent};
use kbwatch_proto::ids::EventId;
use kbwatch_proto::telemetry::{Batch, Gateway, GatewayServer, Outcome, Receipt};
use kbwatch_simulator::ledger::{LedgerRow, verify};
use kbwatch_simulator::plan::PlanConfig;
use kbwatch_simulator::run::{Credentials, Fleet, LaunchConfig};
use kbwatch_simulator::scenario::demo;
use kbwatch_simulator::truth::{Outcome as Fate, hex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// What has arrived, by device.
#[derive(Debug, Default)]
struct Arrived {
    events: BTreeMap<(String, EventId), UpdateEvent>,
    facts: BTreeMap<String, Vec<FactsSnapshot>>,
}

/// Opens every batch and gives its receipt.
#[derive(Debug, Clone, Default)]
struct Opener(Arc<Mutex<Arrived>>);

impl Opener {
    fn open(&self, batch: &Batch) -> Receipt {
        let contents = unpack(batch).unwrap().contents;
        let device = batch.declared_device.clone();
        let mut arrived = self.0.lock().unwrap();
        for event in contents.events {
            let key = (device.clone(), event.event_id);
            let known = arrived.events.entry(key).or_insert_with(|| event.clone());
            if event.completeness >= known.completeness {
                *known = event;
            }
        }
        if let Some(facts) = contents.facts {
            arrived.facts.entry(device).or_default().push(facts);
        }
        Receipt {
            batch_seq: batch.batch_seq,
            epoch: batch.epoch,
            outcome: Outcome::Durable.into(),
            ..Receipt::default()
        }
    }
}

#[tonic::async_trait]
impl Gateway for Opener {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<Receipt, Status>> + Send>>;

    async fn report(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut batches = request.into_inner();
        let (receipts, outgoing) = tokio::sync::mpsc::channel(8);
        let opener = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(batch)) = batches.next().await {
                if receipts.send(Ok(opener.open(&batch))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }
}

async fn serve(opener: Opener) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder()
        .add_service(GatewayServer::new(opener))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    format!("http://{address}")
}

fn rows(arrived: &Arrived) -> Vec<LedgerRow> {
    arrived
        .events
        .iter()
        .map(|((device, _), event)| LedgerRow {
            device: device.clone(),
            source: event.source_kind.as_str().to_owned(),
            result: event.result.as_str().to_owned(),
            kb: event.kb.clone(),
            hresult: event.hresult.map(hex).unwrap_or_default(),
            file: event.file.clone(),
            count: 1,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_plan_holds_arrives_once_and_nothing_else() {
    let opener = Opener::default();
    let gateway = serve(opener.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = demo(PlanConfig {
        devices: 80,
        seed: 5,
        now_ms: i64::try_from(
            std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap()
                .as_millis(),
        )
        .unwrap(),
        live_ms: 2_000,
    });
    let fleet = Fleet::launch(
        plan,
        LaunchConfig {
            gateway,
            credentials: Credentials::Declared,
            dir: folder.path().to_owned(),
            heartbeat_s: 1,
        },
    )
    .unwrap();
    fleet.settled(Duration::from_mins(1)).await.unwrap();
    let truth = fleet.truth.clone();
    let ledger = fleet.ledger();
    let summary = fleet.stop().await.unwrap();
    assert_eq!(summary.progress.settled, 80);
    assert_eq!(summary.dropped_events + summary.refused_events, 0);
    let arrived = opener.0.lock().unwrap();
    assert_eq!(verify(&ledger, &rows(&arrived)), []);
    let live_success = truth
        .outcomes
        .iter()
        .find(|row| row.live && row.outcome == Fate::Succeeded)
        .unwrap();
    let levels: Vec<&str> = arrived.facts[&live_success.device]
        .iter()
        .map(|snapshot| snapshot.facts["ubr"].as_str())
        .collect();
    assert!(
        levels.len() > 1 && levels.last() == Some(&"3887"),
        "{levels:?}"
    );
}
