//! Reads the logs of bundles, and seals their events for the device that they
//! are from.

use std::ops::ControlFlow;
use std::path::Path;

use kbwatch_proto::batch::Contents;
use kbwatch_proto::event::{MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::telemetry::Batch;
use tokio::sync::mpsc;

use super::bundle::{Found, FoundLog, Walk};
use super::limits::Limits;
use super::scratch::Scratch;
use super::{Imported, complain, tell};
use crate::pack::Packer;
use crate::parse::{LogReading, ParseFileError, clip, mask};
use crate::run::now_ms;

/// Most left-out files that are named; all are counted.
const MAX_NAMED: usize = 20;

/// Makes batches of another device's logs.
pub(super) struct Press {
    pub(super) packer: Packer,
    /// Whether the offset of the device's clock was named.
    pub(super) knows_zone: bool,
    pub(super) device: String,
    pub(super) importer: String,
    pub(super) last_seq: u64,
    /// Where sealed batches go; reading waits while it is full.
    pub(super) sealed: mpsc::Sender<Batch>,
    pub(super) imported: Imported,
    /// Files that were not read for their number, size or depth.
    pub(super) left_out: Vec<(String, u64)>,
}

/// Why a log is not read to its end.
#[derive(Debug, thiserror::Error)]
enum PressError {
    /// It cannot be read; the others can.
    #[error(transparent)]
    File(#[from] ParseFileError),
    /// Nobody sends what is sealed: the import is over.
    #[error("the import ended")]
    Over,
}

impl Press {
    /// Reads bundles until they end, or nobody sends what they hold.
    pub(super) fn read(mut self, bundles: &[impl AsRef<Path>], scratch: &mut Scratch) -> Imported {
        for bundle in bundles {
            let mut walk = Walk::new(scratch, Limits::default(), |found| self.meet(found));
            if walk.visit(bundle.as_ref()).is_break() {
                break;
            }
        }
        let mut unnamed = self.imported.left_out;
        for (provenance, files) in &self.left_out {
            unnamed -= files;
            complain(&match files {
                1 => format!("not read: {provenance}"),
                _ => format!("not read: {files} more files of {provenance}"),
            });
        }
        if unnamed > 0 {
            complain(&format!("not read: {unnamed} more files"));
        }
        self.imported
    }

    fn meet(&mut self, found: Found<'_>) -> ControlFlow<()> {
        match found {
            Found::Log(log) => return self.meet_log(&log),
            Found::Unreadable(provenance, error) => {
                self.imported.unreadable += 1;
                complain(&format!("{provenance}: {error}"));
            }
            Found::Limit(limit) => complain(&limit.to_string()),
            Found::LeftOut(provenance, files) => {
                self.imported.left_out += files;
                if self.left_out.len() < MAX_NAMED {
                    self.left_out.push((provenance.to_owned(), files));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn meet_log(&mut self, log: &FoundLog<'_>) -> ControlFlow<()> {
        match self.read_log(log) {
            Ok(events) => {
                self.imported.logs += 1;
                tell(&format!("{}: {events} events", log.provenance));
            }
            Err(PressError::Over) => return ControlFlow::Break(()),
            Err(PressError::File(ParseFileError::UnknownKind { .. })) => {
                self.imported.passed_over += 1;
            }
            Err(PressError::File(error)) => {
                self.imported.unreadable += 1;
                complain(&format!("{}: {error}", log.provenance));
            }
        }
        ControlFlow::Continue(())
    }

    /// Seals the events of one log, marked with who brought it from where;
    /// their number.
    fn read_log(&mut self, log: &FoundLog<'_>) -> Result<u64, PressError> {
        let reading = LogReading::open(log.path, None, &self.device, false)?;
        let from = told_origin(log.provenance);
        let (mut events, mut count) = (Vec::new(), 0);
        reading.each(|event| {
            events.push(event);
            count += 1;
            if events.len() == self.packer.max_events() {
                return self.press(std::mem::take(&mut events), &from);
            }
            Ok(())
        })?;
        self.press(events, &from)?;
        Ok(count)
    }

    /// Seals events of one batch.
    fn press(&mut self, mut events: Vec<UpdateEvent>, from: &str) -> Result<(), PressError> {
        if events.is_empty() {
            return Ok(());
        }
        if self.knows_zone {
            self.packer.date(&mut events, now_ms());
        }
        for event in &mut events {
            event.observed_at_ms = now_ms();
            // After its completeness was rated: an imported reading is no
            // fuller than the device's own.
            let importer = self.importer.clone();
            event.extra.insert("imported_by".into(), importer.into());
            event
                .extra
                .insert("imported_from".into(), from.to_owned().into());
        }
        let contents = Contents {
            events,
            ..Contents::default()
        };
        let packed = self.packer.pack(contents, 0);
        self.imported.refused_events += packed.dropped_events;
        for batch in packed.batches {
            self.last_seq += 1;
            let batch = Batch {
                batch_seq: self.last_seq,
                on_behalf_of: self.device.clone(),
                ..batch
            };
            let sent = self.sealed.blocking_send(batch);
            sent.map_err(|_| PressError::Over)?;
        }
        Ok(())
    }
}

/// Where a log came from, fit to leave the machine: a folder of the bundle may
/// be named after its user.
fn told_origin(provenance: &str) -> String {
    // Homes are known by the separator before them, and a bundle may begin with
    // one.
    let masked = mask(&format!("/{provenance}"));
    clip(masked[1..].to_owned(), MAX_TEXT_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_log_came_from_names_no_user_and_no_account() {
        for (provenance, told) in [
            (
                "profile.zip/Users/wang/Desktop/CBS.log",
                "profile.zip/Users/***/CBS.log",
            ),
            ("Users/wang/CBS.log", "Users/***/CBS.log"),
            (
                "pc.zip/S-1-5-21-1-2-3-1001/CBS.log",
                "pc.zip/S-1-***/CBS.log",
            ),
            ("more.zip/logs/CBS/CBS.log", "more.zip/logs/CBS/CBS.log"),
        ] {
            assert_eq!(told_origin(provenance), told);
        }
        assert!(told_origin(&"补".repeat(MAX_TEXT_LEN)).len() <= MAX_TEXT_LEN);
    }
}
