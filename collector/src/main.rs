//! `kbwatch-collector`: reads Windows update logs and reports them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kbwatch_collector::carry::{self, CarryArgs};
use kbwatch_collector::check_command::{self, CheckArgs};
use kbwatch_collector::enroll::{self, EnrollArgs};
use kbwatch_collector::import::{self, ImportArgs};
use kbwatch_collector::logging::log_to_stderr;
use kbwatch_collector::parse_command::{self, ParseArgs};
use kbwatch_collector::run_command::{self, EXIT_USAGE, RunArgs};
use tokio::sync::watch;

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
    /// (it goes again at the next start), 2 with `--once`: no log could be read, 64 wrong usage or configuration, 73
    /// the state folder is not writable or another collector uses it.
    Run(RunArgs),
    /// Print the update events that log files hold.
    Parse(ParseArgs),
    /// Send logs that were collected by hand as those of their device.
    Import(ImportArgs),
    /// Take batches across an air gap in one file, and receipts back.
    Carry(CarryArgs),
    Check(CheckArgs),
    /// Get a certificate for this device, with a token of the operators.
    Enroll(EnrollArgs),
    /// Runs as a Windows service: for the service control manager, not for
    /// people.
    #[cfg(windows)]
    #[command(hide = true)]
    Service(RunArgs),
}

fn main() -> ExitCode {
    let face = match Face::try_parse() {
        Ok(face) => face,
        Err(usage) => return explain(&usage),
    };
    match face.command {
        Command::Run(args) => {
            log_to_stderr();
            ExitCode::from(run_command::execute(&args, stop_on_signals))
        }
        Command::Parse(args) => parse_command::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Carry(args) => carry::run(&args),
        Command::Check(args) => check_command::run(&args),
        Command::Enroll(args) => enroll::run(&args),
        #[cfg(windows)]
        Command::Service(args) => kbwatch_collector::windows::service::run(args),
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

/// Must be called within a runtime.
fn stop_on_signals(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
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
