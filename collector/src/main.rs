//! `kbwatch-collector`: reads Windows update logs and reports them.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kbwatch_collector::carry::{self, CarryArgs};
use kbwatch_collector::import::{self, ImportArgs};
use kbwatch_collector::parse_command::{self, ParseArgs};
use kbwatch_collector::{CollectorConfig, RunError, RunSummary, SendError, run, run_once};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Exit status of a wrong command line or configuration.
const EXIT_USAGE: u8 = 64;

/// Exit status when another collector uses the same state folder.
const EXIT_IN_USE: u8 = 73;

/// Reads Windows update logs where they are and reports what they say.
///
/// Read-only: nothing is scanned, triggered or changed on this machine.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-collector", version)]
struct Face {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follows the logs and reports to the gateway until stopped.
    ///
    /// SIGTERM or Ctrl-C stops it: it waits for the last receipts, at most
    /// `stop_grace_ms`, and writes its checkpoint. `RUST_LOG` sets what is logged
    /// (default: info), to standard error.
    ///
    /// Exit: 0 stopped with everything sent receipted, 1 something was left
    /// (it goes again at the next start), 64 wrong usage or configuration, 73
    /// the state folder is not writable or another collector uses it.
    Run(RunArgs),
    /// Print the update events that log files hold.
    Parse(ParseArgs),
    /// Send logs that were collected by hand as those of their device.
    Import(ImportArgs),
    /// Take batches across an air gap in one file, and receipts back.
    Carry(CarryArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Configuration file (TOML). `KBWATCH_COLLECTOR_*` variables override its
    /// keys: `KBWATCH_COLLECTOR_STATE_DIR`, `KBWATCH_COLLECTOR_TLS__CA`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Reads everything that is there, waits for the receipts and exits: 0 if
    /// all is durable, else 1.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let face = match Face::try_parse() {
        Ok(face) => face,
        Err(usage) => return explain(&usage),
    };
    match face.command {
        Command::Run(args) => {
            log_to_stderr();
            start(&args)
        }
        Command::Parse(args) => parse_command::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Carry(args) => carry::run(&args),
    }
}

fn explain(usage: &clap::Error) -> ExitCode {
    if usage.print().is_err() {
        return ExitCode::FAILURE;
    }
    if usage.use_stderr() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

fn start(args: &RunArgs) -> ExitCode {
    let config = match CollectorConfig::load(&args.config, std::env::vars()) {
        Ok(config) => config,
        Err(error) => {
            tell_error(&error);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    // Held until the process ends.
    let _lock = match run::lock_state(&config.state_dir) {
        Ok(lock) => lock,
        Err(error) => {
            let path = config.state_dir.display();
            tracing::error!(%path, %error, "state folder cannot be used: stop the other collector, or name a writable one as state_dir");
            return ExitCode::from(EXIT_IN_USE);
        }
    };
    // One thread is plenty: the work is bounded per step.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tell_error(&error);
            return ExitCode::FAILURE;
        }
    };
    let once = args.once;
    match runtime.block_on(work(config, once)) {
        Ok(summary) => conclude(&summary, once),
        Err(error) => {
            tell_error(&error);
            match error {
                RunError::Send(SendError::Gone) => ExitCode::FAILURE,
                _ => ExitCode::from(EXIT_USAGE),
            }
        }
    }
}

async fn work(config: CollectorConfig, once: bool) -> Result<RunSummary, RunError> {
    let (stop, shutdown) = watch::channel(false);
    let signals = tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    let summary = if once {
        run_once(config, shutdown).await
    } else {
        run(config, shutdown).await
    };
    signals.abort();
    summary
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return wait_for_ctrl_c().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        () = wait_for_ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    wait_for_ctrl_c().await;
}

async fn wait_for_ctrl_c() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "cannot listen for Ctrl-C");
        std::future::pending::<()>().await;
    }
}

fn conclude(summary: &RunSummary, once: bool) -> ExitCode {
    let counts = &summary.counts;
    tracing::info!(
        read_events = counts.read_events,
        durable_events = counts.durable_events,
        refused_events = counts.refused_events,
        skipped_events = counts.skipped_events,
        unreceipted_batches = summary.left.unreceipted_batches,
        "collector stopped"
    );
    let well = if once {
        summary.is_complete()
    } else {
        summary.is_drained()
    };
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tell_error(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    tracing::error!("{text}");
}
