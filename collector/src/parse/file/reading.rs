//! The events of one log, in order and each once, in memory that does not grow
//! with the file.
//!
//! What stands in a log is complete only at its end: offsets from UTC are
//! learned along the way, events wait for later records, some are told twice.
//! So a log of any size is read at least twice: first to learn all that, then
//! to tell. One that says little is read once and kept.
//!
//! Promise: the events are those that holding all of them would give.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;

use super::opened::{End, LogFile};
use super::survey::{FirstLook, Survey};
use super::{ParseFileError, ParsedFile};
use crate::parse::clock::OffsetClock;
use crate::parse::{FileKind, ParseCounts};

/// Events of a log that are kept rather than read again, a few MiB.
const FEW_EVENTS: usize = 1_024;

/// A log whose end is known.
pub(crate) struct LogReading {
    file: LogFile,
    kind: FileKind,
    counts: ParseCounts,
    events: Events,
}

enum Events {
    Kept(Vec<UpdateEvent>),
    ToReadAgain(Survey),
}

impl LogReading {
    /// Opens a log and reads it to its end.
    ///
    /// # Errors
    /// See [`ParseFileError`].
    pub(crate) fn open(
        path: &Path,
        kind: Option<FileKind>,
        device_id: &str,
        with_noise: bool,
    ) -> Result<Self, ParseFileError> {
        let file = LogFile::open(path, kind, device_id)?.with_noise(with_noise);
        Self::of(file, FEW_EVENTS)
    }

    /// Reads a log to its end; keeps its events, if there are but a `few`.
    fn of(file: LogFile, few: usize) -> Result<Self, ParseFileError> {
        if !file.rewinds() {
            // A pipe: what it says comes once.
            let parsed = read_all(&file)?;
            return Ok(Self {
                file,
                kind: parsed.kind,
                counts: parsed.counts,
                events: Events::Kept(parsed.events),
            });
        }
        let mut first_look = FirstLook::new(file.is_by_position(), few);
        let end = file.read(|portion| {
            first_look.take(portion);
            Ok::<(), ParseFileError>(())
        })?;
        let kind = file.kind(first_look.log.as_deref());
        let counts = end.counts;
        let events = match first_look.kept {
            Some(told) => Events::Kept(settle(told, &file, &end)),
            None => Events::ToReadAgain(Survey::new(&file, end, first_look)?),
        };
        Ok(Self {
            file,
            kind,
            counts,
            events,
        })
    }

    /// The kind that it was read as.
    pub(crate) fn kind(&self) -> FileKind {
        self.kind
    }

    /// What was read.
    pub(crate) fn counts(&self) -> ParseCounts {
        self.counts
    }

    /// Tells every event, in file order; again the same when called again.
    ///
    /// # Errors
    /// The first one of `tell`, or that the file cannot be read any more.
    pub(crate) fn each<E: From<ParseFileError>>(
        &self,
        mut tell: impl FnMut(UpdateEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.events {
            Events::Kept(events) => events.iter().cloned().try_for_each(tell),
            Events::ToReadAgain(survey) => survey.tell(&self.file, &mut tell),
        }
    }
}

/// Reads a log once and keeps all that it says.
pub(super) fn read_all(file: &LogFile) -> Result<ParsedFile, ParseFileError> {
    let mut told = Vec::new();
    let end = file.read(|portion| {
        told.append(portion);
        Ok::<(), ParseFileError>(())
    })?;
    let log = told
        .first()
        .map(|event: &UpdateEvent| Arc::clone(&event.origin));
    Ok(ParsedFile {
        kind: file.kind(log.as_deref()),
        counts: end.counts,
        events: settle(told, file, &end),
    })
}

/// All that a log told: each event once, dated, in order.
fn settle(told: Vec<UpdateEvent>, file: &LogFile, end: &End) -> Vec<UpdateEvent> {
    let mut events = each_once(told);
    for event in &mut events {
        date(event, end.clock.as_ref());
    }
    if file.is_by_position() {
        events.sort_by_key(|event| event.position);
    }
    events
}

/// Gives an event the UTC time that the whole log makes known.
pub(super) fn date(event: &mut UpdateEvent, clock: Option<&OffsetClock>) {
    if let Some(clock) = clock {
        clock.resolve(event);
        event.rate_completeness();
    }
}

/// Every event once, in the place where it was first told, in the fullest of
/// its tellings.
fn each_once(told: Vec<UpdateEvent>) -> Vec<UpdateEvent> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut events: Vec<UpdateEvent> = Vec::with_capacity(told.len());
    for event in told {
        match places.get(&event.event_id) {
            Some(at) if events[*at].completeness < event.completeness => events[*at] = event,
            Some(_) => {}
            None => {
                places.insert(event.event_id, events.len());
                events.push(event);
            }
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn open(path: &Path) -> LogFile {
        LogFile::open(path, None, "pc-1").unwrap().with_noise(true)
    }

    /// What a log tells that is read again for every purpose.
    fn streamed(path: &Path) -> (FileKind, Vec<UpdateEvent>) {
        let reading = LogReading::of(open(path), 0).unwrap();
        let mut events = Vec::new();
        for _ in 0..2 {
            events.clear();
            let told = reading.each(|event| {
                events.push(event);
                Ok::<(), ParseFileError>(())
            });
            told.unwrap();
        }
        (reading.kind(), events)
    }

    fn fixtures() -> Vec<std::path::PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn telling_one_by_one_gives_what_keeping_all_gives() {
        for path in fixtures() {
            let kept = read_all(&open(&path)).unwrap();
            assert_eq!(streamed(&path), (kept.kind, kept.events), "{path:?}");
        }
    }

    #[test]
    fn a_log_of_many_portions_with_repeats_far_apart_is_told_in_order_and_each_once() {
        let mut all: Vec<u8> = Vec::new();
        let mut fixtures = fixtures();
        fixtures.sort();
        for path in &fixtures {
            let bytes = std::fs::read(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            if FileKind::detect(&bytes, &name) == Some(FileKind::Cbs) {
                all.extend(bytes);
                all.extend(b"\r\n");
            }
        }
        let mut file = tempfile::Builder::new().suffix(".log").tempfile().unwrap();
        for round in 0..200 {
            // Rounds of other days, and every third of the first day again.
            let day = format!("-{:02} ", 1 + round % 20);
            let text = String::from_utf8_lossy(&all).replace("-11 ", &day);
            file.write_all(text.as_bytes()).unwrap();
        }
        let kept = read_all(&open(file.path())).unwrap();
        assert!(kept.events.len() > 500, "{}", kept.events.len());
        assert!(file.as_file().metadata().unwrap().len() > 10 * 64 * 1024);
        assert_eq!(streamed(file.path()), (kept.kind, kept.events));
    }
}
