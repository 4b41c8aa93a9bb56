//! An open log of any form that can be read from its start as often as needed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use kbwatch_proto::event::UpdateEvent;

use super::ParseFileError;
use crate::parse::cabinet::{CABINET_MAGIC, Cabinet, CabinetError};
use crate::parse::clock::OffsetClock;
use crate::parse::event_log;
use crate::parse::kind::FileKind;
use crate::parse::report::{Report, log_name};
use crate::parse::split::Unit;
use crate::parse::{Origin, ParseCounts, TextParser};

const HEAD_LEN: usize = 64 * 1024;

/// Bytes read at a time. What they say is in memory at once.
const CHUNK_LEN: usize = 64 * 1024;

/// How the log lies in its file.
enum Form {
    Text,
    /// The log is the first member.
    Cabinet,
    /// Records from a number on.
    EventLog {
        first: u64,
    },
}

/// An open log.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// Bytes of a regular file, as of its opening: what a live log grows by
    /// meanwhile is not read. `None` for a pipe, which is read once.
    len: Option<u64>,
    /// The first bytes.
    head: Vec<u8>,
    form: Form,
    kind: FileKind,
    origin: Origin,
    with_noise: bool,
}

/// What reading to the end gave, besides the events.
pub(super) struct End {
    /// What was read.
    pub(super) counts: ParseCounts,
    /// The offsets that the log gave away; none where it prints UTC.
    pub(super) clock: Option<OffsetClock>,
}

impl LogFile {
    /// Opens a log and tells its kind from its content, unless named.
    pub(super) fn open(
        path: &Path,
        kind: Option<FileKind>,
        device_id: &str,
    ) -> Result<Self, ParseFileError> {
        let unreadable = |source| ParseFileError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let unknown = || ParseFileError::UnknownKind {
            path: path.to_owned(),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let head = head_of(&file).map_err(unreadable)?;
        let kind = kind.or_else(|| FileKind::detect(&head, &name));
        let form = if head.starts_with(b"ElfFile\0") {
            Form::EventLog { first: 0 }
        } else if head.starts_with(CABINET_MAGIC) {
            Form::Cabinet
        } else {
            Form::Text
        };
        let mut log = Self {
            path: path.to_owned(),
            file,
            // Files of the kernel claim to be empty.
            len: Some(metadata.len()).filter(|len| metadata.is_file() && *len > 0),
            head,
            form,
            kind: kind.ok_or_else(unknown)?,
            origin: Origin {
                device_id: device_id.to_owned(),
                log: name.into_owned(),
            },
            with_noise: false,
        };
        if let Form::Cabinet = log.form {
            log.kind = log.member_kind()?.ok_or_else(unknown)?;
        }
        Ok(log)
    }

    /// Opens an event log to read it from a record on.
    pub(super) fn open_event_log(
        path: &Path,
        device_id: &str,
        first: u64,
    ) -> Result<Self, ParseFileError> {
        let mut log = Self::open(path, Some(FileKind::EvtxSystem), device_id)?;
        log.form = Form::EventLog { first };
        Ok(log)
    }

    /// Also tells noise records, marked.
    pub(super) fn with_noise(mut self, with_noise: bool) -> Self {
        self.with_noise = with_noise;
        self
    }

    /// Whether it can be read more than once.
    pub(super) fn rewinds(&self) -> bool {
        self.len.is_some()
    }

    /// Whether events belong in the order of their places; else in the order
    /// in which they are told.
    pub(super) fn is_by_position(&self) -> bool {
        !matches!(self.form, Form::EventLog { .. }) && self.kind.unit() == Unit::Line
    }

    /// The kind that it was read as; `log` is where its first event came from.
    pub(super) fn kind(&self, log: Option<&str>) -> FileKind {
        match self.form {
            Form::EventLog { .. } => log.and_then(event_log::evtx_kind).unwrap_or(self.kind),
            Form::Cabinet if self.kind == FileKind::Cbs => FileKind::CbsCab,
            Form::Cabinet | Form::Text => self.kind,
        }
    }

    /// Reads all of it and hands over the events by portions, as they are
    /// told; every reading gives the same portions, and some are empty. What
    /// `take` leaves in a portion is dropped.
    pub(super) fn read<E: From<ParseFileError>>(
        &self,
        mut take: impl FnMut(&mut Vec<UpdateEvent>) -> Result<(), E>,
    ) -> Result<End, E> {
        match self.form {
            Form::Text => {
                let unreadable = |source| self.unreadable(source);
                if let Some(len) = self.len {
                    (&self.file).rewind().map_err(unreadable)?;
                    self.read_text((&self.file).take(len), &unreadable, &mut take)
                } else {
                    let text = self.head.as_slice().chain(&self.file);
                    self.read_text(text, &unreadable, &mut take)
                }
            }
            Form::Cabinet => {
                let damaged = |source| self.damaged(source);
                let cabinet = Cabinet::open(BufReader::new(&self.file)).map_err(damaged)?;
                let member = cabinet.into_member(0).map_err(damaged)?;
                self.read_text(member, &|error| damaged(error.into()), &mut take)
            }
            Form::EventLog { first } => self.read_event_log(first, &mut take),
        }
    }

    fn read_text<E: From<ParseFileError>>(
        &self,
        mut text: impl Read,
        failed: &dyn Fn(io::Error) -> ParseFileError,
        take: &mut dyn FnMut(&mut Vec<UpdateEvent>) -> Result<(), E>,
    ) -> Result<End, E> {
        let mut parser =
            TextParser::new(self.kind, self.origin.clone()).with_noise(self.with_noise);
        if self.kind == FileKind::Cbs
            && let Some(archive) = archive_before(&self.path)
        {
            parser.follow_archive(&archive);
        }
        let mut events = Vec::new();
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        loop {
            chunk.clear();
            let mut part = Read::by_ref(&mut text).take(CHUNK_LEN as u64);
            part.read_to_end(&mut chunk).map_err(failed)?;
            if chunk.is_empty() {
                break;
            }
            parser.feed(&chunk, &mut events);
            take(&mut events)?;
            events.clear();
        }
        parser.finish(&mut events);
        take(&mut events)?;
        Ok(End {
            counts: parser.counts(),
            clock: Some(parser.into_clock()),
        })
    }

    fn read_event_log<E: From<ParseFileError>>(
        &self,
        first: u64,
        take: &mut dyn FnMut(&mut Vec<UpdateEvent>) -> Result<(), E>,
    ) -> Result<End, E> {
        let mut counts = ParseCounts::default();
        let mut events = Vec::new();
        let damaged = |source| ParseFileError::DamagedEventLog {
            path: self.path.clone(),
            source,
        };
        let log = log_name(&self.origin.log);
        let mut chunks = event_log::EvtxChunks::open(&self.file, first)
            .map_err(|error| damaged(Box::new(error)))?;
        loop {
            let mut report = Report {
                origin: &self.origin,
                log: &log,
                source_kind: self.kind.source_kind(),
                clock: &mut OffsetClock::default(),
                counts: &mut counts,
                with_noise: false,
                out: &mut events,
            };
            if !chunks.read_next(&mut report) {
                break;
            }
            take(&mut events)?;
            events.clear();
        }
        Ok(End {
            counts,
            clock: None,
        })
    }

    /// Kind of a cabinet's first member.
    fn member_kind(&self) -> Result<Option<FileKind>, ParseFileError> {
        let damaged = |source| self.damaged(source);
        let mut cabinet = Cabinet::open(BufReader::new(&self.file)).map_err(damaged)?;
        let name = cabinet.members().first().map(|member| member.name.clone());
        let member = cabinet.read_member(0).map_err(damaged)?;
        let head = head_of(member).map_err(|error| damaged(error.into()))?;
        let kind = FileKind::detect(&head, &name.unwrap_or_default());
        Ok(kind.filter(|kind| !kind.is_evtx() && *kind != FileKind::CbsCab))
    }

    fn unreadable(&self, source: io::Error) -> ParseFileError {
        ParseFileError::Unreadable {
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, source: CabinetError) -> ParseFileError {
        ParseFileError::DamagedCabinet {
            path: self.path.clone(),
            source,
        }
    }
}

fn head_of(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_LEN);
    reader.take(HEAD_LEN as u64).read_to_end(&mut head)?;
    Ok(head)
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
