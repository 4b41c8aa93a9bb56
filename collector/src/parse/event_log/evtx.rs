//! Reads .evtx files, and renders only the records that a grammar may know.
//!
//! To render a record costs more than to read it, and most records of a log
//! are none of ours. A record whose template plainly names a foreign provider
//! is hollowed out before the chunk is read: it is still walked over and
//! counted. Whatever has an unusual shape is rendered and looked at as text.
//!
//! Promise: the events are those that rendering every record would give.

use std::fs::File;
use std::io::Seek as _;
use std::sync::Arc;

use evtx::err::EvtxError;
use evtx::{EvtxChunkData, EvtxParser, EvtxRecord, IntoIterChunks, ParserSettings};

use super::super::report::Report;
use super::{provider, read_element};

/// Bytes of a chunk before its first record.
const CHUNK_HEADER_LEN: usize = 512;

/// Bytes of a record before its content.
const RECORD_HEADER_LEN: usize = 24;

/// Bytes of a record around its content: the header, and its size once more.
const RECORD_FRAME_LEN: usize = RECORD_HEADER_LEN + 4;

const RECORD_MAGIC: [u8; 4] = [b'*', b'*', 0, 0];

/// The token that ends a content; as its first token it leaves nothing.
const END: u8 = 0;

/// The chunks of a file, 64 KiB of it at a time.
pub(crate) struct EvtxChunks<'a> {
    chunks: IntoIterChunks<&'a File>,
    settings: Arc<ParserSettings>,
    first: u64,
}

impl<'a> EvtxChunks<'a> {
    /// Begins with the oldest chunk; records before `first` are passed over.
    pub(crate) fn open(mut file: &'a File, first: u64) -> Result<Self, EvtxError> {
        file.rewind()?;
        Ok(Self {
            chunks: EvtxParser::from_read_seek(file)?.into_chunks(),
            settings: Arc::new(ParserSettings::new().indent(false)),
            first,
        })
    }

    /// Reads the records of the next chunk; false at the end.
    pub(crate) fn read_next(&mut self, report: &mut Report<'_>) -> bool {
        match self.chunks.next() {
            Some(Ok(chunk)) => read_chunk(chunk, &self.settings, self.first, report),
            Some(Err(_)) => unreadable(report),
            None => return false,
        }
        true
    }
}

fn unreadable(report: &mut Report<'_>) {
    report.counts.lines += 1;
    report.counts.unknown += 1;
}

fn read_chunk(
    mut chunk: EvtxChunkData,
    settings: &Arc<ParserSettings>,
    first: u64,
    report: &mut Report<'_>,
) {
    let header = &chunk.header;
    // A range that is reversed says nothing.
    let last = header.last_event_record_id;
    if (header.first_event_record_id..first).contains(&last) {
        return;
    }
    hollow_out(&mut chunk, first);
    let Ok(mut chunk) = chunk.parse(Arc::clone(settings)) else {
        return unreadable(report);
    };
    for record in chunk.iter() {
        match record {
            Ok(record) if record.event_record_id < first => {}
            Ok(record) => read_record(record, report),
            Err(_) => unreadable(report),
        }
    }
}

fn read_record(record: EvtxRecord<'_>, report: &mut Report<'_>) {
    let content = usize::try_from(record.binxml_offset).ok();
    if content.and_then(|at| record.chunk.data.get(at)) == Some(&END) {
        report.counts.lines += 1;
        report.counts.records += 1;
        report.counts.unknown += 1;
        return;
    }
    let Ok(record) = record.into_xml() else {
        return unreadable(report);
    };
    report.counts.lines += 1;
    if let Some(start) = record.data.find("<Event") {
        read_element(&record.data[start..], report);
    }
}

/// Empties the records of foreign providers, and those before `first`, so that
/// reading the chunk costs little for them. Templates that stand inside them
/// stay: only the first byte of a content is touched.
///
/// Stops where something is odd: what follows is read in full.
fn hollow_out(chunk: &mut EvtxChunkData, first: u64) {
    let end = (chunk.header.free_space_offset as usize).min(chunk.data.len());
    let mut templates = provider::Templates::default();
    let mut at = CHUNK_HEADER_LEN;
    while let Some(record) = Walked::at(&chunk.data[..end], at) {
        if record.number < first || templates.is_foreign(&chunk.data, record.content) {
            chunk.data[record.content] = END;
        }
        if record.number == chunk.header.last_event_record_id {
            break;
        }
        at = record.next;
    }
}

/// Where a record lies in its chunk.
struct Walked {
    number: u64,
    /// First byte of its content.
    content: usize,
    /// Where the next record begins.
    next: usize,
}

impl Walked {
    /// The record that begins here; `None` where none does, or an empty one.
    fn at(data: &[u8], at: usize) -> Option<Self> {
        let header = data.get(at..)?.first_chunk::<RECORD_HEADER_LEN>()?;
        let (magic, rest) = header.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let number = rest.first_chunk::<8>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let next = at.checked_add(size)?;
        let is_whole = *magic == RECORD_MAGIC && size > RECORD_FRAME_LEN && next <= data.len();
        is_whole.then_some(Self {
            number: u64::from_le_bytes(*number),
            content: at + RECORD_HEADER_LEN,
            next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::written::{Naming, Record, log};
    use crate::parse::{ParsedFile, parse_event_log, parse_file};

    const CLIENT: &str = "Microsoft-Windows-WindowsUpdateClient";

    fn record(provider: &'static str, naming: Naming, event: u16) -> Record {
        Record {
            provider,
            naming,
            event,
        }
    }

    fn mixed() -> [Record; 7] {
        [
            record("Disk", Naming::Written, 7),
            record(CLIENT, Naming::Written, 19),
            record("Disk", Naming::AsValue, 7),
            record(CLIENT, Naming::AsValue, 20),
            record("Disk", Naming::Dependent, 7),
            record("eventlog", Naming::Dependent, 6005),
            record("EventLog", Naming::AsValue, 6013),
        ]
    }

    fn numbers(parsed: &ParsedFile) -> Vec<u64> {
        parsed.events.iter().map(|event| event.position).collect()
    }

    #[test]
    fn strangers_are_counted_and_the_others_told_however_they_are_named() {
        let file = log(&mixed());
        let parsed = parse_file(file.path(), None, "pc-1").unwrap();
        assert_eq!(numbers(&parsed), [2, 4, 6]);
        assert_eq!(parsed.events[1].source, CLIENT);
        let counts = parsed.counts;
        assert_eq!((counts.lines, counts.records, counts.unknown), (7, 7, 4));
    }

    #[test]
    fn a_log_is_read_from_a_number_on() {
        let file = log(&mixed());
        let whole = parse_file(file.path(), None, "pc-1").unwrap();
        let rest = parse_event_log(file.path(), "pc-1", 3).unwrap();
        assert_eq!(rest.events, whole.events[1..]);
        assert_eq!(rest.counts.lines, 5);
        let none = parse_event_log(file.path(), "pc-1", 8).unwrap();
        assert_eq!((none.events.len(), none.counts.lines), (0, 0));
    }

    #[test]
    fn a_log_that_is_cut_or_damaged_anywhere_is_read_without_harm() {
        let bytes = std::fs::read(log(&mixed()).path()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for at in (4096 + 512..4096 + 2600).step_by(41) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            std::fs::write(file.path(), damaged).unwrap();
            let parsed = parse_file(file.path(), None, "pc-1").unwrap();
            assert!(parsed.events.len() <= 3, "at {at}");
        }
    }
}
