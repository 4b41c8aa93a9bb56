//! `kbwatch-collector carry`: batches across an air gap, in one file.
//!
//! On every device `carry export` appends what has no receipt yet to a file on
//! a stick, signed by that device. On the other side `carry import` checks each
//! piece, sends it for its device and writes receipts beside the file; the next
//! `carry export` takes them and lets the checkpoint follow. A lost stick costs
//! nothing: without receipts the next export holds everything again.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::ConfigError;
use crate::identity::IdentityError;
use crate::pipeline::OpenError;
use crate::run_command::configuration;
use crate::send::DeliverError;

pub use self::export::{Exported, export};
pub use self::import::{Delivered, import};
pub use self::seal::SealError;

mod export;
mod file;
mod import;
mod receipts;
mod seal;

/// Exit status of a wrong configuration.
const EXIT_USAGE: u8 = 64;

/// Exit status when another collector uses the same state folder.
const EXIT_IN_USE: u8 = 73;

/// Which way to carry.
#[derive(Debug, Args)]
pub struct CarryArgs {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    /// Append what this device has to report to a file.
    ///
    /// Reads the logs as they are, signs with the device's key, and remembers
    /// how far it got; the checkpoint moves when receipts come back. What the
    /// gateway refused comes back with them and is kept in refused/. Exit: 0
    /// written, 1 not, 64 wrong usage or configuration, 73 a collector runs.
    Export {
        /// The device's configuration file (TOML); tls is needed.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// File to append to: many devices share one.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Receipts that `carry import` wrote for an earlier file.
        #[arg(long, value_name = "FILE")]
        receipts: Option<PathBuf>,
    },
    /// Send the batches of a file, and write receipts to carry back.
    ///
    /// The configuration names the gateway and a certificate with the URI
    /// urn:kbwatch:role:carrier or urn:kbwatch:role:importer. Receipts go to
    /// FILE.receipts. Exit: 0 everything in the file is durable, 1 something was
    /// left out or refused, or the gateway did not answer, 64 wrong usage or
    /// configuration.
    Import {
        /// Configuration file (TOML) of whoever carries.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The file that was carried here.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Something that cannot be carried on; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No certificate to sign with.
    #[error("carrying needs a certificate: set tls.ca, tls.cert and tls.key")]
    NoCertificate,
    /// Nobody says who this device is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The logs cannot be followed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A collector runs on this state folder; stop it first.
    #[error("state folder {path} is in use: stop the collector first", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A key cannot sign, or a piece must not be believed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Receipts that a device signed: only a carrier or importer may.
    #[error("receipts signed by {0}, whose certificate lacks the carrier role")]
    NoCarrier(String),
    /// A piece holds something else than it says.
    #[error("a piece of the file is damaged although its signature fits")]
    Damaged,
    /// A file or folder cannot be read or written.
    #[error("carry with {path}", path = path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The gateway did not take it; try again later.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl CarryError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// Carries for the command line.
pub fn run(args: &CarryArgs) -> ExitCode {
    let done = match &args.direction {
        Direction::Export {
            config,
            to,
            receipts,
        } => run_export(config, to, receipts.as_deref()),
        Direction::Import { config, file } => run_import(config, file),
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        match error {
            CarryError::InUse { .. } => ExitCode::from(EXIT_IN_USE),
            CarryError::Config(_)
            | CarryError::NoCertificate
            | CarryError::Identity(_)
            | CarryError::Open(_) => ExitCode::from(EXIT_USAGE),
            _ => ExitCode::FAILURE,
        }
    })
}

fn run_export(config: &Path, to: &Path, receipts: Option<&Path>) -> Result<ExitCode, CarryError> {
    let config = configuration(config)?;
    // Held until everything is written.
    let _lock = crate::run::lock_state(&config.state_dir).map_err(|source| CarryError::InUse {
        path: config.state_dir.clone(),
        source,
    })?;
    // The servers hear nothing of its channels: who carries brings no heartbeat.
    #[cfg(windows)]
    let (config, _) = crate::windows::prepare_once(config);
    let exported = export(&config, to, receipts)?;
    tell(&format!(
        "{} events in {} batches appended to {}; {} earlier exports receipted",
        exported.events,
        exported.batches,
        to.display(),
        exported.receipted,
    ));
    if exported.refused_batches > 0 {
        tell(&format!(
            "the gateway refused {} batches with {} events of those for good; they are kept in {}",
            exported.refused_batches,
            exported.refused_events,
            config.state_dir.join("refused").display(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn run_import(config: &Path, file: &Path) -> Result<ExitCode, CarryError> {
    let config = configuration(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CarryError::io(file, source))?;
    let delivered = runtime.block_on(import(&config, file))?;
    for why in &delivered.left_out {
        tell(&format!("left out: {why}"));
    }
    tell(&format!(
        "{} events of {} exports durable, {} batches refused; receipts in {}",
        delivered.durable_events,
        delivered.exports,
        delivered.refused_batches,
        delivered.receipts.display(),
    ));
    if delivered.left_out.is_empty() && delivered.refused_batches == 0 {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

#[expect(clippy::print_stdout, reason = "command-line face")]
fn tell(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "command-line face")]
fn complain(error: &dyn std::error::Error) {
    eprint!("kbwatch-collector carry: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprint!(": {inner}");
        cause = inner.source();
    }
    eprintln!();
}
