//! Which file an open one is: this one, grown; this one, packed; or another.

use std::path::Path;

use super::{FollowedFile, Parsing, Reading};
use crate::parse::ParserCheckpoint;
use crate::watch::file_id::FileId;
use crate::watch::opened::Opened;

impl FollowedFile {
    /// Whether an open file is this one: grown or unchanged, and unchanged if
    /// such files are replaced whole.
    pub(crate) fn is(&self, opened: &Opened, reading: &Reading) -> bool {
        // An empty file resembles every file: one that is done with is no
        // other that got its id since.
        let resembles = self.fingerprint.says_something() || !self.finished;
        self.id == opened.signature.id
            && resembles
            && self.fingerprint.matches(&opened.head)
            && opened.signature.len >= self.fed
            && (!reading.replaced_whole || self.version == Some(opened.signature))
    }

    /// Whether an open cabinet holds this log: it begins as this one did and
    /// is at least as long as what was read of it.
    pub(crate) fn is_packed_as(&self, opened: &Opened) -> bool {
        opened.is_packed()
            && self.fingerprint.says_something()
            && self.fingerprint.matches(&opened.head)
            && opened.signature.len >= self.fed
    }

    /// It has another name now, or was packed.
    pub(crate) fn move_to(&mut self, path: &Path, opened: &Opened) {
        path.clone_into(&mut self.path);
        self.id = opened.signature.id;
        self.missed_scans = 0;
        self.unpacking = None;
    }

    pub(crate) fn has_id(&self, id: FileId) -> bool {
        self.id == id
    }

    /// An archive that was done with is still being written: its last records
    /// were flushed after it had been renamed.
    pub(crate) fn reopen_if_grown(&mut self, len: u64) {
        if !self.finished || self.fed == 0 || len <= self.fed {
            return;
        }
        self.finished = false;
        self.len = len;
        self.parsing = Parsing::Waiting(Some(ParserCheckpoint {
            offset: self.fed,
            ..ParserCheckpoint::default()
        }));
    }
}
