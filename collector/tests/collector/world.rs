//! A device with a log folder, a clock, and a gateway that takes notes.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use kbwatch_collector::parse::{FileKind, Origin, TextParser};
use kbwatch_collector::{Collector, CollectorConfig, Counts, SourcesConfig};
use kbwatch_proto::batch::unpack;
use kbwatch_proto::event::{FactsSnapshot, Health, UpdateEvent};
use kbwatch_proto::ids::EventId;
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};

/// 2023-01-11 10:00:00 UTC.
pub(crate) const START_MS: i64 = 1_673_431_200_000;

/// A device with a log folder and a clock.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) now_ms: i64,
    pub(crate) config: CollectorConfig,
    written: Vec<u8>,
    lines: u32,
    rotations: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = CollectorConfig {
            gateway: "http://127.0.0.1:1".to_owned(),
            declared_device: Some("pc-1".to_owned()),
            state_dir: folder.path().join("state"),
            sources: SourcesConfig {
                cbs_log: Some(folder.path().join("CBS.log")),
                ..SourcesConfig::none()
            },
            facts_file: Some(folder.path().join("facts.json")),
            utc_offset_minutes: Some(0),
            checkpoint_s: 0,
            start_spread_ms: 0,
            ..CollectorConfig::default()
        };
        fs::write(folder.path().join("facts.json"), r#"{"ubr": "3770"}"#).unwrap();
        Self {
            folder,
            now_ms: START_MS,
            config,
            written: Vec::new(),
            lines: 0,
            rotations: 0,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&self) -> Collector {
        Collector::open(self.config.clone()).unwrap()
    }

    /// The text of the next record: a package that fails, unlike any other.
    pub(crate) fn record(&mut self) -> String {
        self.lines += 1;
        let n = self.lines;
        let (minute, second) = (n / 60 % 60, n % 60);
        format!(
            "2023-01-11 09:{minute:02}:{second:02}, Info                  CBS    Exec: Processing complete.  \
             Session: 31007000_{n}, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.{n}, \
             Identifier: KB5022286 [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n"
        )
    }

    /// Appends text to CBS.log and to what is expected to arrive.
    pub(crate) fn append(&mut self, text: &str) {
        self.written.extend_from_slice(text.as_bytes());
        append_to(&self.path("CBS.log"), text);
    }

    pub(crate) fn append_records(&mut self, count: u32) {
        for _ in 0..count {
            let text = self.record();
            self.append(&text);
        }
    }

    /// Renames CBS.log away, as the servicing stack does; the next append
    /// makes a new one. Returns the archive, if there was a log.
    pub(crate) fn rotate(&mut self) -> Option<PathBuf> {
        let live = self.path("CBS.log");
        if !live.exists() {
            return None;
        }
        self.rotations += 1;
        let name = format!("CbsPersist_20230111{:06}.log", 90_000 + self.rotations);
        let archive = self.path(&name);
        fs::rename(&live, &archive).unwrap();
        Some(archive)
    }

    pub(crate) fn tick(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    /// Ids of everything ever appended.
    pub(crate) fn expected(&self) -> BTreeSet<EventId> {
        ids(&parse(&self.written))
    }

    /// Steps, delivers and lets time pass until nothing is left to do.
    pub(crate) fn settle(&mut self, collector: &mut Collector, notes: &mut Notes) {
        for _ in 0..200 {
            collector.step(self.now_ms);
            notes.take_all(collector, self.now_ms, Outcome::Durable);
            if collector.pending().is_idle() {
                assert_accounted(&collector.counts());
                return;
            }
            self.tick(600);
        }
        panic!("never idle: {:?}", collector.pending());
    }
}

/// Nothing disappears uncounted: every event read went somewhere.
fn assert_accounted(counts: &Counts) {
    let told = counts.durable_events + counts.refused_events;
    let left_out = counts.skipped_events + counts.dropped_events;
    let found = counts.read_events + counts.recovered_events;
    assert_eq!(found, told + left_out, "{counts:?}");
    let gone = counts.superseded_batches + counts.spooled_batches;
    let answered = counts.durable_batches + counts.refused_batches;
    assert_eq!(counts.sealed_batches, answered + gone, "{counts:?}");
}

pub(crate) fn append_to(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub(crate) fn parse(text: &[u8]) -> Vec<UpdateEvent> {
    let origin = Origin {
        device_id: "pc-1".to_owned(),
        log: "CBS.log".to_owned(),
    };
    let mut parser = TextParser::new(FileKind::Cbs, origin);
    let mut events = Vec::new();
    parser.feed(text, &mut events);
    parser.finish(&mut events);
    events
}

pub(crate) fn ids(events: &[UpdateEvent]) -> BTreeSet<EventId> {
    events.iter().map(|event| event.event_id).collect()
}

/// What a gateway saw.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) batches: Vec<Batch>,
    pub(crate) events: Vec<UpdateEvent>,
    pub(crate) facts: Vec<FactsSnapshot>,
    pub(crate) health: Vec<Health>,
}

impl Notes {
    pub(crate) fn take(&mut self, batch: Batch) {
        let unpacked = unpack(&batch).unwrap();
        assert_eq!(unpacked.rejected, []);
        self.events.extend(unpacked.contents.events);
        self.facts.extend(unpacked.contents.facts);
        self.health.extend(unpacked.contents.health);
        self.batches.push(batch);
    }

    pub(crate) fn take_all(&mut self, collector: &mut Collector, now_ms: i64, outcome: Outcome) {
        while let Some(batch) = collector.next_batch(now_ms) {
            let receipt = receipt(&batch, outcome);
            self.take(batch);
            collector.on_receipt(&receipt);
            if outcome == Outcome::Retry {
                return;
            }
        }
    }

    pub(crate) fn ids(&self) -> BTreeSet<EventId> {
        ids(&self.events)
    }
}

pub(crate) fn receipt(batch: &Batch, outcome: Outcome) -> Receipt {
    Receipt {
        epoch: batch.epoch,
        batch_seq: batch.batch_seq,
        outcome: outcome.into(),
        ..Receipt::default()
    }
}
