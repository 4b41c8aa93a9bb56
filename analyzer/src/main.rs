//! `kbwatch-analyzer`: finds what fails, why, what heals it, and tells people.

mod cli;
mod tables;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let asked = match cli::Command::try_parse() {
        Ok(asked) => asked,
        Err(error) => return cli::refuse(&error),
    };
    cli::start_logging();
    match cli::run(asked) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = cli::chain(error.as_ref()), "stopped");
            ExitCode::FAILURE
        }
    }
}
