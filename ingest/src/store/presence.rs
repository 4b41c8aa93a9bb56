//! When each device was last heard of, written every few seconds: one row per
//! device, however much it said.
//!
//! What they read goes after it, under a deadline of its own. Presence is no
//! promise: rows that cannot be written are kept for the next flush, and lost
//! when the store stops; the next heartbeat brings them again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Row};
use kbwatch_proto::event::{Health, UnreadableSource};
use kbwatch_proto::unreadable::Unreadable;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::insert::Writer;
use super::opened::Heard;
use super::patience::Patience;
use super::source_lines::LineBook;
use super::time_quality::tick;
use crate::Metrics;

/// Devices asked after in one query: their ids must fit its text.
const DEVICES_PER_QUERY: usize = 1_000;

/// What was heard since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    heard: HashMap<Arc<str>, Heard>,
    lines: LineBook,
}

#[derive(Row, Serialize)]
struct PresenceRow<'a> {
    device_id: &'a str,
    last_heard_at: i64,
    device_clock_at: i64,
    clock_skew_ms: i64,
    collector_version: &'a str,
    peer: &'a str,
    started_at: Option<i64>,
    lag_bytes: u64,
    unsent_events: u64,
    spool_bytes: u64,
    refused_batches: u64,
    skipped_lines: u64,
    dropped_events: u64,
    sent_bytes_24h: u64,
    unreadable: Vec<UnreadableLog>,
    cloned: bool,
}

/// Source, reason, since when, and how many logs.
type UnreadableLog = (String, String, i64, u32);

#[derive(Row, Deserialize)]
struct KnownHealth {
    device_id: String,
    started_at: Option<i64>,
    lag_bytes: u64,
    unsent_events: u64,
    spool_bytes: u64,
    refused_batches: u64,
    skipped_lines: u64,
    dropped_events: u64,
    sent_bytes_24h: u64,
    unreadable: Vec<UnreadableLog>,
}

impl Presence {
    /// Notes a sign of life.
    pub(crate) fn note(&mut self, heard: Heard) {
        self.lines.note(&heard);
        self.note_presence(heard);
    }

    fn note_presence(&mut self, heard: Heard) {
        match self.heard.get_mut(&heard.device_id) {
            None => {
                self.heard.insert(heard.device_id.clone(), heard);
            }
            Some(known) if heard.received_at_ms >= known.received_at_ms => {
                let health = heard.health.or(known.health.take());
                *known = Heard { health, ..heard };
            }
            Some(known) => known.health = known.health.take().or(heard.health),
        }
    }

    /// Writes what was heard; on failure it is kept for the next time.
    pub(crate) async fn flush(&mut self, writer: &Writer, patience: &mut Patience) {
        let limit = Duration::from_millis(writer.config.insert_deadline_ms);
        // Whether devices live matters more than what they read.
        if !self.heard.is_empty() {
            let written = patience.within(limit, self.write(&writer.client)).await;
            match written.unwrap_or(Err(Error::TimedOut)) {
                Ok(()) => {
                    writer.metrics.presence_rows.inc_by(self.heard.len() as u64);
                    self.heard.clear();
                }
                Err(failure) => warn!(devices = self.heard.len(), %failure, "presence is late"),
            }
        }
        let counting = self.lines.flush(&writer.client, &writer.metrics);
        let counted = patience.within(limit, counting).await;
        if let Err(failure) = counted.unwrap_or(Err(Error::TimedOut)) {
            warn!(%failure, "lines by source are late");
        }
    }

    /// Takes back what an earlier flush could not write.
    pub(crate) fn take_back(&mut self, left: Self) {
        for heard in left.heard.into_values() {
            self.note_presence(heard);
        }
        self.lines.take_back(left.lines);
    }

    /// Counts what a stopping store could not write.
    pub(crate) fn give_up(&mut self, metrics: &Metrics) {
        metrics.presence_lost.inc_by(self.heard.len() as u64);
        self.heard.clear();
    }

    async fn write(&mut self, client: &Client) -> Result<(), Error> {
        self.recall_health(client).await?;
        let mut insert = client
            .insert::<PresenceRow<'_>>("presence")
            .await?
            .with_setting("async_insert", "0");
        for heard in self.heard.values() {
            insert.write(&PresenceRow::of(heard)).await?;
        }
        insert.end().await
    }

    /// Batches of events carry no health: the last one known stays.
    async fn recall_health(&mut self, client: &Client) -> Result<(), Error> {
        let unknown: Vec<Arc<str>> = self
            .heard
            .values()
            .filter(|heard| heard.health.is_none())
            .map(|heard| heard.device_id.clone())
            .collect();
        for devices in unknown.chunks(DEVICES_PER_QUERY) {
            let ids: Vec<&str> = devices.iter().map(AsRef::as_ref).collect();
            let known: Vec<KnownHealth> = client
                .query("SELECT ?fields FROM presence FINAL WHERE device_id IN ?")
                .bind(ids)
                .fetch_all()
                .await?;
            for known in known {
                if let Some(heard) = self.heard.get_mut(known.device_id.as_str()) {
                    heard.health = known.health();
                }
            }
        }
        Ok(())
    }
}

impl KnownHealth {
    fn health(self) -> Option<Health> {
        self.started_at.map(|started_at_ms| Health {
            started_at_ms,
            lag_bytes: self.lag_bytes,
            unsent_events: self.unsent_events,
            spool_bytes: self.spool_bytes,
            refused_batches: self.refused_batches,
            skipped_lines: self.skipped_lines,
            dropped_events: self.dropped_events,
            sent_bytes_24h: self.sent_bytes_24h,
            unreadable: self.unreadable.iter().filter_map(recall).collect(),
            ..Health::default()
        })
    }
}

impl<'a> PresenceRow<'a> {
    fn of(heard: &'a Heard) -> Self {
        let told = heard.health.as_ref();
        let silence = Health::default();
        let health = told.unwrap_or(&silence);
        Self {
            device_id: &heard.device_id,
            last_heard_at: tick(heard.received_at_ms),
            device_clock_at: tick(heard.sent_at_ms),
            clock_skew_ms: heard.sent_at_ms.saturating_sub(heard.received_at_ms),
            collector_version: &heard.collector_version,
            peer: &heard.peer,
            started_at: told.map(|health| tick(health.started_at_ms)),
            lag_bytes: health.lag_bytes,
            unsent_events: health.unsent_events,
            spool_bytes: health.spool_bytes,
            refused_batches: health.refused_batches,
            skipped_lines: health.skipped_lines,
            dropped_events: health.dropped_events,
            sent_bytes_24h: health.sent_bytes_24h,
            unreadable: health.unreadable.iter().map(note).collect(),
            cloned: heard.cloned,
        }
    }
}

fn note(told: &UnreadableSource) -> UnreadableLog {
    let source = told.source.as_str().to_owned();
    let reason = told.reason.as_str().to_owned();
    (source, reason, tick(told.since_ms), told.logs)
}

fn recall((source, reason, since_ms, logs): &UnreadableLog) -> Option<UnreadableSource> {
    Some(UnreadableSource {
        source: source.parse().ok()?,
        reason: reason.parse().unwrap_or(Unreadable::Failed),
        since_ms: *since_ms,
        logs: *logs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(received_at_ms: i64, lag_bytes: Option<u64>) -> Heard {
        Heard {
            device_id: "pc-1".into(),
            received_at_ms,
            sent_at_ms: received_at_ms,
            collector_version: "1".to_owned(),
            peer: "10.0.0.1".to_owned(),
            cloned: false,
            health: lag_bytes.map(|lag_bytes| Health {
                lag_bytes,
                ..Health::default()
            }),
        }
    }

    #[test]
    fn a_batch_of_events_does_not_wipe_out_what_the_heartbeat_said() {
        let mut presence = Presence::default();
        presence.note(heard(1, Some(7)));
        presence.note(heard(2, None));
        let known = &presence.heard["pc-1"];
        assert_eq!(known.received_at_ms, 2);
        assert_eq!(known.health.as_ref().unwrap().lag_bytes, 7);
    }

    #[test]
    fn what_could_not_be_written_gives_way_to_what_was_heard_since() {
        let (mut left, mut presence) = (Presence::default(), Presence::default());
        left.note(heard(1, Some(7)));
        presence.note(heard(2, None));
        presence.take_back(left);
        let known = &presence.heard["pc-1"];
        assert_eq!(known.received_at_ms, 2);
        assert_eq!(known.health.as_ref().unwrap().lag_bytes, 7);
    }

    #[test]
    fn an_older_batch_does_not_turn_the_clock_back() {
        let mut presence = Presence::default();
        presence.note(heard(5, None));
        presence.note(heard(3, Some(9)));
        let known = &presence.heard["pc-1"];
        assert_eq!(known.received_at_ms, 5);
        assert_eq!(known.health.as_ref().unwrap().lag_bytes, 9);
    }
}
