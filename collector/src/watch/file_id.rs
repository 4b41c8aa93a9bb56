//! Which file this is, whatever it is called today.
//!
//! CBS.log becomes `CbsPersist_*.log` while it is being read, so a name proves
//! nothing. The file system's id says which file it is, and a fingerprint of
//! its first KiB says that the id was not given to another one since.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
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
    #[expect(clippy::unnecessary_wraps, reason = "Windows has to ask for the id")]
    fn of(_file: &File, metadata: &Metadata) -> io::Result<Self> {
        Ok(Self::of_metadata(metadata))
    }

    #[cfg(unix)]
    fn of_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            volume: metadata.dev(),
            index: metadata.ino(),
        }
    }

    /// Only an open file tells its id on Windows. The time of creation is no
    /// substitute: a file made anew under the same name within 15 seconds
    /// inherits it.
    #[cfg(windows)]
    fn of(file: &File, _metadata: &Metadata) -> io::Result<Self> {
        let told = winapi_util::file::information(file)?;
        Ok(Self {
            volume: told.volume_serial_number(),
            index: told.file_index(),
        })
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

    /// Bytes that it covers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether it covers anything: an empty file resembles every file.
    pub(crate) fn says_something(&self) -> bool {
        self.len > 0
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
    pub(crate) modified_ns: u64,
}

impl Signature {
    /// When the file was last written, milliseconds since 1970 UTC.
    pub(crate) fn modified_ms(self) -> i64 {
        i64::try_from(self.modified_ns / 1_000_000).unwrap_or(i64::MAX)
    }

    /// What the system says of the file under a path; its bytes stay unread.
    #[cfg(unix)]
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self::new(FileId::of_metadata(&metadata), &metadata))
    }

    /// What the system says of the file under a path; its bytes stay unread.
    ///
    /// Opened for its attributes alone: such a handle is granted whatever the
    /// writer shares, and hinders nobody.
    #[cfg(windows)]
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        use std::os::windows::fs::OpenOptionsExt;
        const FILE_READ_ATTRIBUTES: u32 = 0x80;
        let file = std::fs::OpenOptions::new()
            .access_mode(FILE_READ_ATTRIBUTES)
            .open(path)?;
        let metadata = file.metadata()?;
        Self::of(&file, &metadata)
    }

    /// What the system says of an open file.
    pub(crate) fn of(file: &File, metadata: &Metadata) -> io::Result<Self> {
        Ok(Self::new(FileId::of(file, metadata)?, metadata))
    }

    fn new(id: FileId, metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        Self {
            id,
            len: metadata.len(),
            modified_ns: modified
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| u64::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
        }
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
}
