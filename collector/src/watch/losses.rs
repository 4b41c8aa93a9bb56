//! What of a log was gone before it was read.

use std::ops::AddAssign;

/// What was lost unread, since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Losses {
    /// Bytes that were seen and never read.
    pub(crate) bytes: u64,
    /// Files that lost some, or that vanished with an unknown rest.
    pub(crate) files: u64,
}

impl Losses {
    /// One file that is gone with so many bytes unread.
    pub(crate) fn of_file(bytes: u64) -> Self {
        Self { bytes, files: 1 }
    }
}

impl AddAssign for Losses {
    fn add_assign(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.files += more.files;
    }
}
