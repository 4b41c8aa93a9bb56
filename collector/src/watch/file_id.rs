//! Which file this is, whatever it is called today.
//!
//! CBS.log becomes `CbsPersist_*.log` while it is being read, so a name proves
//! nothing. The file system's id says which file it is, and a fingerprint of
//! its first KiB says that the id was not given to another one since.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Bytes at the start of a file that its fingerprint covers.
pub(crate) const FINGERPRINT_LEN: usize = 1024;

/// What the file system calls a file, beneath its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileId {
    volume: u64,
    index: u64,
}

impl FileId {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            volume: metadata.dev(),
            index: metadata.ino(),
        }
    }

    /// Without unsafe code Windows tells the time of creation only. A rename
    /// keeps it; a file made anew under the same name within 15 seconds
    /// inherits it, and then the fingerprint decides.
    #[cfg(windows)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::windows::fs::MetadataExt;
        Self {
            volume: 0,
            index: metadata.creation_time(),
        }
    }
}

/// Hash of the first bytes of a file, at most [`FINGERPRINT_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    len: usize,
    hash: u64,
}

impl Fingerprint {
    pub(crate) fn of(head: &[u8]) -> Self {
        let head = &head[..head.len().min(FINGERPRINT_LEN)];
        Self {
            len: head.len(),
            hash: kbwatch_proto::batch::checksum(head),
        }
    }

    /// Whether a file that begins like this may be the one: an empty file's
    /// fingerprint matches every file.
    pub(crate) fn matches(&self, head: &[u8]) -> bool {
        self.len == 0
            || head
                .get(..self.len)
                .is_some_and(|head| Self::of(head) == *self)
    }
}

/// What one metadata call shows; unchanged means that nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signature {
    pub(crate) id: FileId,
    pub(crate) len: u64,
    modified_ns: u64,
}

impl Signature {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        Self {
            id: FileId::of(metadata),
            len: metadata.len(),
            modified_ns: modified
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| u64::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
        }
    }
}

/// An open file and what identifies it, all read from one handle.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) signature: Signature,
    pub(crate) head: Vec<u8>,
}

impl Opened {
    /// Opens for reading; on Windows the standard library shares the file for
    /// reading, writing and deletion, so that its writer never notices.
    pub(crate) fn open(path: &std::path::Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut head = Vec::new();
        (&mut file)
            .take(FINGERPRINT_LEN as u64)
            .read_to_end(&mut head)?;
        Ok(Self {
            signature: Signature::of(&metadata),
            file,
            head,
        })
    }

    /// Reads at most `most` bytes from an offset.
    pub(crate) fn read_at(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let rest = self.signature.len.saturating_sub(offset);
        let wanted = rest.min(most as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(most));
        self.file.seek(SeekFrom::Start(offset))?;
        (&mut self.file).take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_still_matches_when_the_file_has_grown() {
        let early = Fingerprint::of(b"2023-01-11 09:00:00, Info");
        assert!(early.matches(b"2023-01-11 09:00:00, Info   CBS"));
        assert!(!early.matches(b"2023-01-12 09:00:00, Info   CBS"));
        assert!(!early.matches(b"2023-01-11"));
    }

    #[test]
    fn an_open_file_is_read_from_an_offset_within_a_bound() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        let mut opened = Opened::open(file.path()).unwrap();
        assert_eq!(opened.read_at(2, 3).unwrap(), b"234");
        assert_eq!(opened.read_at(8, 100).unwrap(), b"89");
        assert_eq!(opened.read_at(20, 100).unwrap(), b"");
        assert!(Opened::open(file.path().parent().unwrap()).is_err());
    }
}
