//! What nobody understood, summed up by device, source and build of Windows.
//!
//! Collectors tell totals of a run, so a heartbeat that is lost, repeated or
//! read again from the journal makes no difference: what is stored names the run
//! that it holds, and only what grew since is added. Metrics count the same
//! additions once they are stored: they may miss some when a store dies, and
//! never count one twice.

use std::collections::HashMap;
use std::sync::Arc;

use clickhouse::error::Error;
use clickhouse::{Client, Row};
use kbwatch_proto::event::{Health, SourceLines};
use kbwatch_proto::words::SourceKind;
use serde::{Deserialize, Serialize};

use super::time_quality::tick;
use super::unpack::Heard;
use crate::Metrics;

/// Devices asked after in one query: their ids must fit its text.
const DEVICES_PER_QUERY: usize = 1_000;

/// Which run of which device, on which build.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Run {
    device_id: Arc<str>,
    os_build: String,
    counted_since_ms: i64,
}

/// What was told since the last flush.
#[derive(Debug, Default)]
pub(super) struct LineBook {
    told: HashMap<Run, (i64, Vec<SourceLines>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct LinesRow {
    device_id: String,
    source: String,
    os_build: String,
    last_heard_at: i64,
    lines: u64,
    unknown_lines: u64,
    codes: u64,
    unknown_codes: u64,
    counted_since: i64,
    run_lines: u64,
    run_unknown_lines: u64,
    run_codes: u64,
    run_unknown_codes: u64,
}

impl LineBook {
    /// Notes what a heartbeat tells.
    pub(super) fn note(&mut self, heard: &Heard) {
        let Some(health) = &heard.health else {
            return;
        };
        // Totals of machines that share one identity are nobody's.
        if health.sources.is_empty() || heard.cloned {
            return;
        }
        let run = Run::of(&heard.device_id, health);
        let known = self.told.entry(run).or_default();
        if heard.received_at_ms >= known.0 {
            *known = (heard.received_at_ms, health.sources.clone());
        }
    }

    /// Adds what was told to what is stored; on failure it is kept.
    pub(super) async fn flush(&mut self, client: &Client, metrics: &Metrics) -> Result<(), Error> {
        if self.told.is_empty() {
            return Ok(());
        }
        let known = self.known(client).await?;
        let mut news: HashMap<Key, LinesRow> = HashMap::new();
        let mut grown = Vec::new();
        let mut told: Vec<_> = self.told.iter().collect();
        // Runs of one device in the order in which they were heard.
        told.sort_unstable_by_key(|(_, (received_at_ms, _))| *received_at_ms);
        for (run, (received_at_ms, sources)) in told {
            for lines in sources {
                let row = LinesRow::of(run, *received_at_ms, lines);
                let key = row.key();
                let stored = news.get(&key).or_else(|| known.get(&key));
                if let Some((row, more)) = row.on_top_of(stored) {
                    grown.push((lines.source, more));
                    news.insert(key, row);
                }
            }
        }
        let mut insert = client
            .insert::<LinesRow>("source_lines")
            .await?
            .with_setting("async_insert", "0");
        for row in news.values() {
            insert.write(row).await?;
        }
        insert.end().await?;
        for (source, more) in grown {
            metrics.lines_read(source, &more);
        }
        self.told.clear();
        Ok(())
    }

    async fn known(&self, client: &Client) -> Result<HashMap<Key, LinesRow>, Error> {
        let mut ids: Vec<&str> = self.told.keys().map(|run| &*run.device_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut known = HashMap::new();
        for ids in ids.chunks(DEVICES_PER_QUERY) {
            let rows: Vec<LinesRow> = client
                .query("SELECT ?fields FROM source_lines FINAL WHERE device_id IN ?")
                .bind(ids)
                .fetch_all()
                .await?;
            known.extend(rows.into_iter().map(|row| (row.key(), row)));
        }
        Ok(known)
    }
}

/// Device, source and build.
type Key = (String, String, String);

impl Run {
    fn of(device_id: &Arc<str>, health: &Health) -> Self {
        Self {
            device_id: Arc::clone(device_id),
            os_build: health.os_build.clone(),
            counted_since_ms: health.counted_since_ms,
        }
    }
}

impl LinesRow {
    /// A row as if this run were the first of its device.
    fn of(run: &Run, received_at_ms: i64, told: &SourceLines) -> Self {
        Self {
            device_id: run.device_id.to_string(),
            source: told.source.as_str().to_owned(),
            os_build: run.os_build.clone(),
            last_heard_at: tick(received_at_ms),
            lines: told.lines,
            unknown_lines: told.unknown_lines,
            codes: told.codes,
            unknown_codes: told.unknown_codes,
            counted_since: tick(run.counted_since_ms),
            run_lines: told.lines,
            run_unknown_lines: told.unknown_lines,
            run_codes: told.codes,
            run_unknown_codes: told.unknown_codes,
        }
    }

    fn key(&self) -> Key {
        (
            self.device_id.clone(),
            self.source.clone(),
            self.os_build.clone(),
        )
    }

    /// The row that takes the stored one's place, and by how much it is more;
    /// `None` for what was heard before.
    fn on_top_of(self, stored: Option<&Self>) -> Option<(Self, SourceLines)> {
        let Some(stored) = stored else {
            let more = self.run();
            return Some((self, more));
        };
        if stored.last_heard_at >= self.last_heard_at || self.is_before(stored) {
            return None;
        }
        let before = if stored.counted_since == self.counted_since {
            stored.run()
        } else {
            SourceLines::default()
        };
        let now = self.run();
        let more = SourceLines {
            source: now.source,
            lines: now.lines.saturating_sub(before.lines),
            unknown_lines: now.unknown_lines.saturating_sub(before.unknown_lines),
            codes: now.codes.saturating_sub(before.codes),
            unknown_codes: now.unknown_codes.saturating_sub(before.unknown_codes),
        };
        let row = Self {
            lines: stored.lines.saturating_add(more.lines),
            unknown_lines: stored.unknown_lines.saturating_add(more.unknown_lines),
            codes: stored.codes.saturating_add(more.codes),
            unknown_codes: stored.unknown_codes.saturating_add(more.unknown_codes),
            run_lines: now.lines.max(before.lines),
            run_unknown_lines: now.unknown_lines.max(before.unknown_lines),
            run_codes: now.codes.max(before.codes),
            run_unknown_codes: now.unknown_codes.max(before.unknown_codes),
            ..self
        };
        Some((row, more))
    }

    /// Whether this run began before the stored one, and so was counted before
    /// it: two machines with one identity would add their totals again in turn.
    /// A run from the future is no measure: its device's clock was wrong.
    fn is_before(&self, stored: &Self) -> bool {
        self.counted_since < stored.counted_since && stored.counted_since <= self.last_heard_at
    }

    fn run(&self) -> SourceLines {
        SourceLines {
            source: self.source.parse().unwrap_or(SourceKind::Cbs),
            lines: self.run_lines,
            unknown_lines: self.run_unknown_lines,
            codes: self.run_codes,
            unknown_codes: self.run_unknown_codes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(received_at_ms: i64, counted_since_ms: i64, lines: u64) -> LinesRow {
        let run = Run {
            device_id: "pc-1".into(),
            os_build: "17763.3887".to_owned(),
            counted_since_ms,
        };
        let told = SourceLines {
            lines,
            unknown_lines: lines / 2,
            ..SourceLines::default()
        };
        LinesRow::of(&run, received_at_ms, &told)
    }

    /// Lines stored and lines counted after heartbeats, in turn.
    fn after(heartbeats: &[(i64, i64, u64)]) -> (u64, u64) {
        let mut stored: Option<LinesRow> = None;
        let mut counted = 0;
        for (received_at_ms, since_ms, lines) in heartbeats {
            let told = row(*received_at_ms, *since_ms, *lines);
            if let Some((row, more)) = told.on_top_of(stored.as_ref()) {
                counted += more.lines;
                stored = Some(row);
            }
        }
        (stored.map_or(0, |row| row.lines), counted)
    }

    #[test]
    fn a_run_that_goes_on_counts_what_grew() {
        assert_eq!(after(&[(10, 1, 0), (20, 1, 100), (30, 1, 150)]), (150, 150));
    }

    #[test]
    fn a_restart_is_added_and_a_heartbeat_read_again_is_not() {
        let told = [(10, 1, 100), (20, 5, 30), (10, 1, 100), (20, 5, 30)];
        assert_eq!(after(&told), (130, 130));
        assert_eq!(after(&[(10, 1, 100), (20, 5, 30), (30, 5, 40)]), (140, 140));
    }

    #[test]
    fn two_machines_with_one_identity_do_not_add_their_totals_again_in_turn() {
        let told = [(10, 1, 100), (20, 5, 30), (30, 1, 100), (40, 5, 30)];
        assert_eq!(after(&told), (130, 130));
    }

    #[test]
    fn a_run_from_the_future_does_not_hide_those_that_follow() {
        let told = [(10, 900, 100), (20, 15, 30), (30, 15, 40)];
        assert_eq!(after(&told), (140, 140));
    }

    #[test]
    fn a_cloned_device_tells_no_lines() {
        for (cloned, runs) in [(true, 0), (false, 1)] {
            let mut book = LineBook::default();
            book.note(&Heard {
                device_id: "pc-1".into(),
                received_at_ms: 1,
                sent_at_ms: 1,
                collector_version: String::new(),
                peer: String::new(),
                cloned,
                health: Some(Health {
                    sources: vec![SourceLines::default()],
                    ..Health::default()
                }),
            });
            assert_eq!(book.told.len(), runs);
        }
    }

    #[test]
    fn totals_that_fall_for_once_are_not_counted_again_when_they_rise() {
        let told = [(10, 1, 100), (20, 1, 60), (30, 1, 100), (40, 1, 110)];
        assert_eq!(after(&told), (110, 110));
    }
}
