//! `kbwatch-simulator`: renders or runs a fleet of virtual endpoints.

use std::process::ExitCode;

use kbwatch_simulator::command;

fn main() -> ExitCode {
    command::main()
}
