//! The steps of store, in flow order: take, open, group, write, acknowledge.
//!
//! Opening and writing overlap: while groups are on their way to ClickHouse the
//! next one fills. When ClickHouse is slow, the open group grows up to its
//! bounds, then nothing more is taken, and the journal holds the senders back.
//! While it refuses a group, no other is begun.

use std::time::Duration;

use clickhouse::Client;
use tokio::sync::{mpsc, watch};

use super::gather::open_and_group;
use super::insert::Writer;
use super::patience::Patience;
use super::refused::Refused;
use super::taken::{JournalEnd, Source};
use super::unpark::{LONGEST_PAUSE, take_up_parked};
use super::write::write_groups;
use crate::Metrics;
use crate::config::StoreConfig;

/// A store that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// ClickHouse did not take the last groups before the grace period ended;
    /// nothing of them was acknowledged, so they come again.
    #[error("stop the store: {batches} batches were left unacknowledged")]
    GaveUp {
        /// Batches that were not acknowledged.
        batches: usize,
        /// The last refusal.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The task that opens batches ended by a panic.
    #[error("open batches")]
    Opening(#[source] tokio::task::JoinError),
    /// The task that writes a group ended by a panic.
    #[error("write a group")]
    Writing(#[source] tokio::task::JoinError),
    /// Kafka cannot be used.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// The consumer's thread ended by a panic.
    #[error("consume batches: the consumer's thread broke")]
    Consumer,
}

/// Runs until the source is exhausted.
pub(crate) async fn run_pipeline(
    config: StoreConfig,
    journal: JournalEnd,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let (taken, parked) = mpsc::channel(1);
    let source = Source { journal, parked };
    let limit = Duration::from_millis(config.insert_deadline_ms);
    let unparking = {
        let client = client.clone();
        tokio::spawn(async move { take_up_parked(&client, taken, limit, LONGEST_PAUSE).await })
    };
    let outcome = run_steps(config, source, client, metrics, shutdown).await;
    unparking.await.map_err(StoreError::Opening)?;
    outcome
}

/// Opens, groups, writes and acknowledges until the source is exhausted.
pub(crate) async fn run_steps(
    config: StoreConfig,
    source: Source,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    // A group is closed when it may be written: it never waits here.
    let (groups, written) = mpsc::channel(1);
    let refused = Refused::new(&metrics);
    let opening = tokio::spawn(open_and_group(
        config.clone(),
        source,
        groups,
        refused.clone(),
        metrics.clone(),
    ));
    let patience = Patience::new(shutdown, Duration::from_millis(config.grace_ms));
    let writer = Writer {
        client,
        config,
        refused,
        metrics,
    };
    let outcome = write_groups(&writer, written, patience).await;
    opening.await.map_err(StoreError::Opening)?;
    outcome
}
