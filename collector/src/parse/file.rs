//! Reads a whole file of any kind: all its events at once, or, for files of
//! any size, one after the other.

mod opened;
mod reading;
mod repeats;
mod survey;

use std::io;
use std::path::{Path, PathBuf};

use kbwatch_proto::event::UpdateEvent;

use self::opened::LogFile;
pub(crate) use self::reading::LogReading;
use self::reading::read_all;
use super::ParseCounts;
use super::cabinet::CabinetError;
use super::kind::{FileKind, UnknownKind};

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
/// say. All its events are in memory at the end.
///
/// # Errors
/// See [`ParseFileError`].
pub fn parse_file(
    path: &Path,
    kind: Option<FileKind>,
    device_id: &str,
) -> Result<ParsedFile, ParseFileError> {
    let file = LogFile::open(path, kind, device_id)?;
    read_all(&file)
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
    let file = LogFile::open_event_log(path, device_id, first)?;
    read_all(&file)
}
