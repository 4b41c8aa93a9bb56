//! The lists that people hand in on a command line, the same for
//! `kbwatch-analyzer` and `kbwatch`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clickhouse::Client;

use crate::baseline::{BaselineError, import_baseline};
use crate::releases::{ImportError, ImportReport, ImportRollout, import_rollout};

/// A KB by build family, with its level where that is named.
type FamilyKb = (u32, (String, Option<u32>));

/// A rollout's target list.
///
/// The list is a CSV in UTF-8, UTF-16 or GBK with a column `device_id` (or
/// `hostname`, 设备, 计算机名) and, if wanted, `ring` and `excluded`.
#[derive(Debug, Clone, clap::Args)]
pub struct RolloutList {
    /// Name of the rollout.
    #[arg(long)]
    pub name: String,
    /// Name of the release: a month, `2023-01`.
    #[arg(long)]
    pub release: String,
    /// KB of a build family and the level that it brings:
    /// `19044=KB5022282@2486`. The level may be left out where the shipped
    /// table knows the KB: `17763=KB5022286`.
    #[arg(long = "kb", value_name = "FAMILY=KB@LEVEL", value_parser = parse_kb)]
    pub kbs: Vec<FamilyKb>,
    /// Target list.
    #[arg(long, value_name = "CSV")]
    pub targets: PathBuf,
    /// Depots to repair from: a CSV with `path` and `build` and, if wanted,
    /// `name`, `edition`, `language`, `arch`. The list replaces the one before:
    /// a depot that it does not name is withdrawn.
    #[arg(long, value_name = "CSV")]
    pub depots: Option<PathBuf>,
}

/// Result codes that a fleet is known to show.
#[derive(Debug, Clone, clap::Args)]
pub struct CodeList {
    /// CSV with `hresult` and, if known, `last_seen`.
    #[arg(long, value_name = "CSV")]
    pub codes: PathBuf,
}

/// A list was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ListRefused {
    /// Name a file that can be read.
    #[error("could not read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The rollout is refused.
    #[error(transparent)]
    Rollout(#[from] ImportError),
    /// The codes are refused.
    #[error(transparent)]
    Codes(#[from] BaselineError),
}

impl RolloutList {
    /// Imports the list; a running analyzer takes it up with its next cycle.
    pub async fn import(&self, client: &Client, now_ms: i64) -> Result<ImportReport, ListRefused> {
        let order = ImportRollout {
            name: self.name.clone(),
            release: self.release.clone(),
            kbs: self.kbs.iter().cloned().collect::<BTreeMap<_, _>>(),
            targets: read(&self.targets)?,
            depots: self.depots.as_deref().map(read).transpose()?,
        };
        Ok(import_rollout(client, &order, now_ms).await?)
    }
}

impl CodeList {
    /// Imports the codes; returns how many were taken over.
    pub async fn import(&self, client: &Client, now_ms: i64) -> Result<usize, ListRefused> {
        Ok(import_baseline(client, &read(&self.codes)?, now_ms).await?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ListRefused> {
    std::fs::read(path).map_err(|source| ListRefused::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// `17763=KB5022286` or `17763=KB5022286@3887`.
fn parse_kb(pair: &str) -> Result<FamilyKb, String> {
    let parsed = || {
        let (family, kb) = pair.split_once('=')?;
        let (kb, level) = match kb.split_once('@') {
            Some((kb, level)) => (kb, Some(level.parse().ok()?)),
            None => (kb, None),
        };
        let digits = kb.strip_prefix("KB")?;
        let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        sound.then_some((family.parse().ok()?, (kb.to_owned(), level)))
    };
    parsed().ok_or_else(|| "write it as 17763=KB5022286@3887".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kb_is_named_by_family_with_or_without_its_level() {
        let kb = |level| (17763, ("KB5022286".to_owned(), level));
        assert_eq!(parse_kb("17763=KB5022286"), Ok(kb(None)));
        assert_eq!(parse_kb("17763=KB5022286@3887"), Ok(kb(Some(3887))));
        for wrong in ["KB5022286", "17763=5022286", "x=KB1", "1=KB", "1=KB2@x"] {
            assert!(parse_kb(wrong).is_err(), "{wrong}");
        }
    }
}
