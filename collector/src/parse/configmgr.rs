//! Grammar of the Configuration Manager client's logs: WUAHandler.log,
//! UpdatesHandler.log and their like.
//!
//! A record is `<![LOG[text]LOG]!><time="…" date="…" component="…" …>`, or in
//! older logs `text $$<component><date time><thread=…>`; people paste the text
//! and the component alone. The bias after the time is what to add to local
//! time to get UTC, in minutes.

mod head;
mod updates;

use serde::{Deserialize, Serialize};

use super::report::Report;
use super::split::Line;
pub(crate) use head::is_line;
use head::{Opening, Record};

/// Longest record over several lines.
const MAX_RECORD_LEN: usize = 16 * 1024;

/// Most updates whose titles are remembered.
const MAX_UPDATES: usize = 128;

/// An update that a scan named.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Update {
    guid: String,
    kb: String,
    title: String,
    /// Code of the result that was told.
    told: Option<u32>,
    /// State and code that its progress was told with.
    #[serde(default)]
    progress: Option<(Vec<u8>, u32)>,
}

/// What is remembered along the log.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    updates: Vec<Update>,
    /// Code and wall clock of the last scan that failed.
    scan_failure: Option<(u32, Option<i64>)>,
    /// Whether an update of the job under way failed.
    job_failed: bool,
}

/// State of reading one log.
#[derive(Default)]
pub(crate) struct ConfigMgrGrammar {
    /// A record whose end was not seen yet, and where it starts.
    open: Vec<u8>,
    start: (u64, u64),
    memory: Memory,
}

impl ConfigMgrGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        if !self.open.is_empty() {
            self.open.push(b'\n');
            self.open.extend_from_slice(line.text);
            let ended = head::has_end(line.text);
            if !ended && self.open.len() <= MAX_RECORD_LEN {
                return;
            }
            let whole = std::mem::take(&mut self.open);
            self.record(&whole, self.start, report);
            return;
        }
        self.start = (line.offset, line.number);
        match head::opening(line.text) {
            Opening::Whole => self.record(line.text, self.start, report),
            Opening::Continues => self.open.extend_from_slice(line.text),
            Opening::None => {}
        }
    }

    fn record(&mut self, text: &[u8], start: (u64, u64), report: &mut Report<'_>) {
        let Some(record) = Record::read(text, start.1) else {
            return;
        };
        report.counts.records += 1;
        if !self.memory.message(&record, report) {
            report.counts.unknown += 1;
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        (!self.open.is_empty()).then_some(self.start)
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.memory).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.memory = serde_json::from_value(memory).unwrap_or_default();
    }
}

impl Memory {
    fn update(&mut self, guid: &str) -> Option<&mut Update> {
        self.updates.iter_mut().find(|update| update.guid == guid)
    }

    fn remember(&mut self, update: Update) {
        self.updates.retain(|known| known.guid != update.guid);
        if self.updates.len() == MAX_UPDATES {
            self.updates.remove(0);
        }
        self.updates.push(update);
    }
}
