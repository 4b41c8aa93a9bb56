//! Why a river does not start or stops, and what its process exits with.

use std::net::SocketAddr;

use kbwatch_analyzer::ClaimError;
use kbwatch_clickhouse_engine::{DataFolderError, EngineError};
use kbwatch_ingest::journal::JournalError;
use kbwatch_ingest::receive::ReceiveError;

use crate::config::ConfigError;

/// The river could not start, or a stage of it failed.
#[derive(Debug, thiserror::Error)]
pub enum RiverError {
    /// Change the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Choose or free a folder.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// Stop the other analyzer, or take over from it.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// Install or free what the database needs.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Look at the certificates in the data folder.
    #[error(transparent)]
    Pki(#[from] kbwatch_ingest::pki::PkiError),
    /// The database does not answer, or not as hoped.
    #[error("could not {attempted}")]
    Database {
        /// What was attempted.
        attempted: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Choose another address.
    #[error("could not listen on {address}: {source}; name another with --http")]
    Listen {
        /// For the pages.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Look at the brokers.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The gateway could not start or failed.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// A stage ended that should not have.
    #[error("{stage} stopped: {why}")]
    Stage {
        /// Which stage.
        stage: &'static str,
        /// What it said.
        why: String,
    },
    /// The grace period ran out.
    #[error("{stage} did not stop within {grace_s} s; what was not receipted comes again")]
    Grace {
        /// Which stage was left.
        stage: &'static str,
        /// How long all had.
        grace_s: u64,
    },
}

impl RiverError {
    /// What a command-line program should exit with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Receive(ReceiveError::Config(_)) => 64,
            Self::DataFolder(_)
            | Self::Claim(
                ClaimError::InUse(_) | ClaimError::NotWritable { .. } | ClaimError::Owned(_),
            ) => kbwatch_analyzer::EXIT_CLAIMED,
            Self::Engine(error) => error.exit_code(),
            Self::Claim(ClaimError::Load(_) | ClaimError::Keep(_))
            | Self::Database { .. }
            | Self::Journal(_)
            | Self::Listen { .. }
            | Self::Pki(_)
            | Self::Receive(ReceiveError::Listen { .. } | ReceiveError::Certificate { .. }) => 2,
            Self::Receive(_) | Self::Stage { .. } | Self::Grace { .. } => 1,
        }
    }
}
