//! What nobody understood and what was lost, summed up by device, source and build of Windows.
//!
//! Collectors tell totals of a run, so a heartbeat that is lost, repeated or
//! read again from the journal makes no difference: what is stored names the run
//! that it holds, and only what grew since is added. Metrics count the same
//! additions once they are stored: they may miss some when a store dies, and
//! never count one twice.

use std::collections::HashMap;
use std::sync::Arc;

use clickhouse::Client;
use clickhouse::error::Error;
use kbwatch_proto::event::{Health, SourceLines};

use self::row::{Key, LinesRow};
use super::opened::Heard;
use crate::Metrics;

mod row;

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
        self.note_run(run, heard.received_at_ms, health.sources.clone());
    }

    /// Takes back what an earlier flush could not write.
    pub(super) fn take_back(&mut self, left: Self) {
        for (run, (received_at_ms, sources)) in left.told {
            self.note_run(run, received_at_ms, sources);
        }
    }

    fn note_run(&mut self, run: Run, received_at_ms: i64, sources: Vec<SourceLines>) {
        let known = self.told.entry(run).or_default();
        if received_at_ms >= known.0 {
            *known = (received_at_ms, sources);
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
                    grown.push(more);
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
        for more in grown {
            metrics.lines_read(&more);
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

impl Run {
    fn of(device_id: &Arc<str>, health: &Health) -> Self {
        Self {
            device_id: Arc::clone(device_id),
            os_build: health.os_build.clone(),
            counted_since_ms: health.counted_since_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
