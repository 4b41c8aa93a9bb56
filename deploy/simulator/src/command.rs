//! The command line.

mod papers;
mod work;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};

use crate::ledger::of_device;
use crate::plan::{FleetPlan, PlanConfig};
use crate::render::render;
use crate::run::{LaunchError, Unsettled};
use crate::scenario::demo;

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
    Render(FleetArgs),
    /// Write the logs as time goes; a real collector per device reports them.
    ///
    /// History is reported first; then the live phase begins and attempts end
    /// while people watch. Afterwards the fleet stays, with its signs of life,
    /// until it is interrupted.
    Run(RunArgs),
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
struct RunArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Address of the gateway, https://HOST:PORT; http:// with --plain.
    #[arg(long, default_value = "https://localhost:7443")]
    gateway: String,
    /// Folder of the authority (ca.pem, ca.key) that signs the devices'
    /// certificates.
    #[arg(long, required_unless_present = "plain")]
    pki: Option<PathBuf>,
    /// No certificates: devices say who they are, which a gateway believes on
    /// loopback only.
    #[arg(long, conflicts_with = "pki")]
    plain: bool,
    /// Seconds between two signs of life of a device.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    heartbeat_seconds: u32,
    /// Stop when everything is receipted; exit 1 if that takes longer than
    /// this many seconds beyond the live phase.
    #[arg(long)]
    once_within: Option<u32>,
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
    #[error(transparent)]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
}

impl CommandError {
    /// 1 when the fleet did what it should not, 2 when it could not begin.
    fn code(&self) -> u8 {
        if matches!(self, Self::Unsettled(_)) {
            1
        } else {
            2
        }
    }
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
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let done = match cli.command {
        Command::Render(args) => render_fleet(&args),
        Command::Run(args) => work::run_fleet(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", told_with_causes(&error));
            ExitCode::from(error.code())
        }
    }
}

fn told_with_causes(error: &CommandError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
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
    papers::write(args, &plan, &ledger)?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(devices = plan.devices.len(), took_ms, "rendered the fleet");
    Ok(())
}
