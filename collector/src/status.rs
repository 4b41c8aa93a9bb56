//! What a running collector says of itself, in a file beside its checkpoint,
//! for `kbwatch-collector check`.
//!
//! Rewritten when the connection comes or goes, else once a minute: a disk
//! must not suffer for it. A lost status costs a look, no event.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::pipeline::Collector;
use crate::send::Exchanged;

const FILE_NAME: &str = "status.json";

/// Milliseconds between two writes while the connection stays as it is.
pub(crate) const PERIOD_MS: i64 = 60_000;

/// Largest status that is believed, in bytes.
const MAX_LEN: u64 = 64 * 1024;

/// How a collector stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) process: u32,
    pub(crate) started_at_ms: i64,
    /// When this was written.
    pub(crate) told_at_ms: i64,
    /// Whether it stopped by itself after that.
    pub(crate) stopped: bool,
    pub(crate) connected: bool,
    pub(crate) last_receipt_at_ms: Option<i64>,
    pub(crate) durable_events: u64,
    pub(crate) durable_batches: u64,
    pub(crate) refused_batches: u64,
    pub(crate) dropped_events: u64,
    pub(crate) skipped_events: u64,
    pub(crate) cut_lines: u64,
    pub(crate) unreceipted_batches: u64,
    /// Logs that are named and cannot be read.
    pub(crate) unreadable_logs: Vec<PathBuf>,
}

impl Status {
    /// The last status that was written to a state folder.
    ///
    /// # Errors
    /// Also when the file is damaged.
    pub(crate) fn read(state_dir: &Path) -> io::Result<Self> {
        let path = state_dir.join(FILE_NAME);
        if fs::metadata(&path)?.len() > MAX_LEN {
            return Err(io::Error::other("larger than a status"));
        }
        Ok(serde_json::from_slice(&fs::read(&path)?)?)
    }
}

/// Writes the status of one run.
#[derive(Debug)]
pub(crate) struct StatusTeller {
    path: PathBuf,
    status: Status,
    in_trouble: bool,
}

impl StatusTeller {
    pub(crate) fn new(state_dir: &Path, now_ms: i64) -> Self {
        Self {
            path: state_dir.join(FILE_NAME),
            status: Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                process: std::process::id(),
                started_at_ms: now_ms,
                ..Status::default()
            },
            in_trouble: false,
        }
    }

    /// Takes note of an exchange, and writes if that is due.
    pub(crate) fn look(&mut self, collector: &Collector, exchanged: Exchanged, now_ms: i64) {
        let status = &mut self.status;
        let turned = exchanged.connected != status.connected;
        // The first receipt is news: the gateway accepts this device.
        let first = exchanged.receipts > 0 && status.last_receipt_at_ms.is_none();
        status.connected = exchanged.connected;
        if exchanged.receipts > 0 {
            status.last_receipt_at_ms = Some(now_ms);
        }
        let age_ms = now_ms.saturating_sub(status.told_at_ms);
        if turned || first || !(0..PERIOD_MS).contains(&age_ms) {
            self.tell(collector, now_ms);
        }
    }

    /// The last words of a run that ends as it should.
    pub(crate) fn stop(&mut self, collector: &Collector, now_ms: i64) {
        self.status.connected = false;
        self.status.stopped = true;
        self.tell(collector, now_ms);
    }

    fn tell(&mut self, collector: &Collector, now_ms: i64) {
        let counts = collector.counts();
        let status = &mut self.status;
        status.told_at_ms = now_ms;
        status.durable_events = counts.durable_events;
        status.durable_batches = counts.durable_batches;
        status.refused_batches = counts.refused_batches;
        status.dropped_events = counts.dropped_events;
        status.skipped_events = counts.skipped_events;
        status.cut_lines = counts.cut_lines;
        status.unreceipted_batches = collector.pending().unreceipted_batches;
        let unreadable = collector.unreadable_logs();
        status.unreadable_logs = unreadable.into_iter().map(Path::to_owned).collect();
        let outcome = self.replace();
        if let Err(error) = &outcome
            && !self.in_trouble
        {
            tracing::warn!(path = %self.path.display(), %error, "status not written");
        }
        self.in_trouble = outcome.is_err();
    }

    /// A reader finds the old status or the new one, never half of either.
    fn replace(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("json.new");
        fs::write(&fresh, serde_json::to_vec(&self.status)?)?;
        fs::rename(&fresh, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CollectorConfig, SourcesConfig};

    fn collector(state_dir: &Path) -> Collector {
        Collector::open(CollectorConfig {
            gateway: "http://127.0.0.1:1".to_owned(),
            declared_device: Some("pc-1".to_owned()),
            state_dir: state_dir.to_owned(),
            sources: SourcesConfig::none(),
            ..CollectorConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn a_status_is_written_when_the_connection_turns_and_then_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let collector = collector(folder.path());
        let mut teller = StatusTeller::new(folder.path(), 1_000_000);
        let told = || Status::read(folder.path()).unwrap().told_at_ms;
        teller.look(&collector, Exchanged::default(), 1_000_000);
        assert_eq!(told(), 1_000_000);
        teller.look(&collector, Exchanged::default(), 1_000_500);
        assert_eq!(told(), 1_000_000);
        let connected = Exchanged {
            connected: true,
            ..Exchanged::default()
        };
        teller.look(&collector, connected, 1_001_000);
        assert_eq!(told(), 1_001_000);
        teller.look(&collector, connected, 1_001_000 + PERIOD_MS);
        assert_eq!(told(), 1_001_000 + PERIOD_MS);
        teller.stop(&collector, 1_100_000);
        let last = Status::read(folder.path()).unwrap();
        assert!(last.stopped && !last.connected);
    }
}
