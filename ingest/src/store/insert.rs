//! Writes a group and tries again until ClickHouse has it.
//!
//! The group owns its rows until the insert is acknowledged: every try sends
//! identical rows under an identical token, so that a try whose answer was lost
//! is known as a repetition. The token guards the retries of this process only;
//! what another store inserts again, the event ids guard.

use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::insert::Insert;
use clickhouse::{Client, Compression};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::batch::{Closed, Part};
use super::insert_name::{Name, Table};
use super::patience::Patience;
use super::refused::Refused;
use super::rows::{FactsRow, LetterRow};
use crate::Metrics;
use crate::config::StoreConfig;
use crate::metrics::Reason;
use crate::trace::Span;

/// First pause between two tries; it doubles up to the configured cap.
const FIRST_PAUSE_MS: u64 = 100;

/// An insert that passes more slowly hangs: each second of it is allowed for
/// besides the deadline that every insert has.
const SLOWEST_BYTES_PER_S: u64 = 4 * 1024 * 1024;

/// Tries after which a person should look, each time.
const ALARMING_TRIES: u32 = 20;

/// An insert that was late has twice the time at the next try, and so long at
/// most: called off, it leaves nothing, and would be late for ever.
const LONGEST: Duration = Duration::from_mins(4);

/// The store was asked to stop while ClickHouse did not take a group.
#[derive(Debug, thiserror::Error)]
#[error("insert into {table}: gave up when the store stopped")]
pub(crate) struct GaveUp {
    table: &'static str,
    source: Error,
}

/// Writes groups, one after the other.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) client: Client,
    pub(crate) config: StoreConfig,
    pub(crate) refused: Refused,
    pub(crate) metrics: Metrics,
}

impl Writer {
    /// Writes everything that the group's receipts promise.
    pub(crate) async fn write(
        &self,
        group: &Closed,
        patience: &mut Patience,
    ) -> Result<(), GaveUp> {
        let traced = group.batches.iter().filter(|batch| batch.span.is_open());
        let mut spans: Vec<Span> = traced.map(|batch| batch.span.part("insert")).collect();
        let written = self.write_tables(group, patience).await;
        for span in &mut spans {
            span.say("group_batches", group.batches.len() as u64);
            span.say("group_rows", group.rows as u64);
            if let Err(failure) = &written {
                span.fail(failure);
            }
        }
        written
    }

    async fn write_tables(&self, group: &Closed, patience: &mut Patience) -> Result<(), GaveUp> {
        let token = group.token();
        for number in 0..group.parts.len() {
            let part = Table::Events(number);
            self.persist(part, group, &token, patience).await?;
        }
        if group.batches.iter().any(|batch| batch.facts.is_some()) {
            self.persist(Table::Facts, group, &token, patience).await?;
        }
        if group.batches.iter().any(|batch| batch.letter.is_some()) {
            self.persist(Table::Letters, group, &token, patience)
                .await?;
        }
        self.count(group);
        Ok(())
    }

    async fn persist(
        &self,
        table: Table,
        group: &Closed,
        token: &str,
        patience: &mut Patience,
    ) -> Result<(), GaveUp> {
        let mut limit = self.deadline(table.bytes(group));
        let longest = limit.max(LONGEST);
        let mut tries = 0_u32;
        let mut refusal = None;
        loop {
            tries += 1;
            let started = Instant::now();
            let name = Name::of(table, token, tries);
            let insert = self.insert(table, group, &name);
            let written = patience.within(limit, insert).await;
            let is_late = written.is_none();
            let failure = match written.unwrap_or(Err(Error::TimedOut)) {
                Ok(()) => {
                    let took = started.elapsed();
                    self.metrics.inserts.inc();
                    self.metrics.insert_seconds.observe(took.as_secs_f64());
                    return Ok(());
                }
                Err(failure) => failure,
            };
            if patience.is_over() {
                let (table, source) = (table.name(), failure);
                return Err(GaveUp { table, source });
            }
            refusal.get_or_insert_with(|| self.refused.begin());
            self.metrics.insert_retries.inc();
            if tries.is_multiple_of(ALARMING_TRIES) {
                error!(table = table.name(), tries, %failure, "ClickHouse keeps refusing an insert");
            } else {
                warn!(table = table.name(), tries, %failure, "an insert failed and is tried again");
            }
            if !matches!(failure, Error::BadResponse(_)) {
                self.call_off(&name, limit, patience).await;
            }
            if is_late {
                limit = (limit * 2).min(longest);
            }
            patience.pause(self.pause_after(tries)).await;
        }
    }

    /// Ends a try that ClickHouse may still be at, and waits until it is: the
    /// token says nothing of a try that goes on beside the next one. Where that
    /// cannot be had, rows are written twice, and met by their event ids.
    async fn call_off(&self, name: &Name, limit: Duration, patience: &mut Patience) {
        let ended = self
            .client
            .query("KILL QUERY WHERE query_id = ? SYNC FORMAT Null")
            .bind(&name.query_id)
            .execute();
        match patience.within(limit, ended).await {
            Some(Ok(())) => {}
            Some(Err(error)) => debug!(%error, "a try cannot be called off"),
            None => debug!("a try was not called off in time"),
        }
    }

    /// A large insert has more time than a small one.
    fn deadline(&self, bytes: usize) -> Duration {
        let passing_ms = bytes as u64 * 1000 / SLOWEST_BYTES_PER_S;
        Duration::from_millis(self.config.insert_deadline_ms + passing_ms)
    }

    /// Full jitter under a ceiling that doubles.
    fn pause_after(&self, tries: u32) -> Duration {
        let ceiling = FIRST_PAUSE_MS
            .saturating_mul(1 << tries.min(16))
            .min(self.config.retry_cap_ms);
        Duration::from_millis(fastrand::u64(0..=ceiling))
    }

    async fn insert(&self, table: Table, group: &Closed, name: &Name) -> Result<(), Error> {
        match table {
            Table::Events(number) => self.insert_events(&group.parts[number], name).await,
            Table::Facts => self.insert_facts(group, name).await,
            Table::Letters => self.insert_letters(group, name).await,
        }
    }

    async fn insert_events(&self, part: &Part, name: &Name) -> Result<(), Error> {
        let columns = part.columns.join(", ");
        let statement = format!("INSERT INTO update_events ({columns}) FORMAT Native");
        let compression = if self.config.compress_inserts {
            Compression::Lz4
        } else {
            Compression::None
        };
        let client = self.client.clone().with_compression(compression);
        let mut insert = client.insert_formatted_with(statement);
        for (setting, value) in name.settings() {
            insert = insert.with_setting(setting, value);
        }
        for chunk in &part.block {
            insert.send(chunk.clone()).await?;
        }
        insert.end().await
    }

    async fn insert_facts(&self, group: &Closed, name: &Name) -> Result<(), Error> {
        let insert = self
            .client
            .insert::<FactsRow<'_>>(Table::Facts.name())
            .await?;
        let mut insert = prepared(insert, name);
        for batch in &group.batches {
            if let Some(facts) = &batch.facts {
                let row = FactsRow::of(&batch.device_id, batch.received_at_ms, facts);
                insert.write(&row).await?;
            }
        }
        insert.end().await
    }

    async fn insert_letters(&self, group: &Closed, name: &Name) -> Result<(), Error> {
        let insert = self
            .client
            .insert::<LetterRow<'_>>(Table::Letters.name())
            .await?;
        let mut insert = prepared(insert, name);
        for batch in &group.batches {
            if let Some(letter) = &batch.letter {
                insert.write(&LetterRow::of(letter)).await?;
            }
        }
        insert.end().await
    }

    fn count(&self, group: &Closed) {
        for batch in &group.batches {
            if batch.facts.is_some() {
                self.metrics.facts.inc();
            }
            if let Some(letter) = &batch.letter {
                let reason = letter.kind.as_str();
                let letters = &self.metrics.letters;
                letters.get_or_create(&Reason { reason }).inc();
                debug!(
                    device_id = letter.device_id,
                    kind = reason,
                    reason = letter.reason,
                    "wrote a dead letter"
                );
            }
        }
    }
}

fn prepared<T>(mut insert: Insert<T>, name: &Name) -> Insert<T> {
    for (setting, value) in name.settings() {
        insert = insert.with_setting(setting, value);
    }
    insert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_insert_has_more_time_than_a_small_one() {
        let metrics = Metrics::default();
        let writer = Writer {
            client: Client::default(),
            config: StoreConfig::default(),
            refused: Refused::new(&metrics),
            metrics,
        };
        assert_eq!(writer.deadline(0), Duration::from_secs(30));
        assert_eq!(writer.deadline(96 * 1024 * 1024), Duration::from_secs(54));
    }
}
