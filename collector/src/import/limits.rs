//! How much of one bundle is read, whatever it unpacks to.

const GIB: u64 = 1 << 30;

/// How much of one bundle is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Folders and archives inside one another.
    pub(super) depth: u32,
    /// Files and folders, all levels together.
    pub(super) files: u32,
    /// Unpacked bytes of one file; a log of a sick machine may reach gigabytes.
    pub(super) file_len: u64,
    /// Unpacked bytes, all levels together.
    pub(super) unpacked_len: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            files: 20_000,
            file_len: 4 * GIB,
            unpacked_len: 16 * GIB,
        }
    }
}

/// A limit that a bundle goes beyond.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Limit {
    /// Leave this file out.
    #[error("{0}: folders and archives more than {1} deep inside one another")]
    Depth(String, u32),
    /// Leave this file out.
    #[error("{0}: more than {1} bytes unpacked")]
    FileLen(String, u64),
    /// Read no more of the bundle.
    #[error("{0}: the bundle has more than {1} files and folders; bring the rest in parts")]
    Files(String, u32),
    /// Read no more of the bundle.
    #[error("{0}: the bundle unpacks to more than {1} bytes in all; bring the rest in parts")]
    UnpackedLen(String, u64),
}
