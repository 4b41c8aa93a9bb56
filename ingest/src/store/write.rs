//! Writes groups and acknowledges them; in between, presence.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use super::batch::Closed;
use super::insert::{GaveUp, Writer};
use super::patience::Patience;
use super::pipeline::StoreError;
use super::presence::Presence;

/// A group, and what became of its insert.
type Written = (Closed, Result<(), GaveUp>);

/// Writes groups, several at once, and acknowledges each when it is written; in
/// between, presence, which nothing waits for.
pub(super) async fn write_groups(
    writer: &Writer,
    mut groups: mpsc::Receiver<Closed>,
    patience: Patience,
) -> Result<(), StoreError> {
    let mut hearing = Hearing::new(writer, &patience);
    let mut flush = interval(Duration::from_millis(writer.config.presence_flush_ms));
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    let mut ended = false;
    while !ended || !under_way.is_empty() {
        tokio::select! {
            group = groups.recv(), if !ended => match group {
                Some(group) => {
                    under_way.spawn(write(writer.clone(), group, patience.clone()));
                }
                None => ended = true,
            },
            Some(written) = under_way.join_next() => {
                let (group, written) = written.map_err(StoreError::Writing)?;
                if let Err(failure) = written {
                    let heard = &mut hearing.heard;
                    let gave_up = gave_up(group, under_way, groups, heard, failure).await;
                    hearing.end().await?;
                    return Err(gave_up);
                }
                acknowledge(group, &mut hearing.heard);
            }
            _ = flush.tick(), if hearing.writing.is_empty() => hearing.begin_to_write(),
            Some(written) = hearing.writing.join_next() => hearing.wrote(written)?,
        }
    }
    hearing.end().await
}

/// What was heard of devices, and the task that writes some of it.
struct Hearing {
    heard: Presence,
    /// One at most: rows of one device keep their order.
    writing: JoinSet<Presence>,
    writer: Writer,
    patience: Patience,
}

impl Hearing {
    fn new(writer: &Writer, patience: &Patience) -> Self {
        Self {
            heard: Presence::default(),
            writing: JoinSet::new(),
            writer: writer.clone(),
            patience: patience.clone(),
        }
    }

    fn begin_to_write(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        let (writer, mut patience) = (self.writer.clone(), self.patience.clone());
        self.writing.spawn(async move {
            heard.flush(&writer, &mut patience).await;
            heard
        });
    }

    /// Takes back what could not be written.
    fn wrote(&mut self, left: Result<Presence, JoinError>) -> Result<(), StoreError> {
        self.heard.take_back(left.map_err(StoreError::Writing)?);
        Ok(())
    }

    /// Writes what is left, and counts what cannot be.
    async fn end(mut self) -> Result<(), StoreError> {
        while let Some(written) = self.writing.join_next().await {
            self.wrote(written)?;
        }
        self.heard.flush(&self.writer, &mut self.patience).await;
        self.heard.give_up(&self.writer.metrics);
        Ok(())
    }
}

async fn write(writer: Writer, group: Closed, mut patience: Patience) -> Written {
    let written = writer.write(&group, &mut patience).await;
    (group, written)
}

/// Tells everyone whose batch is durable now, all at once.
fn acknowledge(group: Closed, presence: &mut Presence) {
    let (batches, rows) = (group.batches.len(), group.rows);
    for (mut batch, ack) in group.batches.into_iter().zip(group.acks) {
        if let Some(heard) = batch.heard.take() {
            presence.note(heard);
        }
        batch.counted.settled(batch.fate);
        ack.durable();
    }
    tracing::debug!(batches, rows, "stored a group");
}

/// Waits for what else is under way, whose patience ends as well, and counts
/// what is left; dropping it gives it back unacknowledged.
async fn gave_up(
    group: Closed,
    mut under_way: JoinSet<Written>,
    mut groups: mpsc::Receiver<Closed>,
    presence: &mut Presence,
    failure: GaveUp,
) -> StoreError {
    let mut batches = group.batches.len();
    groups.close();
    while let Some(left) = groups.recv().await {
        batches += left.batches.len();
    }
    while let Some(written) = under_way.join_next().await {
        match written {
            Ok((group, Ok(()))) => acknowledge(group, presence),
            Ok((group, Err(_))) => batches += group.batches.len(),
            Err(broken) => return StoreError::Writing(broken),
        }
    }
    info!(batches, "the store stops with batches unacknowledged");
    StoreError::GaveUp {
        batches,
        source: Box::new(failure),
    }
}
