//! Which file this is, whatever it is called today.
//!
//! CBS.log becomes `CbsPersist_*.log` while it is being read, so a name proves
//! nothing. The file system's id says which file it is, and a fingerprint of
//! its first KiB says that the id was not given to another one since.

use std::fs::Metadata;
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
