//! `kbwatch-collector import`: logs that someone collected by hand on some
//! machine, sent as that device's.
//!
//! The gateway takes them only from a certificate with the importer role.
//! Reading the same logs twice gives the same events with the same ids, so an
//! import may be repeated, and may overlap what the device itself reported.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kbwatch_proto::identity::device_id;
use kbwatch_proto::telemetry::{Batch, Outcome};
use tokio::sync::mpsc;

use self::press::Press;
use self::scratch::Scratch;
use crate::config::{CollectorConfig, ConfigError};
use crate::identity::{self, IdentityError};
use crate::pack::Packer;
use crate::run_command::configuration;
use crate::send::DeliverError;
use crate::send::deliver::deliver;

mod bundle;
mod limits;
mod press;
mod scratch;

/// Exit status when a bundle, or a log in it, could not be read.
const EXIT_UNREADABLE: u8 = 2;

/// Sealed batches that wait to be sent.
const WAITING_BATCHES: usize = 4;

/// Batches, and packed bytes, that are sent over one connection and wait for
/// their receipts.
const GROUP_BATCHES: usize = 32;
const GROUP_LEN: usize = 4 << 20;

/// Exit status of a wrong configuration.
const EXIT_USAGE: u8 = 64;

/// What to import, and for whom.
#[derive(Debug, Args)]
#[command(
    long_about = "Send logs that were collected by hand as those of the device they are from.\n\n\
    A BUNDLE is a log, a folder, a .zip or a .cab, nested as they come; what is no update log is \
    passed over. Events that the gateway knows already are the same events: an import may be \
    repeated. Every event is marked with who imported it and from where. Logs of any size are \
    read in little memory; of one bundle at most 20,000 files and folders are read, 16 GiB of \
    unpacked logs, 4 GiB of each, and what is beyond that is named.\n\n\
    The configuration names the gateway and a certificate that carries the URI \
    urn:kbwatch:role:importer; without that role the gateway refuses.\n\n\
    Exit status: 0 everything read is durable, 1 something was refused or the gateway did not \
    answer, 2 a bundle or a log in it was not read (the others were sent), 64 wrong usage or \
    configuration."
)]
pub struct ImportArgs {
    /// Configuration file of whoever imports (TOML): gateway, tls, `state_dir`.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Device that the logs are from.
    #[arg(long, value_name = "ID")]
    pub device: String,
    /// Minutes east of UTC of that device's clock; without it, times are known
    /// only where the logs themselves give the offset away.
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    pub utc_offset_minutes: Option<i32>,
    /// Logs, folders, .zip and .cab files.
    #[arg(required = true, value_name = "BUNDLE")]
    pub bundles: Vec<PathBuf>,
}

/// An import that cannot go on; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody says who imports.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What was named can be no device.
    #[error("--device {0:?}: letters, digits, '.', '_' and '-' make a device id")]
    NoDevice(String),
    /// Batches were not taken.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Update logs read.
    pub logs: u64,
    /// Files that are no update log.
    pub passed_over: u64,
    /// Logs and archives that could not be read.
    pub unreadable: u64,
    /// Files not read because their bundle has too many, is too large, or too
    /// deep.
    pub left_out: u64,
    /// Events that are durable, known before or not.
    pub durable_events: u64,
    /// Events that the gateway refused, or that no batch could hold.
    pub refused_events: u64,
}

/// Imports for the command line.
pub fn run(args: &ImportArgs) -> ExitCode {
    let imported = configuration(&args.config)
        .map_err(ImportError::from)
        .and_then(|config| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(import(config, args)),
                Err(error) => Err(DeliverError::Silent(error.to_string()).into()),
            }
        });
    match imported {
        Ok(imported) => conclude(&imported),
        Err(error) => {
            complain(&error.to_string());
            match error {
                ImportError::Deliver(DeliverError::Denied(_) | DeliverError::Silent(_)) => {
                    ExitCode::FAILURE
                }
                _ => ExitCode::from(EXIT_USAGE),
            }
        }
    }
}

/// Reads the bundles and sends what they hold meanwhile; returns when
/// everything has its answer.
///
/// # Errors
/// See [`ImportError`]; logs sent before stay durable.
pub async fn import(config: CollectorConfig, args: &ImportArgs) -> Result<Imported, ImportError> {
    let desk = identity::device_id(&config)?;
    let device =
        device_id(args.device.trim()).ok_or_else(|| ImportError::NoDevice(args.device.clone()))?;
    let zone = CollectorConfig {
        utc_offset_minutes: args.utc_offset_minutes,
        ..config.clone()
    };
    if let Err(error) = scratch::sweep(&config.state_dir) {
        complain(&format!("an earlier import's scratch stays: {error}"));
    }
    let (sealed, mut batches) = mpsc::channel(WAITING_BATCHES);
    let press = Press {
        packer: Packer::new(&zone, &desk),
        knows_zone: args.utc_offset_minutes.is_some(),
        device,
        importer: desk,
        last_seq: 0,
        sealed,
        imported: Imported::default(),
        left_out: Vec::new(),
    };
    let (bundles, mut scratch) = (args.bundles.clone(), Scratch::new(&config.state_dir));
    let reading = tokio::task::spawn_blocking(move || press.read(&bundles, &mut scratch));
    let sent = send(&config, &mut batches).await;
    // Where sending failed, reading ends too.
    drop(batches);
    let read = match reading.await {
        Ok(read) => read,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    let (durable_events, refused_events) = sent?;
    Ok(Imported {
        durable_events,
        refused_events: read.refused_events + refused_events,
        ..read
    })
}

/// Hands over batches until no more come; events durable and refused.
async fn send(
    config: &CollectorConfig,
    batches: &mut mpsc::Receiver<Batch>,
) -> Result<(u64, u64), DeliverError> {
    let (mut durable, mut refused) = (0, 0);
    loop {
        let group = next_group(batches).await;
        if group.is_empty() {
            return Ok((durable, refused));
        }
        for receipt in deliver(config, &group).await? {
            let same = |batch: &&Batch| batch.batch_seq == receipt.batch_seq;
            let events = group.iter().find(same).map_or(0, |batch| batch.event_count);
            if receipt.outcome() == Outcome::Durable {
                durable += u64::from(events);
            } else {
                refused += u64::from(events);
                let why = receipt.reason;
                complain(&format!("the gateway refused {events} events: {why}"));
            }
        }
    }
}

/// Batches for one connection; none at the end.
async fn next_group(batches: &mut mpsc::Receiver<Batch>) -> Vec<Batch> {
    let (mut group, mut len) = (Vec::new(), 0);
    while group.len() < GROUP_BATCHES
        && len < GROUP_LEN
        && let Some(batch) = batches.recv().await
    {
        len += batch.payload.len();
        group.push(batch);
    }
    group
}

fn conclude(imported: &Imported) -> ExitCode {
    tell(&format!(
        "{} logs read, {} files passed over, {} unreadable, {} not read for their number, size or \
         depth; {} events durable, {} refused",
        imported.logs,
        imported.passed_over,
        imported.unreadable,
        imported.left_out,
        imported.durable_events,
        imported.refused_events,
    ));
    if imported.refused_events > 0 {
        ExitCode::FAILURE
    } else if imported.unreadable > 0 || imported.left_out > 0 {
        ExitCode::from(EXIT_UNREADABLE)
    } else {
        ExitCode::SUCCESS
    }
}

#[expect(clippy::print_stdout, reason = "command-line face")]
fn tell(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "command-line face")]
fn complain(text: &str) {
    eprintln!("kbwatch-collector import: {text}");
}
