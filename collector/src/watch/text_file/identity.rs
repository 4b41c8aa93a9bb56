//! Which file an open one is: this one, grown; this one, packed; or another.

use std::io;
use std::path::Path;

use super::{FollowedFile, Parsing, Reading};
use crate::parse::ParserCheckpoint;
use crate::watch::file_id::{FileId, Fingerprint, Signature};
use crate::watch::opened::Opened;

/// Bytes before the place where reading stopped that are looked at again.
const TAIL_LEN: usize = 256;

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

    /// Whether the last bytes that were read of it are still there: one that is
    /// written anew in its place may begin as before.
    pub(crate) fn ends_as_read(&self, opened: &mut Opened) -> io::Result<bool> {
        let at = self.fed.saturating_sub(self.tail.len() as u64);
        Ok(self.tail.matches(&opened.read_at(at, self.tail.len())?))
    }

    /// Takes note of the last bytes that were read.
    pub(super) fn note_tail(&mut self, opened: &mut Opened) -> io::Result<()> {
        if !opened.is_packed() {
            let fed = usize::try_from(self.fed).unwrap_or(TAIL_LEN);
            let len = fed.min(TAIL_LEN);
            let last = opened.read_at(self.fed - len as u64, len)?;
            self.tail = Fingerprint::of(&last);
        }
        Ok(())
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

    /// Whether it was under this name, and is what lies there now.
    pub(crate) fn is_at(&self, path: &Path, id: FileId) -> bool {
        self.path == path && self.id == id
    }

    /// An archive that was done with goes on: its last records were flushed after
    /// it had been renamed, or it was half a cabinet when it was given up.
    pub(crate) fn reopen_if_changed(&mut self, signature: Signature) {
        let is_packed = self.path.extension().is_some_and(|kind| kind == "cab");
        let has_grown = !is_packed && self.fed > 0 && signature.len > self.fed;
        let is_mended = self.damaged.is_some_and(|damaged| damaged != signature);
        if !self.finished || !(has_grown || is_mended) {
            return;
        }
        self.finished = false;
        self.damaged = None;
        self.failures = 0;
        if is_mended {
            // Where it broke off need not be the end of a record.
            self.fed = 0;
        }
        self.len = self.len.max(signature.len);
        self.parsing = Parsing::Waiting(Some(ParserCheckpoint {
            offset: self.fed,
            ..ParserCheckpoint::default()
        }));
    }
}
