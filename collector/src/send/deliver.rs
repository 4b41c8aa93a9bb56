//! Batches that someone carries rather than a collector that follows: handed
//! over until each has its final answer.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use kbwatch_proto::telemetry::{Batch, GatewayClient, Outcome, Receipt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::backoff::Backoff;
use super::stream::{Settings, chain};
use super::why::explain;
use super::{SendError, millis};
use crate::config::CollectorConfig;
use crate::run::now_ms;

/// A delivery that ended before every batch had its answer.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The address or the certificates are unusable; a person must act.
    #[error(transparent)]
    Setup(#[from] SendError),
    /// The gateway does not listen to this certificate; a person must act.
    #[error("the gateway refuses this certificate: {0}")]
    Denied(String),
    /// No answer for as long as `receipt_timeout_ms`; try again later.
    #[error("the gateway gives no receipts: {why}", why = explain(.0))]
    Silent(String),
}

/// Why one connection ended early.
enum Broken {
    Denied(String),
    Lost(String),
}

/// Hands over batches, each under its own number, and returns as many final
/// receipts, in the order of the answers.
///
/// # Errors
/// See [`DeliverError`]; what was durable by then stays so.
pub(crate) async fn deliver(
    config: &CollectorConfig,
    batches: &[Batch],
) -> Result<Vec<Receipt>, DeliverError> {
    let settings = Settings::of(config);
    settings.check()?;
    let patience = millis(config.receipt_timeout_ms);
    let mut backoff = Backoff::new(millis(config.backoff_max_ms).min(patience / 4));
    let mut receipts: Vec<Receipt> = Vec::with_capacity(batches.len());
    let mut progress = Instant::now();
    loop {
        let before = receipts.len();
        let why = match attempt(&settings, patience, batches, &mut receipts).await {
            Ok(()) => return Ok(receipts),
            Err(Broken::Denied(why)) => return Err(DeliverError::Denied(why)),
            Err(Broken::Lost(why)) => why,
        };
        if receipts.len() > before {
            progress = Instant::now();
            backoff.reset();
        } else if progress.elapsed() >= patience {
            return Err(DeliverError::Silent(why));
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// One connection: goes on until everything is answered or it breaks.
async fn attempt(
    settings: &Settings,
    patience: Duration,
    batches: &[Batch],
    receipts: &mut Vec<Receipt>,
) -> Result<(), Broken> {
    let answered = |batch: &&Batch| {
        let same = |receipt: &Receipt| receipt.batch_seq == batch.batch_seq;
        !receipts.iter().any(same)
    };
    let mut waiting: VecDeque<&Batch> = batches.iter().filter(answered).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let window = settings.in_flight.max(1);
    let (tell, outgoing) = mpsc::channel(window);
    let mut under_way = BTreeSet::new();
    let mut progress = Instant::now();
    fill(&tell, &mut waiting, &mut under_way);
    let channel = settings.connect().await.map_err(Broken::Lost)?;
    let mut client = GatewayClient::new(channel);
    let opened = timeout(patience, client.report(ReceiverStream::new(outgoing))).await;
    let opened = opened.map_err(|_| Broken::Lost("no answer in time".to_owned()))?;
    let mut answers = opened.map_err(|status| broken(&status))?.into_inner();
    while !under_way.is_empty() {
        let answer = timeout(patience, answers.message()).await;
        let answer = answer.map_err(|_| Broken::Lost("no receipt in time".to_owned()))?;
        let Some(receipt) = answer.map_err(|status| broken(&status))? else {
            return Err(Broken::Lost("the gateway ended the stream".to_owned()));
        };
        let known = batches
            .iter()
            .find(|batch| batch.batch_seq == receipt.batch_seq && batch.epoch == receipt.epoch);
        // An answer that was given before counts once.
        let Some(batch) = known.filter(|batch| under_way.remove(&batch.batch_seq)) else {
            continue;
        };
        match receipt.outcome() {
            Outcome::Durable | Outcome::Refused => {
                receipts.push(receipt);
                progress = Instant::now();
            }
            Outcome::Retry | Outcome::Unspecified if progress.elapsed() >= patience => {
                return Err(Broken::Lost("the gateway only asks to wait".to_owned()));
            }
            Outcome::Retry | Outcome::Unspecified => {
                let pause = u64::from(receipt.retry_after_ms).clamp(10, 60_000);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                waiting.push_back(batch);
            }
        }
        fill(&tell, &mut waiting, &mut under_way);
    }
    Ok(())
}

/// Hands over as much as the window allows; it is as wide as the channel.
fn fill(tell: &mpsc::Sender<Batch>, waiting: &mut VecDeque<&Batch>, under_way: &mut BTreeSet<u64>) {
    while under_way.len() < tell.max_capacity()
        && let Ok(slot) = tell.try_reserve()
        && let Some(batch) = waiting.pop_front()
    {
        under_way.insert(batch.batch_seq);
        slot.send(Batch {
            sent_at_ms: now_ms(),
            ..batch.clone()
        });
    }
}

fn broken(status: &tonic::Status) -> Broken {
    match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => {
            Broken::Denied(status.message().to_owned())
        }
        _ => Broken::Lost(chain(status)),
    }
}
