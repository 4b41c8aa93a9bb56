//! What nobody understood and what was lost, summed up by device, source and build of Windows.
//!
//! Collectors tell totals of a run, so a heartbeat that is lost, repeated or
//! read again from the journal makes no difference: what is stored names the run
//! that it holds, and only what grew since is added. Metrics count the same
//! additions once they are stored: they may miss some when a store dies, and
//! never count one twice.

use std::collections::{BTreeMap, HashMap, HashSet};
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

/// Runs of one device that are kept until the next flush: a restart or two.
const RUNS: usize = 4;

/// Devices whose runs are kept while nothing can be written.
const MOST_RUNS: usize = 1_000_000;

/// Builds of one device that are stored: an update a month brings six before the
/// oldest is forgotten, and what a device says is not believed without end.
const BUILDS: usize = 32;

/// Rows of one device that are asked for: as many as those builds can have.
const ROWS: usize = BUILDS * 32;

/// Which run of which device, on which build; by device first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    device_id: Arc<str>,
    os_build: String,
    counted_since_ms: i64,
}

/// What was told since the last flush.
#[derive(Debug, Default)]
pub(super) struct LineBook {
    told: BTreeMap<Run, (i64, Vec<SourceLines>)>,
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
        if !self.told.contains_key(&run) && !self.has_room(&run.device_id) {
            tracing::debug!(device_id = &*run.device_id, "a run too many is passed over");
            return;
        }
        let known = self.told.entry(run).or_default();
        if received_at_ms >= known.0 {
            *known = (received_at_ms, sources);
        }
    }

    /// Whether a device may begin another run before the next flush.
    fn has_room(&self, device_id: &Arc<str>) -> bool {
        let first = Run {
            device_id: Arc::clone(device_id),
            os_build: String::new(),
            counted_since_ms: i64::MIN,
        };
        let own = self.told.range(first..);
        let own = own.take_while(|(run, _)| run.device_id == *device_id);
        self.told.len() < MOST_RUNS && own.take(RUNS).count() < RUNS
    }

    /// Adds what was told to what is stored; on failure it is kept.
    pub(super) async fn flush(&mut self, client: &Client, metrics: &Metrics) -> Result<(), Error> {
        if self.told.is_empty() {
            return Ok(());
        }
        let known = self.known(client).await?;
        let mut builds = Builds::of(&known);
        let mut news: HashMap<Key, LinesRow> = HashMap::new();
        let mut grown = Vec::new();
        let mut told: Vec<_> = self.told.iter().collect();
        // Runs of one device in the order in which they were heard.
        told.sort_unstable_by_key(|(_, (received_at_ms, _))| *received_at_ms);
        for (run, (received_at_ms, sources)) in told {
            if !builds.may_have(run) {
                continue;
            }
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
        let asked = format!(
            "SELECT ?fields FROM source_lines FINAL WHERE device_id IN ?
             ORDER BY last_heard_at DESC LIMIT {ROWS} BY device_id"
        );
        let mut known = HashMap::new();
        for ids in ids.chunks(DEVICES_PER_QUERY) {
            let rows: Vec<LinesRow> = client.query(&asked).bind(ids).fetch_all().await?;
            known.extend(rows.into_iter().map(|row| (row.key(), row)));
        }
        Ok(known)
    }
}

/// Which builds of each device are stored.
struct Builds(HashMap<String, HashSet<String>>);

impl Builds {
    fn of(known: &HashMap<Key, LinesRow>) -> Self {
        let mut builds: HashMap<String, HashSet<String>> = HashMap::new();
        for (device_id, _, build) in known.keys() {
            let own = builds.entry(device_id.clone()).or_default();
            own.insert(build.clone());
        }
        Self(builds)
    }

    /// Whether a run is on a build that is stored, or may be.
    fn may_have(&mut self, run: &Run) -> bool {
        let own = self.0.entry(run.device_id.to_string()).or_default();
        own.contains(&run.os_build) || (own.len() < BUILDS && own.insert(run.os_build.clone()))
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

    fn heard(os_build: &str, counted_since_ms: i64) -> Heard {
        Heard {
            device_id: "pc-1".into(),
            received_at_ms: 1,
            sent_at_ms: 1,
            collector_version: String::new(),
            peer: String::new(),
            cloned: false,
            health: Some(Health {
                os_build: os_build.to_owned(),
                counted_since_ms,
                sources: vec![SourceLines::default()],
                ..Health::default()
            }),
        }
    }

    #[test]
    fn a_flood_of_heartbeats_of_ever_new_runs_and_builds_grows_nothing() {
        let mut book = LineBook::default();
        for number in 0..1_000 {
            book.note(&heard("17763.1", number));
            book.note(&heard(&format!("17763.{number}"), 7));
        }
        assert_eq!(book.told.len(), RUNS);
        let mut builds = Builds(HashMap::new());
        let mut stored = 0;
        for number in 0..1_000 {
            let run = Run {
                device_id: "pc-1".into(),
                os_build: number.to_string(),
                counted_since_ms: 7,
            };
            stored += usize::from(builds.may_have(&run));
        }
        assert_eq!(stored, BUILDS);
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
}
