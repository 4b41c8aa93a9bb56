//! Reads a whole file of any kind.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use kbwatch_proto::event::UpdateEvent;

use super::cabinet::{CABINET_MAGIC, Cabinet, CabinetError};
use super::clock::OffsetClock;
use super::event_log;
use super::kind::{FileKind, UnknownKind};
use super::report::{Report, log_name};
use super::split::Unit;
use super::{Origin, ParseCounts, TextParser};

const HEAD_LEN: usize = 64 * 1024;
const CHUNK_LEN: usize = 256 * 1024;

/// Everything that a file says.
#[derive(Debug)]
pub struct ParsedFile {
    /// The kind that it was read as.
    pub kind: FileKind,
    /// Its events in file order, times resolved backwards too, each once.
    pub events: Vec<UpdateEvent>,
    /// What was read.
    pub counts: ParseCounts,
}

/// A file that cannot be parsed; the others can.
#[derive(Debug, thiserror::Error)]
pub enum ParseFileError {
    /// The file cannot be read.
    #[error("read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its first bytes look like no log that is known.
    #[error("{path} is of no known kind; name one with --kind ({names})", names = FileKind::names())]
    UnknownKind {
        /// Which file.
        path: PathBuf,
    },
    /// A cabinet that cannot be unpacked.
    #[error("unpack {path}")]
    DamagedCabinet {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CabinetError,
    },
    /// An event log whose header is damaged.
    #[error("read {path} as an event log")]
    DamagedEventLog {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<UnknownKind> for ParseFileError {
    fn from(unknown: UnknownKind) -> Self {
        Self::UnknownKind {
            path: PathBuf::from(unknown.0),
        }
    }
}

/// Reads a whole file, .evtx included; `kind` overrides what its first bytes
/// say.
///
/// # Errors
/// See [`ParseFileError`].
pub fn parse_file(
    path: &Path,
    kind: Option<FileKind>,
    device_id: &str,
) -> Result<ParsedFile, ParseFileError> {
    read_file(path, kind, device_id, false)
}

/// Reads the records of an .evtx file from a number on: for whoever reads the
/// same log again and knows how far.
///
/// # Errors
/// See [`ParseFileError`].
pub fn parse_event_log(
    path: &Path,
    device_id: &str,
    first: u64,
) -> Result<ParsedFile, ParseFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let origin = Origin {
        device_id: device_id.to_owned(),
        log: name.into_owned(),
    };
    read_evtx(path, FileKind::EvtxSystem, first, &origin)
}

/// As [`parse_file`], with noise records on demand.
pub(crate) fn read_file(
    path: &Path,
    kind: Option<FileKind>,
    device_id: &str,
    with_noise: bool,
) -> Result<ParsedFile, ParseFileError> {
    let unreadable = |source| ParseFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::with_capacity(HEAD_LEN);
    Read::by_ref(&mut file)
        .take(HEAD_LEN as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    let kind = kind
        .or_else(|| FileKind::detect(&head, &name))
        .ok_or_else(|| ParseFileError::UnknownKind {
            path: path.to_owned(),
        })?;
    let origin = Origin {
        device_id: device_id.to_owned(),
        log: name.into_owned(),
    };
    if head.starts_with(b"ElfFile\0") {
        return read_evtx(path, kind, 0, &origin);
    }
    if head.starts_with(CABINET_MAGIC) {
        let packed = Packed {
            path,
            origin,
            with_noise,
        };
        return packed.read(file);
    }
    let mut parser = TextParser::new(kind, origin).with_noise(with_noise);
    if kind == FileKind::Cbs
        && let Some(archive) = archive_before(path)
    {
        parser.follow_archive(&archive);
    }
    read_text(parser, head.chain(file)).map_err(unreadable)
}

/// Reads all of a text.
fn read_text(mut parser: TextParser, mut text: impl Read) -> io::Result<ParsedFile> {
    let kind = parser.kind();
    let mut events = Vec::new();
    let mut chunk = vec![0; CHUNK_LEN];
    loop {
        let length = text.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        parser.feed(&chunk[..length], &mut events);
    }
    parser.finish(&mut events);
    let mut events = each_once(events);
    parser.resolve_times(&mut events);
    if kind.unit() == Unit::Line {
        events.sort_by_key(|event| event.position);
    }
    Ok(ParsedFile {
        kind,
        events,
        counts: parser.counts(),
    })
}

/// A cabinet whose first member is a log.
struct Packed<'a> {
    path: &'a Path,
    origin: Origin,
    with_noise: bool,
}

impl Packed<'_> {
    fn read(self, file: File) -> Result<ParsedFile, ParseFileError> {
        let damaged = |source| ParseFileError::DamagedCabinet {
            path: self.path.to_owned(),
            source,
        };
        let mut cabinet = Cabinet::open(BufReader::new(file)).map_err(damaged)?;
        let name = cabinet.members().first().map(|member| member.name.clone());
        let mut member = cabinet.read_member(0).map_err(damaged)?;
        let mut head = Vec::with_capacity(HEAD_LEN);
        let taken = Read::by_ref(&mut member)
            .take(HEAD_LEN as u64)
            .read_to_end(&mut head);
        taken.map_err(|error| damaged(error.into()))?;
        let kind = FileKind::detect(&head, &name.unwrap_or_default());
        let kind = kind.filter(|kind| !kind.is_evtx() && *kind != FileKind::CbsCab);
        let kind = kind.ok_or_else(|| ParseFileError::UnknownKind {
            path: self.path.to_owned(),
        })?;
        let mut parser = TextParser::new(kind, self.origin.clone()).with_noise(self.with_noise);
        if kind == FileKind::Cbs
            && let Some(archive) = archive_before(self.path)
        {
            parser.follow_archive(&archive);
        }
        let mut parsed =
            read_text(parser, head.chain(member)).map_err(|error| damaged(error.into()))?;
        if kind == FileKind::Cbs {
            parsed.kind = FileKind::CbsCab;
        }
        Ok(parsed)
    }
}

fn read_evtx(
    path: &Path,
    kind: FileKind,
    first: u64,
    origin: &Origin,
) -> Result<ParsedFile, ParseFileError> {
    let mut events = Vec::new();
    let mut counts = ParseCounts::default();
    let mut report = Report {
        origin,
        log: &log_name(&origin.log),
        source_kind: kind.source_kind(),
        clock: &mut OffsetClock::default(),
        counts: &mut counts,
        with_noise: false,
        out: &mut events,
    };
    event_log::read_evtx(path, first, &mut report).map_err(|source| {
        ParseFileError::DamagedEventLog {
            path: path.to_owned(),
            source: Box::new(source),
        }
    })?;
    let kind = event_log::evtx_kind(&events).unwrap_or(kind);
    Ok(ParsedFile {
        kind,
        events: each_once(events),
        counts,
    })
}

/// Name of the archive in the same folder that a CBS log follows: its name
/// says when this log began.
fn archive_before(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let archives = entries
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .file_name()
                    .to_string_lossy()
                    .to_ascii_lowercase(),
            )
        })
        .filter(|other| other.starts_with("cbspersist_"));
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    if name.starts_with("cbspersist_") {
        let own = stem(&name);
        archives.filter(|other| stem(other) < own).max()
    } else if name == "cbs.log" {
        archives.max()
    } else {
        None
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
