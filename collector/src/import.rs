//! `kbwatch-collector import`: logs that someone collected by hand on some
//! machine, sent as that device's.
//!
//! The gateway takes them only from a certificate with the importer role.
//! Reading the same logs twice gives the same events with the same ids, so an
//! import may be repeated, and may overlap what the device itself reported.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use kbwatch_proto::event::{MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::identity::device_id;
use kbwatch_proto::telemetry::{Batch, Outcome};

use self::bundle::{FoundLog, Walk};
use crate::config::{CollectorConfig, ConfigError};
use crate::identity::{self, IdentityError};
use crate::pack::Packer;
use crate::parse::{ParseFileError, clip, mask, parse_file};
use crate::run::now_ms;
use crate::run_command::configuration;
use crate::send::DeliverError;
use crate::send::deliver::deliver;

mod bundle;

/// Exit status when a bundle, or a log in it, could not be read.
const EXIT_UNREADABLE: u8 = 2;

/// Exit status of a wrong configuration.
const EXIT_USAGE: u8 = 64;

/// What to import, and for whom.
#[derive(Debug, Args)]
#[command(
    long_about = "Send logs that were collected by hand as those of the device they are from.\n\n\
    A BUNDLE is a log, a folder, a .zip or a .cab, nested as they come; what is no update log is \
    passed over. Events that the gateway knows already are the same events: an import may be \
    repeated. Every event is marked with who imported it and from where.\n\n\
    The configuration names the gateway and a certificate that carries the URI \
    urn:kbwatch:role:importer; without that role the gateway refuses.\n\n\
    Exit status: 0 everything read is durable, 1 something was refused or the gateway did not \
    answer, 2 a bundle or a log in it could not be read (the others were sent), 64 wrong usage or \
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

/// Reads the bundles and sends what they hold; returns when everything has its
/// answer.
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
    let mut press = Press {
        packer: Packer::new(&zone, &desk),
        knows_zone: args.utc_offset_minutes.is_some(),
        device,
        importer: desk,
        last_seq: 0,
    };
    let mut imported = Imported::default();
    for bundle in &args.bundles {
        for batches in press.read(bundle, &config.state_dir, &mut imported) {
            let receipts = deliver(&config, &batches).await?;
            for receipt in receipts {
                let same = |batch: &&Batch| batch.batch_seq == receipt.batch_seq;
                let events = batches
                    .iter()
                    .find(same)
                    .map_or(0, |batch| batch.event_count);
                if receipt.outcome() == Outcome::Durable {
                    imported.durable_events += u64::from(events);
                } else {
                    imported.refused_events += u64::from(events);
                    complain(&format!(
                        "the gateway refused {events} events: {}",
                        receipt.reason
                    ));
                }
            }
        }
    }
    Ok(imported)
}

/// Makes batches of another device's logs.
struct Press {
    packer: Packer,
    knows_zone: bool,
    device: String,
    importer: String,
    last_seq: u64,
}

impl Press {
    /// Batches of every log of a bundle.
    fn read(
        &mut self,
        bundle: &Path,
        state_dir: &Path,
        imported: &mut Imported,
    ) -> Vec<Vec<Batch>> {
        let scratch = state_dir.join(format!("import-{:016x}", fastrand::u64(..)));
        let mut batches = Vec::new();
        let mut unreadable = 0;
        let mut found = |log: FoundLog<'_>| match parse_file(log.path, None, &self.device) {
            Ok(parsed) => {
                imported.logs += 1;
                tell(&format!(
                    "{}: {} events",
                    log.provenance,
                    parsed.events.len()
                ));
                batches.push(self.press(parsed.events, log.provenance, imported));
            }
            Err(ParseFileError::UnknownKind { .. }) => imported.passed_over += 1,
            Err(error) => {
                imported.unreadable += 1;
                complain(&format!("{}: {error}", log.provenance));
            }
        };
        let mut failed = |what: &str, error: &io::Error| {
            unreadable += 1;
            complain(&format!("{what}: {error}"));
        };
        Walk::new(scratch.clone(), &mut found, &mut failed).visit(bundle);
        imported.unreadable += unreadable;
        if scratch.exists()
            && let Err(error) = std::fs::remove_dir_all(&scratch)
        {
            complain(&format!("{}: {error}", scratch.display()));
        }
        batches
    }

    /// Seals the events of one log, marked with who brought it from where.
    fn press(
        &mut self,
        mut events: Vec<UpdateEvent>,
        provenance: &str,
        imported: &mut Imported,
    ) -> Vec<Batch> {
        if self.knows_zone {
            self.packer.date(&mut events, now_ms());
        }
        let from = told_origin(provenance);
        for event in &mut events {
            event.observed_at_ms = now_ms();
            // After its completeness was rated: an imported reading is no
            // fuller than the device's own.
            event
                .extra
                .insert("imported_by".into(), self.importer.clone().into());
            event
                .extra
                .insert("imported_from".into(), from.clone().into());
        }
        let mut batches = Vec::new();
        for contents in self.packer.split(events) {
            let packed = self.packer.pack(contents, 0);
            imported.refused_events += packed.dropped_events;
            for batch in packed.batches {
                self.last_seq += 1;
                batches.push(Batch {
                    batch_seq: self.last_seq,
                    on_behalf_of: self.device.clone(),
                    ..batch
                });
            }
        }
        batches
    }
}

/// Where a log came from, fit to leave the machine: a folder of the bundle may
/// be named after its user.
fn told_origin(provenance: &str) -> String {
    // Homes are known by the separator before them, and a bundle may begin with
    // one.
    let masked = mask(&format!("/{provenance}"));
    clip(masked[1..].to_owned(), MAX_TEXT_LEN)
}

fn conclude(imported: &Imported) -> ExitCode {
    tell(&format!(
        "{} logs read, {} files passed over, {} unreadable; {} events durable, {} refused",
        imported.logs,
        imported.passed_over,
        imported.unreadable,
        imported.durable_events,
        imported.refused_events,
    ));
    if imported.refused_events > 0 {
        ExitCode::FAILURE
    } else if imported.unreadable > 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_log_came_from_names_no_user_and_no_account() {
        for (provenance, told) in [
            (
                "profile.zip/Users/wang/Desktop/CBS.log",
                "profile.zip/Users/***/CBS.log",
            ),
            ("Users/wang/CBS.log", "Users/***/CBS.log"),
            (
                "pc.zip/S-1-5-21-1-2-3-1001/CBS.log",
                "pc.zip/S-1-***/CBS.log",
            ),
            ("more.zip/logs/CBS/CBS.log", "more.zip/logs/CBS/CBS.log"),
        ] {
            assert_eq!(told_origin(provenance), told);
        }
        assert!(told_origin(&"补".repeat(MAX_TEXT_LEN)).len() <= MAX_TEXT_LEN);
    }
}
