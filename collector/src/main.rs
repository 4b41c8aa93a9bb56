//! `kbwatch-collector`: one subcommand per thing that it does.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kbwatch_collector::parse_command::{self, ParseArgs};

/// Exit status for a command line that cannot be understood.
const EXIT_USAGE: u8 = 64;

/// Reads Windows update logs and streams what they say.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-collector", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the update events that log files hold.
    Parse(ParseArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            return match error.print() {
                Ok(()) if !usage => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            };
        }
    };
    match cli.command {
        Command::Parse(args) => parse_command::run(&args),
    }
}
