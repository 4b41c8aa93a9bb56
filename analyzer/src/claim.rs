//! One analyzer per database: who looks at it, calls clusters and tells people.
//!
//! A lease that runs out would be as good as the clocks of two machines. So
//! nothing runs out. An analyzer has a folder of its own, which the kernel lets
//! one process hold and takes back from a process that dies; the folder holds a
//! name drawn once, and the database names the folder that it belongs to. An
//! analyzer with another folder refuses to start, whether the first one runs or
//! not, until a person says that it takes over. The one that was replaced sees
//! that at its next look, before it writes, and stops. What it was about to
//! write then are rows that replace each other and alerts with stable ids.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::keep::{KeepError, StateRow, keep};
use crate::load::LoadError;
use crate::load::memory::read_state;

/// Key in `analyzer_state` of the one that a database belongs to.
const OWNER_KEY: &str = "owner";

/// How long a start waits for the process before it to leave the folder.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two looks at the lock.
const LOOK: Duration = Duration::from_millis(20);

/// What a program should exit with that is refused the folder or the database.
pub const EXIT_CLAIMED: u8 = 73;

/// The analyzer that a database belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Drawn once per folder.
    pub id: String,
    /// Name of its machine, or empty.
    pub host: String,
    /// Its folder.
    pub folder: PathBuf,
}

/// Why a database cannot be had, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another process on this machine holds the folder.
    #[error("folder {} is in use by another analyzer: stop that one", .0.display())]
    InUse(PathBuf),
    /// It cannot be made or written.
    #[error(
        "folder {} is not writable: give this user the right to write there or name another \
         one as state_dir",
        folder.display()
    )]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database belongs to an analyzer with another folder.
    #[error(
        "the database belongs to the analyzer with the folder {} on {:?}: stop that one for good, \
         then start this one once with --take-over",
        .0.folder.display(), .0.host
    )]
    Owned(Owner),
    /// The database did not answer.
    #[error("could not ask whose the database is")]
    Load(#[from] LoadError),
    /// The database did not take the name.
    #[error("could not write whose the database is")]
    Keep(#[from] KeepError),
}

/// The right to look at a database, until dropped.
#[derive(Debug)]
pub struct Claim {
    owner: Owner,
    // Closing the file gives the lock back.
    _lock: File,
}

impl Claim {
    /// Takes the folder, made if need be, and the database; `take_over`: whoever
    /// it belonged to before.
    pub async fn take(
        folder: &Path,
        client: &clickhouse::Client,
        take_over: bool,
    ) -> Result<Self, ClaimError> {
        let lock = hold(folder, PATIENCE).await?;
        let owner = own(folder).map_err(|source| not_writable(folder, source))?;
        let named = named(&read_state(client).await?);
        if let Some((before, _)) = named.as_ref().filter(|(other, _)| other.id != owner.id)
            && !take_over
        {
            return Err(ClaimError::Owned(before.clone()));
        }
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let row = StateRow {
            key: OWNER_KEY.to_owned(),
            value: serde_json::to_string(&owner).unwrap_or_default(),
            // Newer than the one before by whatever clock that was written.
            revised_at: named.map_or(now_ms, |(_, at_ms)| now_ms.max(at_ms + 1)),
        };
        keep(client, "analyzer_state", &[row]).await?;
        let claim = Self { owner, _lock: lock };
        // Of two that start at once over a new database, one is named.
        match claim.lost(&read_state(client).await?) {
            Some(other) => Err(ClaimError::Owned(other)),
            None => Ok(claim),
        }
    }

    /// Whoever the database belongs to now, if that is another one.
    pub(crate) fn lost(&self, state: &[StateRow]) -> Option<Owner> {
        let (other, _) = named(state)?;
        (other.id != self.owner.id).then_some(other)
    }
}

/// Whose the database is, and since when.
fn named(state: &[StateRow]) -> Option<(Owner, i64)> {
    let row = state.iter().find(|row| row.key == OWNER_KEY)?;
    Some((serde_json::from_str(&row.value).ok()?, row.revised_at))
}

fn not_writable(folder: &Path, source: io::Error) -> ClaimError {
    ClaimError::NotWritable {
        folder: folder.to_owned(),
        source,
    }
}

/// Locks the folder; waits a little for a process that is on its way out.
async fn hold(folder: &Path, patience: Duration) -> Result<File, ClaimError> {
    let failed = |source| not_writable(folder, source);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let lock = options.open(folder.join("lock")).map_err(failed)?;
    let deadline = Instant::now() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(LOOK).await;
            }
            Err(TryLockError::WouldBlock) => return Err(ClaimError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// The name of a locked folder, drawn if it has none. A kill leaves a whole one
/// or none.
fn own(folder: &Path) -> io::Result<Owner> {
    let path = folder.join("owner");
    let known = match fs::read_to_string(&path) {
        Ok(id) => Some(id.trim().to_owned()).filter(|id| !id.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_new = known.is_none();
    let id = known.unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
    if is_new {
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(format!("{id}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(Owner {
        id,
        host: host.trim().to_owned(),
        folder: fs::canonicalize(folder)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_held_by_one_at_a_time_and_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let held = hold(folder.path(), Duration::ZERO).await.unwrap();
        let refused = hold(folder.path(), Duration::ZERO).await;
        assert!(matches!(refused, Err(ClaimError::InUse(_))));
        let first = own(folder.path()).unwrap();
        drop(held);
        hold(folder.path(), Duration::ZERO).await.unwrap();
        assert_eq!(own(folder.path()).unwrap(), first);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(own(other.path()).unwrap().id, first.id);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        fs::write(&file, "").unwrap();
        let error = hold(&file.join("state"), Duration::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a-file") && error.contains("state_dir"),
            "{error}"
        );
    }
}
