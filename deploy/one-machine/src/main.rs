//! The command `kbwatch`: up, drop, enroll, rollout, baseline, demo.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use kbwatch_one_machine::cli::{Cli, Command};
use kbwatch_one_machine::drop as drop_files;
use kbwatch_one_machine::{demo, lists, pki, up};

fn main() -> ExitCode {
    kbwatch_clickhouse_engine::host_if_asked();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    start_log(match cli.command {
        // Progress goes to standard output; the log is for what goes wrong.
        Command::Demo(_) => "warn",
        _ => "warn,kbwatch=info",
    });
    match &cli.command {
        Command::Up(args) => in_runtime(up::run(args)),
        Command::Drop(args) => match drop_files::run(args) {
            Ok(code) => ExitCode::from(code),
            // Whoever read the answer has gone.
            Err(_) => ExitCode::from(2),
        },
        Command::Enroll(args) => pki::run(args),
        Command::Rollout(args) => in_runtime(lists::rollout(args)),
        Command::Baseline(args) => in_runtime(lists::baseline(args)),
        Command::Demo(args) => in_runtime(demo::run(args)),
    }
}

fn in_runtime(work: impl Future<Output = u8>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => ExitCode::from(runtime.block_on(work)),
        Err(error) => {
            tracing::error!(%error, "could not start threads");
            ExitCode::from(2)
        }
    }
}

/// Help is no error; everything else is a wrong command line.
fn usage(error: &clap::Error) -> ExitCode {
    // Nowhere to print to is no reason to fail otherwise.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(64),
    }
}

/// Logs go to standard error; `RUST_LOG` says how much.
fn start_log(usual: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
