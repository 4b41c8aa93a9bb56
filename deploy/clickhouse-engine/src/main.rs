//! Hosts ClickHouse for tests and tools whose own executable cannot.
//!
//! `kbwatch-clickhouse-engine DIR` runs a server over DIR and prints how to
//! reach it, until its input closes.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use kbwatch_clickhouse_engine::{Engine, EngineConfig, EngineError, host_if_asked};

fn main() -> ExitCode {
    host_if_asked();
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        complain("usage: kbwatch-clickhouse-engine DIR");
        return ExitCode::from(64);
    };
    match serve(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the command-line face speaks to a person"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}

fn serve(folder: PathBuf) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| EngineError::Process {
            attempted: "start a runtime",
            source,
        })?;
    let engine = runtime.block_on(Engine::start(EngineConfig::new(folder)))?;
    let connection = engine.connection();
    let said = writeln!(
        std::io::stdout(),
        "{}/?database={}&user={}&password={}",
        connection.url,
        connection.database,
        connection.user,
        connection.password
    );
    if said.is_ok() {
        // Whoever started this holds the other end of the input.
        let mut rest = Vec::new();
        drop(std::io::stdin().read_to_end(&mut rest));
    }
    runtime.block_on(engine.stop())
}
