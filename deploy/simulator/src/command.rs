//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::ledger::{LedgerRow, of_device};
use crate::plan::{FleetPlan, PlanConfig};
use crate::render::render;
use crate::rollout::{Release, release, targets_csv};
use crate::scenario::demo;
use crate::truth::Truth;

/// A seeded fleet of virtual endpoints with known truth.
///
/// Plans devices with a month of update history, renders their logs as Windows
/// writes them, and says beforehand what must be found in them.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-simulator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write every device's logs into DIR/devices/ID and stop.
    Render(RenderArgs),
}

#[derive(Debug, Args)]
struct FleetArgs {
    /// Devices with a collector.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(50..))]
    devices: u32,
    /// Same seed, same fleet.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End of history, milliseconds since 1970 UTC; the present if left out.
    #[arg(long)]
    now_ms: Option<i64>,
    /// How long the live phase lasts.
    #[arg(long, default_value_t = 60)]
    live_seconds: u32,
    /// Folder for everything that is written.
    #[arg(long)]
    dir: PathBuf,
    /// Write what must be found, as JSON; the ledger goes beside it as
    /// FILE.ledger.json.
    #[arg(long)]
    truth: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RenderArgs {
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Why the command stopped.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("cannot write {path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot put the truth into words: {0}")]
    Serialize(#[from] serde_json::Error),
}

/// What the truth file holds.
#[derive(Debug, Serialize)]
struct TruthFile<'a> {
    #[serde(flatten)]
    truth: &'a Truth,
    release: Release,
}

/// Parses the arguments and runs; usage errors exit 64.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            if error.print().is_err() {
                return ExitCode::FAILURE;
            }
            return ExitCode::from(code);
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let done = match cli.command {
        Command::Render(args) => render_fleet(&args.fleet),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn plan_of(args: &FleetArgs) -> FleetPlan {
    demo(PlanConfig {
        devices: args.devices as usize,
        seed: args.seed,
        now_ms: args.now_ms.unwrap_or_else(wall_clock_ms),
        live_ms: i64::from(args.live_seconds) * 1_000,
    })
}

fn wall_clock_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn render_fleet(args: &FleetArgs) -> Result<(), CommandError> {
    let started = Instant::now();
    let plan = plan_of(args);
    let mut ledger = Vec::new();
    for device in &plan.devices {
        let rendered = render(&plan, device);
        let folder = args.dir.join("devices").join(&device.id);
        let wrong = |source| CommandError::Write {
            path: folder.clone(),
            source,
        };
        rendered.write(&folder).map_err(wrong)?;
        for later in &rendered.later {
            later.apply(&folder).map_err(wrong)?;
        }
        ledger.extend(of_device(device, &rendered));
    }
    write_papers(args, &plan, &ledger)?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(devices = plan.devices.len(), took_ms, "rendered the fleet");
    Ok(())
}

/// Target list, release, truth and ledger.
fn write_papers(
    args: &FleetArgs,
    plan: &FleetPlan,
    ledger: &[LedgerRow],
) -> Result<(), CommandError> {
    let put = |path: PathBuf, bytes: Vec<u8>| {
        std::fs::write(&path, bytes).map_err(|source| CommandError::Write { path, source })
    };
    put(args.dir.join("targets.csv"), targets_csv(plan).into_bytes())?;
    put(
        args.dir.join("release.json"),
        serde_json::to_vec_pretty(&release())?,
    )?;
    if let Some(path) = &args.truth {
        let truth = TruthFile {
            truth: &Truth::of(plan),
            release: release(),
        };
        put(path.clone(), serde_json::to_vec_pretty(&truth)?)?;
        let mut beside = path.clone().into_os_string();
        beside.push(".ledger.json");
        put(PathBuf::from(beside), serde_json::to_vec(ledger)?)?;
    }
    Ok(())
}
