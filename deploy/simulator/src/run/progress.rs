//! A board on which every device notes how far it is.

use std::sync::{Mutex, PoisonError};

use kbwatch_collector::Counts;
use serde::Serialize;
use tokio::sync::Notify;

use crate::ledger::LedgerRow;

/// How far a fleet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Devices in all.
    pub devices: u64,
    /// Their history is receipted.
    pub history_settled: u64,
    /// Everything is receipted.
    pub settled: u64,
    /// Their collector stopped as planned.
    pub dark: u64,
    /// Events that the gateway made durable.
    pub durable_events: u64,
    /// Batches that the gateway made durable.
    pub durable_batches: u64,
}

/// What a fleet did in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FleetSummary {
    /// How far it came.
    pub progress: Progress,
    /// Bytes of logs read.
    pub read_bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Events read.
    pub read_events: u64,
    /// Events older than the history that is read.
    pub skipped_events: u64,
    /// Events that no batch could hold.
    pub dropped_events: u64,
    /// Events that the gateway refused.
    pub refused_events: u64,
    /// Receipts that asked for another attempt.
    pub retries: u64,
}

/// How far one device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Stage {
    /// Cannot go on.
    Failed,
    /// History is being read and receipted.
    #[default]
    Reading,
    /// History is receipted.
    HistorySettled,
    /// Everything is receipted.
    Settled,
    /// Its collector stopped as planned.
    Dark,
}

/// What one device notes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Note {
    pub(super) stage: Stage,
    pub(super) counts: Counts,
}

/// The notes of all devices.
#[derive(Debug)]
pub(super) struct Board {
    notes: Mutex<Vec<Note>>,
    ledger: Mutex<Vec<LedgerRow>>,
    moved: Notify,
}

impl Board {
    pub(super) fn new(devices: usize) -> Self {
        Self {
            notes: Mutex::new(vec![Note::default(); devices]),
            ledger: Mutex::default(),
            moved: Notify::new(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<Note>) -> T) -> T {
        // Notes are plain values: a panic elsewhere leaves none half written.
        look(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A device puts down its note; wakes who waits when a stage is reached.
    pub(super) fn put(&self, index: usize, note: Note) {
        let reached = self.with(|notes| {
            let old = std::mem::replace(&mut notes[index], note);
            old.stage != note.stage
        });
        if reached {
            self.moved.notify_waiters();
        }
    }

    pub(super) fn add_to_ledger(&self, rows: Vec<LedgerRow>) {
        self.ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(rows);
    }

    pub(super) fn ledger(&self) -> Vec<LedgerRow> {
        self.ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until some device has reached a stage, or a moment.
    pub(super) async fn changed(&self) {
        // A stage reached between a look and this wait is seen at the next
        // look, a moment later.
        let pause = std::time::Duration::from_millis(200);
        let waited = tokio::time::timeout(pause, self.moved.notified()).await;
        drop(waited);
    }

    pub(super) fn is_history_settled(&self) -> bool {
        self.with(|notes| notes.iter().all(|note| note.stage >= Stage::HistorySettled))
    }

    /// A device cannot go on.
    pub(super) fn fail(&self, index: usize) {
        let counts = self.with(|notes| notes[index].counts);
        let stage = Stage::Failed;
        self.put(index, Note { stage, counts });
    }

    pub(super) fn has_failed(&self) -> bool {
        self.with(|notes| notes.iter().any(|note| note.stage == Stage::Failed))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.with(|notes| notes.iter().all(|note| note.stage >= Stage::Settled))
    }

    /// Devices whose history is not receipted: how many, and the first.
    pub(super) fn first_with_history(&self) -> (usize, usize) {
        self.left(|note| note.stage < Stage::HistorySettled)
    }

    /// Devices with anything left: how many, and the first.
    pub(super) fn first_unsettled(&self) -> (usize, usize) {
        self.left(|note| note.stage < Stage::Settled)
    }

    fn left(&self, is_left: fn(&Note) -> bool) -> (usize, usize) {
        self.with(|notes| {
            let left = notes.iter().filter(|note| is_left(note)).count();
            let first = notes.iter().position(is_left);
            (left, first.unwrap_or_default())
        })
    }

    pub(super) fn progress(&self) -> Progress {
        self.with(|notes| {
            let mut progress = Progress {
                devices: notes.len() as u64,
                ..Progress::default()
            };
            for note in notes {
                progress.history_settled += u64::from(note.stage >= Stage::HistorySettled);
                progress.settled += u64::from(note.stage >= Stage::Settled);
                progress.dark += u64::from(note.stage == Stage::Dark);
                progress.durable_events += note.counts.durable_events;
                progress.durable_batches += note.counts.durable_batches;
            }
            progress
        })
    }

    pub(super) fn summary(&self) -> FleetSummary {
        let mut summary = FleetSummary {
            progress: self.progress(),
            ..FleetSummary::default()
        };
        self.with(|notes| {
            for Note { counts, .. } in notes {
                summary.read_bytes += counts.read_bytes;
                summary.lines += counts.lines;
                summary.read_events += counts.read_events;
                summary.skipped_events += counts.skipped_events;
                summary.dropped_events += counts.dropped_events;
                summary.refused_events += counts.refused_events;
                summary.retries += counts.retries;
            }
        });
        summary
    }
}
