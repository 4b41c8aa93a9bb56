//! One log file that is read while someone else writes it.
//!
//! A file is fed to its parser in bounded steps; a record that is still being
//! written waits there for its end. How far reading got is remembered only as
//! far as the gateway has receipted it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;

use crate::parse::{FileKind, PARSER_VERSION, ParseCounts, ParserCheckpoint, TextParser};
use crate::remember::RememberedFile;
use crate::watch::beginning::Beginning;
use crate::watch::file_id::{FileId, Fingerprint, Signature};
use crate::watch::opened::Opened;
use crate::watch::progress::{Mark, Progress};

mod events;
mod identity;
mod reading;

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
    /// As before, but another version of the grammars read it so far.
    Outdated(ParserCheckpoint),
    Open(Box<TextParser>),
    /// No kind of log that is known, or nothing more to expect.
    Closed,
}

impl std::fmt::Debug for Parsing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Outdated(_) => "Outdated",
            Self::Open(_) => "Open",
            Self::Closed => "Closed",
        })
    }
}

/// One log file that is read while someone else writes it.
#[derive(Debug)]
pub(crate) struct FollowedFile {
    pub(crate) path: PathBuf,
    id: FileId,
    fingerprint: Fingerprint,
    /// Of the last bytes that were read; none were, in this process.
    tail: Fingerprint,
    pub(crate) beginning: Beginning,
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
    /// Listings of the folder, one after the other, that did not show it.
    pub(crate) missed_scans: u32,
    /// A cabinet between two looks: to open it anew would unpack it anew.
    unpacking: Option<Opened>,
    /// Looks, one after the other, at which an archive was found damaged, and as
    /// what: while it changes someone still writes it.
    failures: u32,
    damaged: Option<Signature>,
    /// Bytes that lay there before this device was first looked at.
    history_len: u64,
    events: Vec<UpdateEvent>,
    /// How many of the events, from the first, belong to the history.
    history_events: usize,
    progress: Progress,
}

impl FollowedFile {
    /// A file that is seen for the first time; what is in it already may be
    /// history of a device that is seen for the first time.
    pub(crate) fn new(path: &Path, opened: &Opened, reading: &Reading, is_history: bool) -> Self {
        Self {
            path: path.to_owned(),
            id: opened.signature.id,
            fingerprint: Fingerprint::of(&opened.head),
            tail: Fingerprint::default(),
            beginning: Beginning::default(),
            parsing: Parsing::Waiting(None),
            fed: 0,
            len: opened.signature.len,
            is_foreign: false,
            seen: None,
            version: reading.replaced_whole.then_some(opened.signature),
            grew_at_ms: None,
            finished: false,
            missed_scans: 0,
            unpacking: None,
            failures: 0,
            damaged: None,
            history_len: if is_history { opened.signature.len } else { 0 },
            events: Vec::new(),
            history_events: 0,
            progress: Progress::default(),
        }
    }

    /// A file that an earlier process read.
    pub(crate) fn remembered(memory: RememberedFile) -> Self {
        let durable = Mark {
            checkpoint: memory.checkpoint,
            finished: memory.finished,
            version: memory.version,
        };
        let checkpoint = durable.checkpoint.clone();
        let parsing = if memory.finished {
            Parsing::Closed
        } else if memory.parser_version == PARSER_VERSION {
            Parsing::Waiting(Some(checkpoint))
        } else {
            Parsing::Outdated(checkpoint)
        };
        Self {
            path: memory.path,
            id: memory.id,
            fingerprint: memory.fingerprint,
            tail: Fingerprint::default(),
            beginning: Beginning::default(),
            parsing,
            fed: durable.checkpoint.offset,
            len: durable.checkpoint.offset,
            is_foreign: false,
            seen: None,
            version: memory.version,
            grew_at_ms: None,
            finished: memory.finished,
            missed_scans: 0,
            unpacking: None,
            failures: 0,
            damaged: None,
            history_len: memory.history_len,
            events: Vec::new(),
            history_events: 0,
            progress: Progress::resume(durable),
        }
    }

    /// What the next process needs to go on here.
    pub(crate) fn memory(&self) -> RememberedFile {
        let durable = self.progress.durable();
        RememberedFile {
            path: self.path.clone(),
            id: self.id,
            fingerprint: self.fingerprint,
            checkpoint: durable.checkpoint.clone(),
            parser_version: PARSER_VERSION,
            history_len: self.history_len,
            finished: durable.finished,
            version: durable.version,
        }
    }

    /// Whether nothing was written since it was read to its end.
    pub(crate) fn is_unchanged(&self, signature: Signature) -> bool {
        self.seen == Some(signature)
    }

    /// When it was last written, as of the last look to its end.
    pub(crate) fn modified_ms(&self) -> Option<i64> {
        self.seen.map(Signature::modified_ms)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Nothing of it will be read; what it holds is too old.
    pub(crate) fn skip(&mut self) {
        self.close();
        self.progress.note_move();
    }

    /// Bytes that are there and were not read.
    pub(crate) fn lag_bytes(&self) -> u64 {
        if self.finished || self.is_foreign {
            return 0;
        }
        self.len.saturating_sub(self.fed)
    }

    /// Whether something of it is not read, as far as is known: of a file that
    /// this process never opened the rest is not.
    pub(crate) fn is_unread(&self) -> bool {
        let never_opened = matches!(self.parsing, Parsing::Waiting(_) | Parsing::Outdated(_));
        !self.finished && !self.is_foreign && (self.lag_bytes() > 0 || never_opened)
    }

    /// Whether everything in it was read and its last record closed.
    pub(crate) fn is_settled(&self) -> bool {
        self.grew_at_ms.is_none() && self.lag_bytes() == 0
    }

    /// What was read so far is in batches up to `seq`, or needed none.
    pub(crate) fn mark(&mut self, seq: u64) {
        if !self.progress.is_moved() {
            return;
        }
        let checkpoint = match &self.parsing {
            Parsing::Open(parser) => parser.checkpoint(),
            Parsing::Waiting(_) | Parsing::Outdated(_) => return,
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
        self.progress.mark(seq, mark);
    }

    /// All batches up to `seq` have their answer; returns whether more of the
    /// file may now be forgotten.
    pub(crate) fn answered(&mut self, up_to: u64) -> bool {
        self.progress.answered(up_to)
    }

    /// Whether everything that was read is receipted.
    pub(crate) fn is_answered(&self) -> bool {
        self.progress.is_answered()
    }

    /// What the parser counted.
    pub(crate) fn counts(&self) -> ParseCounts {
        match &self.parsing {
            Parsing::Open(parser) => parser.counts(),
            _ => ParseCounts::default(),
        }
    }
}
