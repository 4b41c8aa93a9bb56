//! What the device says of itself: facts when they change, signs of life in
//! between.

use kbwatch_proto::batch::{self, Contents};
use kbwatch_proto::event::{Health, UnreadableSource};
use kbwatch_proto::words::SourceKind;

use super::Collector;
use super::lines::{Counted, Read};
use crate::outbox::Cargo;
use crate::watch::source::Source;

impl Collector {
    pub(super) fn look_at_facts(&mut self, now_ms: i64) {
        let Some(facts) = self.facts.look() else {
            return;
        };
        let hash = hash_facts(&facts);
        let first_look = self.snapshot.observed_at_ms == 0;
        if hash == self.facts_hash && !first_look {
            return;
        }
        if hash != self.facts_hash || self.snapshot.revision == 0 {
            // By the clock, so that it still grows when the memory was lost.
            let by_clock = u64::try_from(now_ms).unwrap_or(0);
            self.snapshot.revision = by_clock.max(self.snapshot.revision + 1);
            self.memory_moved = true;
        }
        self.facts_hash = hash;
        self.snapshot.facts = facts;
        self.snapshot.observed_at_ms = now_ms;
        self.facts_due = true;
    }

    /// Seals a heartbeat when one is due, and new facts at once.
    pub(super) fn report_health(&mut self, now_ms: i64) {
        let period_ms = i64::from(self.config.heartbeat_s) * 1_000;
        // A clock that was set back must not silence the device.
        let due = now_ms >= self.heartbeat_at_ms || self.heartbeat_at_ms - now_ms > 2 * period_ms;
        let known = self.knows_health(now_ms);
        if !((due && known) || self.facts_due) {
            return;
        }
        // Of heartbeats that nobody took, the last one says it all.
        if self.outbox.drop_stale_health() {
            self.counts.superseded_batches += 1;
        }
        if self.outbox.is_full() {
            return;
        }
        if due && known {
            let jitter = period_ms / 10;
            self.heartbeat_at_ms = now_ms + period_ms + fastrand::i64(-jitter..=jitter);
            self.facts.ask_again();
        }
        let facts = std::mem::take(&mut self.facts_due).then(|| self.snapshot.clone());
        let contents = Contents {
            events: Vec::new(),
            facts,
            health: known.then(|| self.health(now_ms)),
        };
        let cargo = match &contents.facts {
            Some(_) => Cargo::Facts,
            None => Cargo::Health,
        };
        self.seal(contents, cargo);
    }

    /// Whether everything was looked at that a heartbeat tells of. Until then
    /// it waits: what it does not tell counts as well.
    fn knows_health(&self, now_ms: i64) -> bool {
        let channels = self.channels.as_ref();
        channels.is_none_or(|channels| channels.is_known(now_ms))
    }

    /// Seals a last heartbeat if lines were read since the one before: what a
    /// process counted ends with it. Returns whether there was something.
    pub(crate) fn tell_last_lines(&mut self, now_ms: i64) -> bool {
        if self.outbox.is_full() || !self.lines.has_news(&self.read_lines()) {
            return false;
        }
        let contents = Contents {
            health: Some(self.health(now_ms)),
            ..Contents::default()
        };
        self.seal(contents, Cargo::Health);
        true
    }

    /// Forgets heartbeats without a receipt: they hold nothing that must arrive.
    pub(crate) fn forget_heartbeats(&mut self) {
        self.outbox.drop_health();
    }

    fn read_lines(&self) -> Read {
        let mut read = Read::new();
        for source in &self.sources {
            let counts = Counted {
                parsed: source.counts(),
                losses: source.losses(),
            };
            let kind = source.kind();
            match read.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => sum.add(counts),
                None => read.push((kind, counts)),
            }
        }
        read
    }

    fn health(&mut self, now_ms: i64) -> Health {
        let counts = self.counts();
        let read = self.read_lines();
        let moment = (self.started_at_ms.unwrap_or(now_ms), now_ms);
        let told = self.lines.tell(read, &self.snapshot, moment);
        Health {
            started_at_ms: self.started_at_ms.unwrap_or_default(),
            lag_bytes: self.sources.iter().map(Source::lag_bytes).sum(),
            unsent_events: self.open_events() + self.outbox.events() + self.spool.events(),
            spool_bytes: self.spool.bytes(),
            refused_batches: counts.refused_batches,
            skipped_lines: counts.cut_lines + counts.skipped_events,
            dropped_events: counts.dropped_events,
            sent_bytes_24h: self.traffic.of_last_day(now_ms),
            sources: told.sources,
            os_build: told.os_build,
            counted_since_ms: told.since_ms,
            unreadable: self.unreadable_sources(now_ms),
        }
    }

    /// Sources of which a log or a channel cannot be read, each once, with the
    /// first reason.
    fn unreadable_sources(&self, now_ms: i64) -> Vec<UnreadableSource> {
        let of_files = self.sources.iter().filter_map(|source| {
            let trouble = source.lasting_trouble(now_ms)?;
            Some((source.kind(), trouble))
        });
        let channels = self.channels.iter();
        let of_channels = channels.flat_map(|channels| channels.lasting_troubles(now_ms));
        let of_channels = of_channels.map(|trouble| (SourceKind::EventLog, trouble));
        let mut unreadable: Vec<UnreadableSource> = Vec::new();
        for (kind, trouble) in of_channels.chain(of_files) {
            match unreadable.iter_mut().find(|known| known.source == kind) {
                Some(known) => known.logs += 1,
                None => unreadable.push(UnreadableSource {
                    source: kind,
                    reason: trouble.reason,
                    since_ms: trouble.since_ms,
                    logs: 1,
                }),
            }
        }
        unreadable
    }
}

fn hash_facts(facts: &std::collections::BTreeMap<String, String>) -> u64 {
    let mut text = Vec::new();
    for (name, value) in facts {
        for part in [name, value] {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
    }
    batch::checksum(&text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use kbwatch_proto::batch::unpack;
    use kbwatch_proto::unreadable::Unreadable;

    use super::*;
    use crate::config::{CollectorConfig, SourcesConfig};
    use crate::watch::channel_board::ChannelBoard;

    const START_MS: i64 = 1_673_431_200_000;

    /// A collector beside a thread that reads event channels.
    fn collector(folder: &tempfile::TempDir, board: &ChannelBoard) -> Collector {
        let state_dir = folder.path().join("state");
        let facts = folder.path().join("facts.json");
        std::fs::write(&facts, r#"{"ubr": "3770"}"#).unwrap();
        let config = CollectorConfig {
            gateway: "http://127.0.0.1:1".to_owned(),
            declared_device: Some("pc-1".to_owned()),
            sources: SourcesConfig {
                event_xml: Some(state_dir.join("events.xml")),
                ..SourcesConfig::none()
            },
            facts_file: Some(facts),
            state_dir,
            ..CollectorConfig::default()
        };
        let mut collector = Collector::open(config).unwrap();
        collector.watch_channels(Some(board.clone()));
        collector
    }

    /// What the collector has to say after a step.
    fn said(collector: &mut Collector, now_ms: i64) -> Vec<Contents> {
        collector.step(now_ms);
        let mut said = Vec::new();
        while let Some(batch) = collector.next_batch(now_ms) {
            said.push(unpack(&batch).unwrap().contents);
        }
        said
    }

    #[test]
    fn the_first_heartbeat_waits_for_the_channels_and_the_facts_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let board = ChannelBoard::of(&["System", "Setup"], START_MS);
        let mut collector = collector(&folder, &board);
        let first = said(&mut collector, START_MS);
        assert_eq!(first.len(), 1);
        assert!(first[0].facts.is_some() && first[0].health.is_none());
        board.note("System", &Ok(false), START_MS);
        assert!(said(&mut collector, START_MS + 1_000).is_empty());
        let denied = Err(io::ErrorKind::PermissionDenied.into());
        board.note("Setup", &denied, START_MS + 1_500);
        let mut second = said(&mut collector, START_MS + 2_000);
        let health = second.remove(0).health.unwrap();
        let told = UnreadableSource {
            source: SourceKind::EventLog,
            reason: Unreadable::Denied,
            since_ms: START_MS + 1_500,
            logs: 1,
        };
        assert_eq!(health.unreadable, [told]);
    }

    #[test]
    fn channels_without_any_record_of_interest_are_no_missing_log() {
        let folder = tempfile::tempdir().unwrap();
        let board = ChannelBoard::of(&["System"], START_MS);
        board.note("System", &Ok(false), START_MS);
        let mut collector = collector(&folder, &board);
        for now_ms in [START_MS, START_MS + 3_600_000] {
            let health = said(&mut collector, now_ms).remove(0).health.unwrap();
            assert_eq!(health.unreadable, []);
        }
        assert!(collector.unreadable_logs().is_empty());
    }
}
