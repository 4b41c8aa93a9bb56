//! How other commands on this machine reach the database of a running river.
//!
//! The embedded server takes another port and password with every start; the
//! river writes them as one URL into its data folder, readable by its owner
//! alone, and takes the file away when it stops.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kbwatch_clickhouse_engine::{Connection, InvalidUrl};

const FILE: &str = "clickhouse.url";

/// No database can be reached through a data folder.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Start the river, or name its folder.
    #[error("no river runs over {data}: start kbwatch up --data {data}, or name its --data folder")]
    NotRunning {
        /// The folder.
        data: String,
    },
    /// Ask the folder's owner.
    #[error("could not read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Start the river again.
    #[error(transparent)]
    Damaged(#[from] InvalidUrl),
}

/// The file, while the river runs.
#[derive(Debug)]
pub(crate) struct Reach(PathBuf);

impl Reach {
    /// Writes the file beside its final name and moves it there, so that
    /// nobody reads half of it.
    pub(crate) fn open(data: &Path, connection: &Connection) -> io::Result<Self> {
        let path = data.join(FILE);
        let new = data.join(format!("{FILE}.new"));
        // A leftover may have been made with other permissions.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        writeln!(file, "{}", connection.to_url())?;
        std::fs::rename(&new, &path)?;
        Ok(Self(path))
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        // A file that stays behind leads nowhere, and the reader says so.
        drop(std::fs::remove_file(&self.0));
    }
}

/// The database of the river that runs over this data folder.
pub fn connection(data: &Path) -> Result<Connection, ReachError> {
    let path = data.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(url) => Ok(Connection::from_url(url.trim())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReachError::NotRunning {
            data: data.display().to_string(),
        }),
        Err(source) => Err(ReachError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_running_river_is_reached_by_its_owner_and_a_stopped_one_by_nobody() {
        let data = tempfile::tempdir().unwrap();
        let there = Connection::from_url("http://kbwatch:secret@127.0.0.1:9/kbwatch").unwrap();
        let reach = Reach::open(data.path(), &there).unwrap();
        assert_eq!(connection(data.path()).unwrap(), there);
        let mode = std::fs::metadata(&reach.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(reach);
        let refused = connection(data.path()).unwrap_err();
        assert!(matches!(refused, ReachError::NotRunning { .. }));
    }
}
