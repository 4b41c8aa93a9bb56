//! Reading on in a file: bytes to the parser, quiet to a closed record, an end
//! to a closed file.

use std::io;

use crate::parse::{FileKind, Origin, ParserCheckpoint, TextParser};
use crate::watch::file_id::{Fingerprint, Signature};
use crate::watch::opened::Opened;
use crate::watch::rewind;
use crate::watch::source::Moment;

use super::{FollowedFile, Parsing, Reading};

/// Quiet after which an open record counts as complete, in milliseconds.
const SETTLE_MS: i64 = 1_000;

/// Bytes at the start of a file that tell its kind.
const DETECTION_LEN: usize = 16 * 1024;

/// Looks after which a damaged archive is given up.
const MAX_FAILURES: u32 = 3;

/// Bytes read at once.
const CHUNK_LEN: usize = 64 * 1024;

impl FollowedFile {
    /// Reads on, at most `budget` bytes; returns how many.
    pub(crate) fn read(
        &mut self,
        opened: &mut Opened,
        reading: &Reading,
        budget: u64,
        now_ms: i64,
    ) -> io::Result<u64> {
        self.len = opened.signature.len;
        self.is_foreign = !self.start_parsing(opened, reading)?;
        if self.is_foreign {
            self.seen = Some(opened.signature);
            return Ok(0);
        }
        self.fingerprint = Fingerprint::of(&opened.head);
        self.beginning.note_head(&opened.head);
        let mut read = 0;
        while read < budget {
            let most = CHUNK_LEN.min(usize::try_from(budget - read).unwrap_or(CHUNK_LEN));
            let bytes = opened.read_at(self.fed, most)?;
            if bytes.is_empty() {
                self.seen = Some(opened.signature);
                break;
            }
            self.feed(&bytes, now_ms);
            read += bytes.len() as u64;
        }
        if read > 0 {
            self.note_tail(opened)?;
        }
        Ok(read)
    }

    /// Reads on in a file that nobody writes any more. One that stays damaged is
    /// to be given up after some looks.
    pub(crate) fn read_archive(
        &mut self,
        reading: &Reading,
        budget: u64,
        moment: Moment,
    ) -> io::Result<u64> {
        let read = self.read_if_whole(reading, budget, moment.now_ms);
        match &read {
            Ok(_) => {
                self.failures = 0;
                self.damaged = None;
            }
            Err(error) if is_damage(error) => self.meet_damage(),
            Err(_) => {}
        }
        read
    }

    /// Reads on, unless it was found damaged and changes: to unpack what someone
    /// is still writing would cost much and help nobody.
    fn read_if_whole(&mut self, reading: &Reading, budget: u64, now_ms: i64) -> io::Result<u64> {
        if self.damaged.is_some() && self.damaged != Signature::at(&self.path).ok() {
            return Err(io::Error::other("it is still being written"));
        }
        let mut opened = self.open_archive()?;
        let bytes = self.read(&mut opened, reading, budget, now_ms)?;
        if opened.is_packed() && self.lag_bytes() > 0 {
            self.unpacking = Some(opened);
        }
        Ok(bytes)
    }

    /// Counts the looks at which a damaged archive stays as it is.
    fn meet_damage(&mut self) {
        let found = Signature::at(&self.path).ok();
        if found != self.damaged {
            self.damaged = found;
            self.failures = 0;
        }
        self.failures += 1;
    }

    /// Whether it is damaged and nobody mends it.
    pub(crate) fn is_beyond_mending(&self) -> bool {
        self.failures >= MAX_FAILURES
    }

    fn open_archive(&mut self) -> io::Result<Opened> {
        match self.unpacking.take() {
            Some(opened) => Ok(opened),
            None => Opened::open(&self.path),
        }
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
        self.progress.note_move();
    }

    /// Makes the parser; `false` where no known kind of log is to be read.
    fn start_parsing(&mut self, opened: &mut Opened, reading: &Reading) -> io::Result<bool> {
        let checkpoint = match &self.parsing {
            Parsing::Open(_) => return Ok(true),
            Parsing::Closed => return Ok(false),
            Parsing::Waiting(checkpoint) => checkpoint.clone(),
            Parsing::Outdated(checkpoint) => Some(start_anew(opened, checkpoint)?),
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
        let parser = match &checkpoint {
            Some(checkpoint) => TextParser::restore(kind, origin, checkpoint),
            None => TextParser::new(kind, origin),
        };
        self.fed = checkpoint.map_or(0, |checkpoint| checkpoint.offset);
        self.parsing = Parsing::Open(Box::new(parser.in_known_zone()));
        Ok(true)
    }

    fn feed(&mut self, bytes: &[u8], now_ms: i64) {
        let until_news = self.history_len.saturating_sub(self.fed);
        let until_news = usize::try_from(until_news).unwrap_or(usize::MAX);
        let (history, news) = bytes.split_at(until_news.min(bytes.len()));
        if let Parsing::Open(parser) = &mut self.parsing {
            if !history.is_empty() {
                parser.feed(history, &mut self.events);
                self.history_events = self.events.len();
            }
            if !news.is_empty() {
                parser.feed(news, &mut self.events);
            }
        }
        self.fed += bytes.len() as u64;
        self.grew_at_ms = Some(now_ms);
        self.progress.note_move();
    }

    fn settle(&mut self) {
        self.grew_at_ms = None;
        if let Parsing::Open(parser) = &mut self.parsing {
            parser.settle(&mut self.events);
            self.progress.note_move();
        }
        self.date_what_was_closed();
    }

    fn end_parsing(&mut self) {
        self.grew_at_ms = None;
        if let Parsing::Open(parser) = &mut self.parsing {
            parser.finish(&mut self.events);
            self.progress.note_move();
        }
        self.date_what_was_closed();
    }

    /// A record that was closed at the end of the history belongs to it.
    fn date_what_was_closed(&mut self) {
        if self.fed <= self.history_len {
            self.history_events = self.events.len();
        }
    }
}

/// Whether an error lies in what a file holds; others may pass by themselves.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

/// Where a newer parser goes on: at the start of the last session, with no
/// memory of what the older one knew.
fn start_anew(opened: &mut Opened, stopped: &ParserCheckpoint) -> io::Result<ParserCheckpoint> {
    let back = rewind::to_session_start(opened, stopped.offset)?;
    tracing::info!(
        from = stopped.offset,
        to = back.offset,
        "other grammars read this log before, going back a session"
    );
    Ok(ParserCheckpoint {
        offset: back.offset,
        line: stopped.line.saturating_sub(back.lines).max(1),
        context: Vec::new(),
    })
}
