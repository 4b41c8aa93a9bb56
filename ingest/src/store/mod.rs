//! From sealed batches to rows: unpack, check, group, insert, answer.
//!
//! A batch is acknowledged after everything it promises is in ClickHouse: its
//! rows, its facts, and a dead letter for what could not be stored.

#[expect(dead_code, reason = "the consumer of Kafka is the other user")]
mod acknowledge;
mod batch;
#[expect(dead_code, reason = "the consumer of Kafka is the other user")]
mod dead_letter;
mod insert;
#[expect(dead_code, reason = "the consumer of Kafka is the other user")]
mod pipeline;
mod presence;
mod rows;
mod time_quality;
mod unpack;
mod unpark;

use clickhouse::Client;
use tokio::sync::{mpsc, watch};

use crate::Metrics;
use crate::config::StoreConfig;
use crate::journal::Entry;

pub use pipeline::StoreError;

/// Where the store takes its batches from.
pub enum Feed {
    /// From the receive of this process; see [`crate::Journal::direct`].
    Direct(mpsc::Receiver<Entry>),
}

/// Stores batches until the feed ends: the direct one when every
/// [`crate::Journal`] to it is dropped. After `shutdown` a failing insert is
/// retried for the grace period only.
///
/// # Errors
/// See [`StoreError`]; whatever was not stored was not acknowledged either.
pub async fn run(
    config: StoreConfig,
    feed: Feed,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    match feed {
        Feed::Direct(entries) => {
            let journal = pipeline::JournalEnd::Memory(entries);
            pipeline::run_pipeline(config, journal, client, metrics, shutdown).await
        }
    }
}
