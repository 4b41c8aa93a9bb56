//! One log file that is read while someone else writes it.
//!
//! A file is fed to its parser in bounded steps; a record that is still being
//! written waits there for its end. How far reading got is remembered only as
//! far as the gateway has receipted it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;

use crate::parse::{FileKind, Origin, ParseCounts, ParserCheckpoint, TextParser};
use crate::remember::RememberedFile;
use crate::watch::file_id::{FileId, Fingerprint, Opened, Signature};

/// Quiet after which an open record counts as complete, in milliseconds.
pub(crate) const SETTLE_MS: i64 = 1_000;

/// Bytes at the start of a file that tell its kind.
const DETECTION_LEN: usize = 16 * 1024;

/// Bytes read at once.
const CHUNK_LEN: usize = 64 * 1024;

/// What all files of a source have in common.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) device_id: Arc<str>,
    /// Found from the content where it is not given.
    pub(crate) kind: Option<FileKind>,
    /// A list that is rewritten as a whole rather than appended to.
    pub(crate) replaced_whole: bool,
}

enum Parsing {
    /// No byte was read in this process; where to go on, if not at the start.
    Waiting(Option<ParserCheckpoint>),
    Open(Box<TextParser>),
    /// No kind of log that is known, or nothing more to expect.
    Closed,
}

impl std::fmt::Debug for Parsing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Open(_) => "Open",
            Self::Closed => "Closed",
        })
    }
}

/// How far a file was understood at some moment.
#[derive(Debug, Clone, Default)]
struct Mark {
    checkpoint: ParserCheckpoint,
    finished: bool,
    version: Option<Signature>,
}

/// One log file that is read while someone else writes it.
#[derive(Debug)]
pub(crate) struct FollowedFile {
    pub(crate) path: PathBuf,
    id: FileId,
    fingerprint: Fingerprint,
    parsing: Parsing,
    /// Bytes handed to the parser.
    fed: u64,
    /// Length when last looked at.
    len: u64,
    /// No kind of log that is known, so far.
    is_foreign: bool,
    /// The file as it was when it had been read to its end.
    seen: Option<Signature>,
    /// The file as it was when reading began, if it is replaced whole.
    version: Option<Signature>,
    /// When it last grew, until its open record was closed.
    grew_at_ms: Option<i64>,
    finished: bool,
    events: Vec<UpdateEvent>,
    durable: Mark,
    marks: VecDeque<(u64, Mark)>,
    unmarked: bool,
}

impl FollowedFile {
    /// A file that is seen for the first time.
    pub(crate) fn new(path: &Path, opened: &Opened, reading: &Reading) -> Self {
        Self {
            path: path.to_owned(),
            id: opened.signature.id,
            fingerprint: Fingerprint::of(&opened.head),
            parsing: Parsing::Waiting(None),
            fed: 0,
            len: opened.signature.len,
            is_foreign: false,
            seen: None,
            version: reading.replaced_whole.then_some(opened.signature),
            grew_at_ms: None,
            finished: false,
            events: Vec::new(),
            durable: Mark::default(),
            marks: VecDeque::new(),
            unmarked: false,
        }
    }

    /// A file that an earlier process read.
    pub(crate) fn remembered(memory: RememberedFile) -> Self {
        let durable = Mark {
            checkpoint: memory.checkpoint,
            finished: memory.finished,
            version: memory.version,
        };
        let parsing = if memory.finished {
            Parsing::Closed
        } else {
            Parsing::Waiting(Some(durable.checkpoint.clone()))
        };
        Self {
            path: memory.path,
            id: memory.id,
            fingerprint: memory.fingerprint,
            parsing,
            fed: durable.checkpoint.offset,
            len: durable.checkpoint.offset,
            is_foreign: false,
            seen: None,
            version: memory.version,
            grew_at_ms: None,
            finished: memory.finished,
            events: Vec::new(),
            durable,
            marks: VecDeque::new(),
            unmarked: false,
        }
    }

    /// What the next process needs to go on here.
    pub(crate) fn memory(&self) -> RememberedFile {
        RememberedFile {
            path: self.path.clone(),
            id: self.id,
            fingerprint: self.fingerprint,
            checkpoint: self.durable.checkpoint.clone(),
            finished: self.durable.finished,
            version: self.durable.version,
        }
    }

    /// Whether an open file is this one: grown or unchanged, and unchanged if
    /// such files are replaced whole.
    pub(crate) fn is(&self, opened: &Opened, reading: &Reading) -> bool {
        self.id == opened.signature.id
            && self.fingerprint.matches(&opened.head)
            && opened.signature.len >= self.fed
            && (!reading.replaced_whole || self.version == Some(opened.signature))
    }

    /// Whether nothing was written since it was read to its end.
    pub(crate) fn is_unchanged(&self, signature: Signature) -> bool {
        self.seen == Some(signature)
    }

    pub(crate) fn has_id(&self, id: FileId) -> bool {
        self.id == id
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Nothing of it will be read; what it holds is too old.
    pub(crate) fn skip(&mut self) {
        self.close();
        self.unmarked = true;
    }

    /// Bytes that are there and were not read.
    pub(crate) fn lag_bytes(&self) -> u64 {
        if self.finished || self.is_foreign {
            return 0;
        }
        self.len.saturating_sub(self.fed)
    }

    /// Whether everything in it was read and its last record closed.
    pub(crate) fn is_settled(&self) -> bool {
        self.grew_at_ms.is_none() && self.lag_bytes() == 0
    }

    /// Reads on, at most `budget` bytes; returns how many.
    pub(crate) fn read(
        &mut self,
        opened: &mut Opened,
        reading: &Reading,
        budget: usize,
        now_ms: i64,
    ) -> io::Result<usize> {
        self.len = opened.signature.len;
        self.is_foreign = !self.start_parsing(opened, reading)?;
        if self.is_foreign {
            self.seen = Some(opened.signature);
            return Ok(0);
        }
        self.fingerprint = Fingerprint::of(&opened.head);
        let mut read = 0;
        while read < budget {
            let bytes = opened.read_at(self.fed, CHUNK_LEN.min(budget - read))?;
            if bytes.is_empty() {
                self.seen = Some(opened.signature);
                break;
            }
            self.feed(&bytes, now_ms);
            read += bytes.len();
        }
        Ok(read)
    }

    /// Closes the open record once the file was quiet for a while.
    pub(crate) fn settle_if_quiet(&mut self, now_ms: i64) {
        let Some(grew_at_ms) = self.grew_at_ms else {
            return;
        };
        // A clock that was set back must not delay the record for hours.
        let quiet = now_ms < grew_at_ms || now_ms - grew_at_ms >= SETTLE_MS;
        if !quiet || self.lag_bytes() > 0 {
            return;
        }
        self.settle();
    }

    /// Takes a file that nobody writes any more as complete, once it has been
    /// read to its end and was quiet; `at_once` does not wait for that. Returns
    /// whether it did.
    pub(crate) fn finish(&mut self, at_once: bool, now_ms: i64) -> bool {
        let since_ms = self.grew_at_ms.unwrap_or(i64::MIN);
        let quiet = now_ms < since_ms || now_ms.saturating_sub(since_ms) >= SETTLE_MS;
        if self.lag_bytes() > 0 || !(quiet || at_once) {
            return false;
        }
        self.end_parsing();
        true
    }

    /// Ends reading for good; the parser's memory is given back.
    pub(crate) fn close(&mut self) {
        self.settle();
        self.resolve_times();
        self.parsing = Parsing::Closed;
        self.finished = true;
        self.unmarked = true;
    }

    /// Events that no batch has taken yet.
    pub(crate) fn open_events(&self) -> usize {
        self.events.len()
    }

    /// Hands over the events, with their times as far as the log tells them.
    pub(crate) fn take_events(&mut self, out: &mut Vec<UpdateEvent>) {
        self.resolve_times();
        out.append(&mut self.events);
        self.events = Vec::new();
    }

    /// What was read so far is in batches up to `seq`, or needed none.
    pub(crate) fn mark(&mut self, seq: u64) {
        if !std::mem::take(&mut self.unmarked) {
            return;
        }
        let checkpoint = match &self.parsing {
            Parsing::Open(parser) => parser.checkpoint(),
            Parsing::Waiting(_) => return,
            Parsing::Closed => ParserCheckpoint {
                offset: self.fed,
                ..ParserCheckpoint::default()
            },
        };
        let mark = Mark {
            checkpoint,
            finished: self.finished,
            version: self.version,
        };
        if self.marks.back().is_some_and(|(last, _)| *last == seq) {
            self.marks.pop_back();
        }
        self.marks.push_back((seq, mark));
    }

    /// All batches up to `seq` have their answer; returns whether more of the
    /// file may now be forgotten.
    pub(crate) fn answered(&mut self, up_to: u64) -> bool {
        let mut moved = false;
        while let Some((_, mark)) = self.marks.pop_front_if(|(seq, _)| *seq <= up_to) {
            self.durable = mark;
            moved = true;
        }
        moved
    }

    /// Whether everything that was read is receipted.
    pub(crate) fn is_answered(&self) -> bool {
        self.marks.is_empty() && !self.unmarked
    }

    /// What the parser counted.
    pub(crate) fn counts(&self) -> ParseCounts {
        match &self.parsing {
            Parsing::Open(parser) => parser.counts(),
            _ => ParseCounts::default(),
        }
    }

    /// Makes the parser; `false` where no known kind of log is to be read.
    fn start_parsing(&mut self, opened: &mut Opened, reading: &Reading) -> io::Result<bool> {
        let checkpoint = match &self.parsing {
            Parsing::Open(_) => return Ok(true),
            Parsing::Closed => return Ok(false),
            Parsing::Waiting(checkpoint) => checkpoint,
        };
        let name = self.path.file_name().unwrap_or_default();
        let log = name.to_string_lossy().into_owned();
        let kind = match reading.kind {
            Some(kind) => Some(kind),
            None => FileKind::detect(&opened.read_at(0, DETECTION_LEN)?, &log),
        };
        let Some(kind) = kind else {
            return Ok(false);
        };
        let origin = Origin {
            device_id: reading.device_id.to_string(),
            log,
        };
        let parser = match checkpoint {
            Some(checkpoint) => TextParser::restore(kind, origin, checkpoint),
            None => TextParser::new(kind, origin),
        };
        self.parsing = Parsing::Open(Box::new(parser));
        Ok(true)
    }

    fn feed(&mut self, bytes: &[u8], now_ms: i64) {
        if let Parsing::Open(parser) = &mut self.parsing {
            parser.feed(bytes, &mut self.events);
        }
        self.fed += bytes.len() as u64;
        self.grew_at_ms = Some(now_ms);
        self.unmarked = true;
    }

    fn settle(&mut self) {
        self.grew_at_ms = None;
        if let Parsing::Open(parser) = &mut self.parsing {
            parser.settle(&mut self.events);
            self.unmarked = true;
        }
    }

    fn end_parsing(&mut self) {
        self.grew_at_ms = None;
        if let Parsing::Open(parser) = &mut self.parsing {
            parser.finish(&mut self.events);
            self.unmarked = true;
        }
    }

    fn resolve_times(&mut self) {
        if let Parsing::Open(parser) = &self.parsing {
            parser.resolve_times(&mut self.events);
        }
    }
}
