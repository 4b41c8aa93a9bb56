//! The lists that people hand in on a command line, the same for
//! `kbwatch-analyzer` and `kbwatch`.

mod plans;
mod rollout;

use std::path::{Path, PathBuf};

use clickhouse::Client;

use crate::baseline::{BaselineError, import_baseline};
use crate::releases::{DecisionRefused, ExcuseRefused, ImportError, WindowsRefused};
pub use plans::{DecisionWords, ExceptionWords, WindowList};
pub use rollout::RolloutList;

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
    /// The decision is refused.
    #[error(transparent)]
    Decision(#[from] DecisionRefused),
    /// The exceptions are refused.
    #[error(transparent)]
    Exceptions(#[from] ExcuseRefused),
    /// The windows are refused.
    #[error(transparent)]
    Windows(#[from] WindowsRefused),
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

fn parse_pair(pair: &str) -> Result<(String, String), String> {
    match pair.split_once('=') {
        Some((what, column)) if !what.is_empty() && !column.is_empty() => {
            Ok((what.to_owned(), column.to_owned()))
        }
        _ => Err("write it as device=Name".to_owned()),
    }
}
