//! A file for the collector's own log, where nobody reads standard error.
//!
//! Bounded: at its limit the file is renamed, the one before is given up, and
//! another begins.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Length at which another file begins.
const MAX_LEN: u64 = 1024 * 1024;

/// `collector.log` in a folder, and `collector.old.log` before it.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
    max_len: u64,
}

impl LogFile {
    /// Goes on writing the log of a folder.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("collector.log");
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self {
            len: file.metadata()?.len(),
            path,
            file,
            max_len: MAX_LEN,
        })
    }

    fn begin_another(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("old.log"))?;
        self.file = File::options().create(true).append(true).open(&self.path)?;
        self.len = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.len + bytes.len() as u64 > self.max_len {
            self.begin_another()?;
        }
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_last_lines_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(folder.path()).unwrap();
        log.max_len = 10;
        for line in ["first\n", "second\n", "third\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("collector.log"), "third\n");
        assert_eq!(read("collector.old.log"), "second\n");
        let mut again = LogFile::open(folder.path()).unwrap();
        again.write_all(b"4\n").unwrap();
        assert_eq!(read("collector.log"), "third\n4\n");
    }
}
