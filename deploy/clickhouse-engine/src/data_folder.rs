//! A data folder belongs to one process at a time and to one layout.
//!
//! The lock is the kernel's: it goes with its process, so a kill leaves
//! nothing behind that a person would have to remove.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A data folder held by this process until dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    // Closing the file gives the lock back.
    _lock: File,
}

/// Why a data folder cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another process holds it.
    #[error(
        "data folder {} is in use by another process: stop that one or name another folder",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be created or written.
    #[error(
        "data folder {} is not writable: give this user the right to write there or name another folder",
        path.display()
    )]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was written by a version whose layout this one does not know.
    #[error(
        "data folder {} has layout {found:?}, this program knows {known:?}: run the version that wrote it or name another folder",
        path.display()
    )]
    OtherVersion {
        /// The folder.
        path: PathBuf,
        /// What its marker says.
        found: String,
        /// What this program writes.
        known: String,
    },
}

impl DataFolder {
    /// Creates the folder if needed, locks it, and checks its layout.
    ///
    /// `layout` is a line such as `kbwatch data 1`; a folder with another line
    /// in its `layout` file is refused. A lock that another process holds is
    /// waited for up to `patience`: that process may be on its way out.
    pub fn claim(path: &Path, layout: &str, patience: Duration) -> Result<Self, DataFolderError> {
        let not_writable = |source| DataFolderError::NotWritable {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(not_writable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(not_writable)?;
        wait_for(&lock, path, patience)?;
        let marker = path.join("layout");
        match fs::read_to_string(&marker) {
            Ok(found) if found.trim() == layout => {}
            Ok(found) => {
                return Err(DataFolderError::OtherVersion {
                    path: path.to_owned(),
                    found: found.trim().chars().take(80).collect(),
                    known: layout.to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_whole(&marker, format!("{layout}\n").as_bytes()).map_err(not_writable)?;
            }
            Err(error) => return Err(not_writable(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn wait_for(lock: &File, path: &Path, patience: Duration) -> Result<(), DataFolderError> {
    let deadline = Instant::now() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(DataFolderError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(DataFolderError::NotWritable {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
}

/// Writes a file so that a kill leaves either the old or the new content,
/// readable by its owner alone.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension("new");
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataFolder::claim(folder.path(), "test 1", Duration::ZERO).unwrap();
        let refused = DataFolder::claim(folder.path(), "test 1", Duration::ZERO);
        assert!(matches!(refused, Err(DataFolderError::InUse { .. })));
        drop(held);
        DataFolder::claim(folder.path(), "test 1", Duration::ZERO).unwrap();
    }

    #[test]
    fn a_claim_waits_for_a_holder_that_is_leaving() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataFolder::claim(folder.path(), "test 1", Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                DataFolder::claim(folder.path(), "test 1", Duration::from_secs(20)).map(drop)
            });
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_folder_of_another_layout_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataFolder::claim(folder.path(), "test 2", Duration::ZERO).unwrap());
        let error = DataFolder::claim(folder.path(), "test 1", Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("\"test 2\""), "{error}");
    }

    #[test]
    fn a_path_that_is_a_file_is_not_writable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataFolder::claim(file.path(), "test 1", Duration::ZERO).unwrap_err();
        assert!(matches!(error, DataFolderError::NotWritable { .. }));
    }
}
