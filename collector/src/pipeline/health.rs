//! What the device says of itself: facts when they change, signs of life in
//! between.

use kbwatch_proto::batch::{self, Contents};
use kbwatch_proto::event::{Health, UnreadableSource};

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
        if !(due || self.facts_due) {
            return;
        }
        // Of heartbeats that nobody took, the last one says it all.
        if self.outbox.drop_stale_health() {
            self.counts.superseded_batches += 1;
        }
        if self.outbox.is_full() {
            return;
        }
        if due {
            let jitter = period_ms / 10;
            self.heartbeat_at_ms = now_ms + period_ms + fastrand::i64(-jitter..=jitter);
            self.facts.ask_again();
        }
        let facts = std::mem::take(&mut self.facts_due).then(|| self.snapshot.clone());
        let contents = Contents {
            events: Vec::new(),
            facts,
            health: Some(self.health(now_ms)),
        };
        let cargo = match &contents.facts {
            Some(_) => Cargo::Facts,
            None => Cargo::Health,
        };
        self.seal(contents, cargo);
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

    /// Sources of which a log cannot be read, each once, with the first reason.
    fn unreadable_sources(&self, now_ms: i64) -> Vec<UnreadableSource> {
        let mut unreadable: Vec<UnreadableSource> = Vec::new();
        for source in &self.sources {
            let Some(trouble) = source.lasting_trouble(now_ms) else {
                continue;
            };
            let kind = source.kind();
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
