//! What a stream costs that has nothing to say.

use kbwatch_proto::telemetry::{Batch, GatewayClient};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use super::child::Child;
use crate::Failure;

/// Streams at once; each on a connection of its own.
const STREAMS: [u32; 2] = [1_000, 5_000];

/// KiB per idle stream of ours and of a bare echo.
pub(super) fn figures(runtime: &Runtime) -> Result<Vec<(String, f64)>, Failure> {
    let mut figures = Vec::new();
    for streams in STREAMS {
        for kind in ["gateway", "echo"] {
            let kib = runtime.block_on(idle(kind, streams))?;
            figures.push((format!("KiB per idle stream, {streams}, {kind}"), kib));
        }
    }
    Ok(figures)
}

async fn idle(kind: &str, streams: u32) -> Result<f64, Failure> {
    let child = Child::start(&[kind])?;
    let before = resident_kib(child.pid())?;
    let mut open = Vec::new();
    for number in 0..streams {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", child.port))?;
        let mut client = GatewayClient::new(endpoint.connect().await?);
        let (sender, batches) = tokio::sync::mpsc::channel(1);
        sender.send(heartbeat(number)?).await?;
        let receipts = client.report(ReceiverStream::new(batches)).await?;
        let mut receipts = receipts.into_inner();
        // Heard once, then silent.
        receipts.next().await.ok_or("the stream ended")??;
        open.push((client, sender, receipts));
    }
    let after = resident_kib(child.pid())?;
    drop(open);
    Ok((after - before) / f64::from(streams))
}

fn heartbeat(number: u32) -> Result<Batch, Failure> {
    Ok(Batch {
        declared_device: format!("idle-{number}"),
        ..kbwatch_proto::batch::pack(&kbwatch_proto::batch::Contents::default())?
    })
}

fn resident_kib(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
    let kib: u32 = number.ok_or("no VmRSS")?.parse()?;
    Ok(f64::from(kib))
}
