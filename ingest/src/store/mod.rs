//! From sealed batches to rows: unpack, check, group, insert, answer.
//!
//! A batch is acknowledged after everything it promises is in ClickHouse: its
//! rows, its facts, and a dead letter for what could not be stored.

mod acknowledge;
mod batch;
mod check;
mod columns;
mod consume;
mod dead_letter;
mod gaps;
mod gather;
mod handover;
mod in_vain;
mod insert;
mod insert_name;
pub mod letters;
mod months;
mod native;
mod opened;
mod opening;
mod order;
mod patience;
mod pipeline;
mod presence;
mod read;
mod refused;
mod replay;
mod rows;
mod source_lines;
mod taken;
mod time_quality;
mod unpack;
mod unpark;
mod vouch;
mod write;

use clickhouse::Client;
use tokio::sync::{mpsc, watch};

use crate::Metrics;
use crate::config::{KafkaConfig, StoreConfig};
use crate::journal::Entry;
use crate::kafka::ensure_topic;
use crate::metrics::keep_accounts;
use consume::consume;
use pipeline::run_pipeline;
use taken::JournalEnd;

pub use pipeline::StoreError;
pub use replay::{ReplayError, Replayed, replay};

/// Where the store takes its batches from.
pub enum Feed {
    /// From the receive of this process; see [`crate::Journal::direct`].
    Direct(mpsc::Receiver<Entry>),
    /// From the topic of Kafka, as one of a group of stores.
    Kafka(KafkaConfig),
}

/// Stores batches until the feed ends: the direct one when every
/// [`crate::Journal`] to it is dropped, Kafka's after `shutdown`. From then on
/// a failing insert is retried for the grace period only.
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
    let accounts = keep_accounts(&config, &client, &metrics);
    let outcome = take_and_store(config, feed, client, metrics, shutdown).await;
    accounts.end().await;
    outcome
}

async fn take_and_store(
    config: StoreConfig,
    feed: Feed,
    client: Client,
    metrics: Metrics,
    shutdown: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    match feed {
        Feed::Direct(entries) => {
            let journal = JournalEnd::Memory(entries);
            run_pipeline(config, journal, client, metrics, shutdown).await
        }
        Feed::Kafka(kafka) => {
            ensure_topic(&kafka).await?;
            let consuming = consume(&kafka, &config, &metrics, shutdown.clone())?;
            let journal = JournalEnd::Consumer(consuming.taken);
            let outcome = run_pipeline(config, journal, client, metrics, shutdown).await;
            consuming.progress.end();
            // Its last commit and its good-bye to the group take a moment.
            let left = tokio::task::spawn_blocking(|| consuming.thread.join()).await;
            match left {
                Ok(Ok(())) => outcome,
                _ => outcome.and(Err(StoreError::Consumer)),
            }
        }
    }
}
