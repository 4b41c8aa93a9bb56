//! Where logs are laid while they are read out of archives.
//!
//! Promises: the folder is this user's alone, and gone when the import ends;
//! what a killed import left behind goes at the next start; nothing else in the
//! state folder is ever touched, nor the scratch of an import that runs.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "import-";

/// Name of the file that an import holds locked while its folder is in use:
/// the folder's, with this.
const LOCK_SUFFIX: &str = ".lock";

/// Scratch of one import; it begins to exist when it is first needed.
pub(super) struct Scratch {
    state_dir: PathBuf,
    held: Option<Held>,
}

struct Held {
    folder: PathBuf,
    lock_path: PathBuf,
    /// Held until the folder is gone.
    _lock: File,
}

impl Scratch {
    /// Scratch inside a state folder.
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            held: None,
        }
    }

    /// The folder, made now if it is the first time.
    pub(super) fn folder(&mut self) -> io::Result<&Path> {
        if self.held.is_none() {
            self.held = Some(hold(&self.state_dir)?);
        }
        match &self.held {
            Some(held) => Ok(&held.folder),
            None => Err(io::Error::other("no scratch folder")),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(held) = self.held.take()
            && let Err(error) = remove(&held.folder, &held.lock_path)
        {
            let folder = held.folder.display();
            tracing::warn!(%folder, %error, "scratch folder stays behind");
        }
    }
}

/// Makes a folder, its lock first: a folder without a lock is in use by nobody.
fn hold(state_dir: &Path) -> io::Result<Held> {
    fs::create_dir_all(state_dir)?;
    loop {
        let folder = state_dir.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
        let lock_path = lock_of(&folder);
        let lock = File::create_new(&lock_path)?;
        // Who sweeps meanwhile may have taken the lock, or the file.
        if lock.try_lock().is_err() || !lock_path.exists() {
            continue;
        }
        make_private(&folder)?;
        return Ok(Held {
            folder,
            lock_path,
            _lock: lock,
        });
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// The state folder's own rights hold for what is in it.
#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(LOCK_SUFFIX);
    PathBuf::from(name)
}

/// The folder first: its lock says until the end whose it is.
fn remove(folder: &Path, lock: &Path) -> io::Result<()> {
    for removed in [fs::remove_dir_all(folder), fs::remove_file(lock)] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes what killed imports of this user left in a state folder; how many
/// folders that were.
///
/// # Errors
/// The first one, after having tried all.
pub(super) fn sweep(state_dir: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let (mut swept, mut outcome) = (0, Ok(()));
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let folder_name = name
            .to_str()
            .map(|name| name.strip_suffix(LOCK_SUFFIX).unwrap_or(name));
        let Some(folder_name) = folder_name.filter(|name| is_ours(name)) else {
            continue;
        };
        match sweep_one(&state_dir.join(folder_name)) {
            Ok(removed) => swept += u64::from(removed),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome.map(|()| swept)
}

fn is_ours(name: &str) -> bool {
    let number = name.strip_prefix(PREFIX).unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    number.len() == 16 && number.bytes().all(is_digit)
}

/// Removes a folder, unless its import runs or it is not what an import makes.
fn sweep_one(folder: &Path) -> io::Result<bool> {
    let lock_path = lock_of(folder);
    let lock = match File::open(&lock_path) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if lock.as_ref().is_some_and(|lock| lock.try_lock().is_err()) {
        return Ok(false);
    }
    let found = match fs::symlink_metadata(folder) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if found
        .as_ref()
        .is_some_and(|found| !found.is_dir() || !is_own(found))
    {
        return Ok(false);
    }
    remove(folder, &lock_path)?;
    Ok(found.is_some())
}

/// Whether this process's user made it.
#[cfg(unix)]
fn is_own(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == found.uid())
}

/// Only who may write to the state folder could have made it.
#[cfg(not(unix))]
fn is_own(_found: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_left_of_an_import_that_ends() {
        let state = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(state.path());
        assert_eq!(names(state.path()), [""; 0]);
        fs::write(scratch.folder().unwrap().join("CBS.log"), "text").unwrap();
        assert_eq!(names(state.path()).len(), 2);
        drop(scratch);
        assert_eq!(names(state.path()), [""; 0]);
    }

    #[test]
    fn a_killed_imports_scratch_is_swept_and_a_running_ones_is_not() {
        let state = tempfile::tempdir().unwrap();
        let mut running = Scratch::new(state.path());
        let in_use = running.folder().unwrap().to_owned();
        // One killed with its lock, one of a version without, one before its
        // folder was made.
        fs::create_dir_all(state.path().join("import-00000000000000aa/7")).unwrap();
        fs::write(state.path().join("import-00000000000000aa.lock"), "").unwrap();
        fs::create_dir_all(state.path().join("import-00000000000000bb/0")).unwrap();
        fs::write(state.path().join("import-00000000000000cc.lock"), "").unwrap();
        assert_eq!(sweep(state.path()).unwrap(), 2);
        assert_eq!(names(state.path()).len(), 2);
        assert!(in_use.is_dir());
        assert_eq!(sweep(&state.path().join("none")).unwrap(), 0);
    }

    #[test]
    fn nothing_of_another_name_or_kind_is_swept() {
        let state = tempfile::tempdir().unwrap();
        let others = [
            "checkpoint.json",
            "import-",
            "import-00000000000000aa.bak",
            "import-00000000000000AA",
            "import-0000000000000000aa",
            "refused",
        ];
        for name in others {
            fs::create_dir(state.path().join(name)).unwrap();
        }
        fs::write(state.path().join("import-00000000000000dd"), "a file").unwrap();
        assert_eq!(sweep(state.path()).unwrap(), 0);
        assert_eq!(names(state.path()).len(), others.len() + 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_with_the_name_of_a_scratch_folder_leads_nowhere() {
        let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("kept"), "").unwrap();
        let link = state.path().join("import-00000000000000aa");
        std::os::unix::fs::symlink(other.path(), link).unwrap();
        assert_eq!(sweep(state.path()).unwrap(), 0);
        assert!(other.path().join("kept").exists());
    }

    #[cfg(unix)]
    #[test]
    fn scratch_is_its_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let state = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(state.path());
        let mode = fs::metadata(scratch.folder().unwrap())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
