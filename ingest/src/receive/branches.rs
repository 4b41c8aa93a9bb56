//! At which branch a device stands: a list says it, else its certificate does.
//!
//! The list has a line `DEVICE,BRANCH` for each device; `PREFIX*,BRANCH` stands
//! for all whose ids begin so. It is read anew when it changes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use kbwatch_proto::identity::device_id;
use tracing::{info, warn};

use super::identity::Speaker;

/// A list of branches that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BranchesError {
    /// It cannot be read.
    #[error("read the list of branches {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line says nothing.
    #[error(
        "{path}, line {line}: write DEVICE,BRANCH or PREFIX*,BRANCH, in letters, digits, '.', '_' and '-'"
    )]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

/// The list of the moment; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Branches {
    list: Arc<Mutex<Arc<List>>>,
    /// When the list was written that was read first.
    read: Option<Stamp>,
}

/// When a file was written, and how long it is.
type Stamp = (SystemTime, u64);

#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    devices: HashMap<String, Arc<str>>,
    prefixes: HashMap<String, Arc<str>>,
}

impl Branches {
    /// Reads the list for the first time, if there is one.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, BranchesError> {
        let mut branches = Self::default();
        if let Some(path) = path {
            // Before it is read: what changes meanwhile is read again.
            branches.read = stamp(path);
            branches.replace(List::read(path)?);
        }
        Ok(branches)
    }

    /// At which branch a sender stands, if that is known.
    pub(super) fn of(&self, speaker: &Speaker) -> Option<Arc<str>> {
        let list = self.current();
        list.branch(&speaker.device_id)
            .or_else(|| speaker.branch.clone())
    }

    /// Looks at the list every so often and takes up what has changed, for as
    /// long as it is polled. Streams that are open keep their branch.
    pub(super) async fn follow(self, path: Option<PathBuf>, pause: Duration) -> Infallible {
        let Some(path) = path else {
            return std::future::pending().await;
        };
        let mut seen = self.read;
        loop {
            tokio::time::sleep(pause).await;
            let own = path.clone();
            // It may be long, and lie on a slow share.
            let looked = tokio::task::spawn_blocking(move || {
                let now = stamp(&own);
                (now != seen).then(|| (now, List::read(&own)))
            });
            match looked.await {
                Ok(None) => {}
                Ok(Some((now, read))) => {
                    seen = now;
                    self.take_up(read);
                }
                Err(error) => warn!(%error, "the list of branches was not looked at"),
            }
        }
    }

    fn take_up(&self, read: Result<List, BranchesError>) {
        match read {
            Ok(list) => {
                let lines = list.devices.len() + list.prefixes.len();
                info!(lines, "took up a changed list of branches");
                self.replace(list);
            }
            Err(error) => {
                warn!(%error, "a changed list of branches does not do, the old one serves on");
            }
        }
    }

    fn current(&self) -> Arc<List> {
        // Nothing can panic while the lock is held.
        self.list
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, list: List) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

impl List {
    fn read(path: &Path) -> Result<Self, BranchesError> {
        let text = std::fs::read_to_string(path).map_err(|source| BranchesError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|line| BranchesError::Line {
            path: path.to_owned(),
            line,
        })
    }

    /// The error is the number of a line that says nothing.
    fn parse(text: &str) -> Result<Self, usize> {
        let mut list = Self::default();
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        for (line, number) in text.lines().zip(1_usize..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (who, branch) = line.split_once(',').ok_or(number)?;
            let branch = device_id(branch.trim()).ok_or(number)?;
            // Thousands of devices stand at one branch.
            let branch = names
                .entry(branch)
                .or_insert_with_key(|name| Arc::from(name.as_str()))
                .clone();
            let who = who.trim();
            let (all, who) = match who.strip_suffix('*') {
                Some(prefix) => (&mut list.prefixes, prefix),
                None => (&mut list.devices, who),
            };
            all.insert(device_id(who).ok_or(number)?, branch);
        }
        Ok(list)
    }

    /// A device's own line counts, else the longest prefix.
    fn branch(&self, device: &str) -> Option<Arc<str>> {
        if let Some(own) = self.devices.get(device) {
            return Some(own.clone());
        }
        if self.prefixes.is_empty() {
            return None;
        }
        // An id is ASCII.
        let beginnings = (1..=device.len()).rev().filter_map(|len| device.get(..len));
        let mut found = beginnings.filter_map(|prefix| self.prefixes.get(prefix));
        found.next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# who stands where\nPC-1, 0123\npc-*,0100\npc-01*,0101\n\natm-7,0123\n";

    #[test]
    fn a_devices_own_line_counts_before_the_longest_prefix() {
        let list = List::parse(LIST).unwrap();
        for (device, branch) in [
            ("pc-1", Some("0123")),
            ("pc-2", Some("0100")),
            ("pc-0199", Some("0101")),
            ("atm-7", Some("0123")),
            ("atm-70", None),
            ("", None),
        ] {
            assert_eq!(list.branch(device).as_deref(), branch, "{device}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_is_named_by_its_number() {
        for (text, line) in [
            ("pc-1,0123\npc-2", 2),
            ("pc-1,", 1),
            ("*,all", 1),
            ("pc 1,0123", 1),
        ] {
            assert_eq!(List::parse(text), Err(line), "{text}");
        }
    }

    #[tokio::test]
    async fn a_changed_list_counts_and_a_damaged_one_does_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "pc-1,0123\n").unwrap();
        let branches = Branches::read(Some(file.path())).unwrap();
        let pause = Duration::from_millis(2);
        let following = branches.clone().follow(Some(file.path().to_owned()), pause);
        let changing = async {
            for (text, branch) in [
                ("pc-1,0123\npc-1", "0123"),
                ("pc-1,01234\n", "01234"),
                ("nonsense", "01234"),
                ("pc-1,0\n", "0"),
            ] {
                std::fs::write(file.path(), text).unwrap();
                let end = tokio::time::Instant::now() + Duration::from_secs(30);
                while branches.current().branch("pc-1").as_deref() != Some(branch) {
                    assert!(tokio::time::Instant::now() < end, "{text}");
                    tokio::time::sleep(pause).await;
                }
            }
        };
        tokio::select! {
            never = following => match never {},
            () = changing => {}
        }
    }
}
