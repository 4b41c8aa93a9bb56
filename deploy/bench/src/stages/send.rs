//! Sends sealed batches and counts the receipts.

use std::path::Path;

use kbwatch_proto::telemetry::{Batch, GatewayClient, Outcome};
use prost::Message;
use tokio_stream::StreamExt;

use crate::Failure;

/// Who the batches are from, on loopback.
pub(super) const DEVICE: &str = "bench-1";

/// Sends everything down one stream and waits for every receipt.
pub(super) async fn report_all(port: u16, batches: &[Batch]) -> Result<(), Failure> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    let mut client = GatewayClient::new(endpoint.connect().await?);
    let sent: Vec<Batch> = batches
        .iter()
        .map(|batch| Batch {
            declared_device: DEVICE.to_owned(),
            ..batch.clone()
        })
        .collect();
    let mut receipts = client.report(tokio_stream::iter(sent)).await?.into_inner();
    let mut durable = 0;
    while let Some(receipt) = receipts.next().await {
        let receipt = receipt?;
        if receipt.outcome() != Outcome::Durable {
            return Err(format!("a batch was not taken: {}", receipt.reason).into());
        }
        durable += 1;
    }
    if durable == batches.len() {
        Ok(())
    } else {
        Err(format!("{durable} receipts for {} batches", batches.len()).into())
    }
}

/// Writes batches where a child finds them, and says where.
pub(super) fn keep(batches: &[Batch], folder: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    for batch in batches {
        batch.encode_length_delimited(&mut bytes)?;
    }
    let path = folder.join("batches");
    std::fs::write(&path, bytes)?;
    Ok(path.display().to_string())
}

/// What [`keep`] wrote.
pub(super) fn kept(path: &str) -> Result<Vec<Batch>, Failure> {
    let bytes = std::fs::read(path)?;
    let mut left = bytes.as_slice();
    let mut batches = Vec::new();
    while !left.is_empty() {
        batches.push(Batch::decode_length_delimited(&mut left)?);
    }
    Ok(batches)
}
