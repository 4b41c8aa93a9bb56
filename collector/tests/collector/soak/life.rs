//! The library against a clock and a folder that nothing can be taken for
//! granted of.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use fastrand::Rng;
use kbwatch_collector::Collector;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::telemetry::Outcome;

use super::Verdict;
use crate::archives::pack_archive;
use crate::world::{Notes, START_MS, World, append_to, ids, parse, receipt};

/// Archives that Windows keeps.
const KEPT_ARCHIVES: usize = 8;

const DAY_MS: i64 = 24 * 3_600_000;

/// A device, its collector, its writer, and what was written where.
pub(super) struct Life {
    rng: Rng,
    world: World,
    collector: Collector,
    notes: Notes,
    /// The second half of a line that was half written.
    half: Option<(String, EventId)>,
    live: Vec<EventId>,
    archives: VecDeque<(PathBuf, Vec<EventId>)>,
    written: BTreeSet<EventId>,
    destroyed: BTreeSet<EventId>,
    spooled: u64,
    writes: u64,
}

impl Life {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.config.batch_max_events = 7;
        world.config.checkpoint_s = 1;
        world.config.outbox_max_batches = 12;
        world.config.in_flight_batches = 3;
        world.config.spool_after_s = 60;
        Self {
            rng: Rng::with_seed(seed),
            collector: world.open(),
            world,
            notes: Notes::default(),
            half: None,
            live: Vec::new(),
            archives: VecDeque::new(),
            written: BTreeSet::new(),
            destroyed: BTreeSet::new(),
            spooled: 0,
            writes: 0,
        }
    }

    pub(super) fn live_through(mut self, upheavals: u32) -> Verdict {
        for _ in 0..upheavals {
            for _ in 0..self.rng.u32(1..8) {
                self.everyday();
            }
            self.upheaval();
        }
        self.complete();
        self.world.settle(&mut self.collector, &mut self.notes);
        self.spooled += self.collector.counts().spooled_events;
        self.judge(upheavals)
    }

    fn judge(&self, upheavals: u32) -> Verdict {
        let arrived = self.notes.ids();
        let must: BTreeSet<_> = self.written.difference(&self.destroyed).copied().collect();
        Verdict {
            upheavals,
            process_kills: 0,
            written: self.written.len(),
            arrived: arrived.intersection(&self.written).count(),
            missing: must.difference(&arrived).count(),
            foreign: arrived.difference(&self.written).count(),
            destroyed: self.destroyed.difference(&arrived).count(),
            repeats: self.notes.events.len() - arrived.len(),
            spooled: self.spooled,
        }
    }

    fn everyday(&mut self) {
        match self.rng.u32(0..10) {
            0..=2 => {
                for _ in 0..self.rng.u32(1..25) {
                    self.write_record();
                }
            }
            3 => self.write_half(),
            4..=6 => {
                self.collector.step(self.world.now_ms);
            }
            7 => self.world.tick(self.rng.i64(1..2_500)),
            8 => {
                let (collector, now_ms) = (&mut self.collector, self.world.now_ms);
                self.notes.take_all(collector, now_ms, Outcome::Durable);
            }
            _ => self.lose_receipts(),
        }
    }

    fn upheaval(&mut self) {
        match self.rng.u32(0..100) {
            0..=29 => self.rotate(),
            30..=41 => self.pack_some_archive(),
            42..=51 => self.truncate(),
            52..=59 => self.replace(),
            60..=73 => self.reopen(),
            74..=78 => {
                self.collector.flush(self.world.now_ms);
                self.collector.save();
                self.reopen();
            }
            79..=80 => {
                // A disk that forgets its writes at reboot.
                fs::remove_dir_all(self.world.path("state")).unwrap();
                self.reopen();
            }
            81..=93 => self.world.now_ms = START_MS + self.rng.i64(-40 * DAY_MS..40 * DAY_MS),
            _ => self.stay_cut_off(),
        }
    }

    /// Killed: whatever was not on the disk is gone.
    fn reopen(&mut self) {
        self.spooled += self.collector.counts().spooled_events;
        self.collector = self.world.open();
    }

    fn stay_cut_off(&mut self) {
        self.collector.on_disconnect();
        for _ in 0..30 {
            self.collector.step(self.world.now_ms);
            self.world.tick(self.rng.i64(1_000..20_000));
            if self.rng.u32(0..3) == 0 {
                self.write_record();
            }
            if self.rng.u32(0..10) == 0 {
                self.rotate();
            }
        }
    }

    /// The receipt of a batch is lost with the connection, that of the next
    /// one overtakes it.
    fn lose_receipts(&mut self) {
        let first = self.collector.next_batch(self.world.now_ms);
        if let Some(second) = self.collector.next_batch(self.world.now_ms) {
            self.collector
                .on_receipt(&receipt(&second, Outcome::Durable));
            self.notes.take(second);
        }
        if let Some(first) = first {
            self.notes.take(first);
        }
        self.collector.on_disconnect();
    }

    /// Writes to the log at a moment of its own: here hours pass within one
    /// tick of the file system's clock.
    fn write(&mut self, text: &str) {
        let path = self.world.path("CBS.log");
        append_to(&path, text);
        self.writes += 1;
        let moment = UNIX_EPOCH + Duration::from_millis(START_MS.unsigned_abs() + self.writes);
        let log = File::options().append(true).open(path).unwrap();
        log.set_modified(moment).unwrap();
    }

    fn new_record(&mut self) -> (String, EventId) {
        let text = self.world.record();
        let id = ids(&parse(text.as_bytes())).pop_first().unwrap();
        (text, id)
    }

    fn write_record(&mut self) {
        self.complete();
        let (text, id) = self.new_record();
        self.write(&text);
        self.note(id);
    }

    fn write_half(&mut self) {
        self.complete();
        let (mut text, id) = self.new_record();
        let rest = text.split_off(self.rng.usize(1..text.len()));
        self.write(&text);
        self.half = Some((rest, id));
    }

    fn complete(&mut self) {
        if let Some((rest, id)) = self.half.take() {
            self.write(&rest);
            self.note(id);
        }
    }

    fn note(&mut self, id: EventId) {
        self.live.push(id);
        self.written.insert(id);
    }

    fn rotate(&mut self) {
        self.complete();
        if let Some(archive) = self.world.rotate() {
            let lines = std::mem::take(&mut self.live);
            self.archives.push_back((archive, lines));
        }
        while self.archives.len() > KEPT_ARCHIVES
            && let Some((path, lines)) = self.archives.pop_front()
        {
            fs::remove_file(path).unwrap();
            self.destroyed.extend(lines);
        }
    }

    fn pack_some_archive(&mut self) {
        if self.archives.is_empty() {
            return;
        }
        let at = self.rng.usize(0..self.archives.len());
        let path = &mut self.archives[at].0;
        if path.extension().is_some_and(|kind| kind == "log") {
            pack_archive(path);
            path.set_extension("cab");
        }
    }

    fn truncate(&mut self) {
        if self.world.path("CBS.log").exists() {
            self.half = None;
            fs::write(self.world.path("CBS.log"), "").unwrap();
            self.write("");
            self.destroyed.extend(self.live.drain(..));
        }
    }

    fn replace(&mut self) {
        if self.world.path("CBS.log").exists() {
            self.half = None;
            fs::remove_file(self.world.path("CBS.log")).unwrap();
            self.destroyed.extend(self.live.drain(..));
            self.write_record();
        }
    }
}
