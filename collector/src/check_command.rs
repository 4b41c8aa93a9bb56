//! `kbwatch-collector check`: one screen for a technician: what is read, how
//! far, what was sent, what is wrong and what to do.
//!
//! Looks only: it takes no lock, writes nothing, and sends the gateway nothing
//! but a greeting.

mod device;
mod gateway;
mod logs;
mod screen;
mod working;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::screen::Screen;
use crate::run::now_ms;
use crate::run_command::{EXIT_USAGE, configuration};
use crate::send::chain;
use crate::status::Status;

/// What to look at.
#[derive(Debug, Args)]
#[command(
    about = "Tell a technician what is read, how far, what was sent and what is wrong",
    long_about = "Tell a technician what is read, how far, what was sent and what is wrong, and what to do.\n\n\
    Changes nothing and may be run while the collector works. Run it as an administrator: \
    others may not see the logs and the collector's folder.\n\n\
    Exit status: 0 nothing is wrong, 1 something is, 64 the configuration cannot be used."
)]
pub struct CheckArgs {
    /// The collector's configuration file.
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(windows, arg(default_value = r"C:\ProgramData\kbwatch\collector.toml"))]
    pub config: PathBuf,
    /// Do not try to reach the gateway.
    #[arg(long)]
    pub offline: bool,
}

/// Looks, prints the screen, and says by the exit status whether all is well.
pub fn run(args: &CheckArgs) -> ExitCode {
    let (text, code) = look(args, now_ms());
    if std::io::stdout().write_all(text.as_bytes()).is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::from(code)
}

/// The screen and the exit status.
fn look(args: &CheckArgs, now_ms: i64) -> (String, u8) {
    let mut screen = Screen::default();
    let file = args.config.display().to_string();
    let config = match configuration(&args.config) {
        #[cfg(windows)]
        Ok(config) => crate::windows::with_channels(config),
        #[cfg(not(windows))]
        Ok(config) => config,
        Err(error) => {
            screen.line("configuration", file);
            screen.fault(chain(&error), "mend the configuration, then check again");
            return (screen.render(), EXIT_USAGE);
        }
    };
    let device_id = device::look(&config, now_ms, &mut screen);
    screen.line("configuration", file);
    let status = Status::read(&config.state_dir);
    let is_running = working::look(&config, &status, now_ms, &mut screen);
    logs::look(&config, device_id.as_deref(), now_ms, &mut screen);
    working::look_at_results(&config, &status, is_running, &mut screen);
    if !args.offline {
        gateway::look(&config, &status, is_running, &mut screen);
    }
    let code = u8::from(screen.has_faults());
    (screen.render(), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (String, u8) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("collector.toml");
        std::fs::write(folder.path().join("CBS.log"), "2023-01-11 09:00:00\n").unwrap();
        let text = text.replace("HERE", &folder.path().display().to_string());
        std::fs::write(&config, text).unwrap();
        look(
            &CheckArgs {
                config,
                offline: false,
            },
            1_700_000_000_000,
        )
    }

    #[test]
    fn a_collector_that_never_ran_is_told_with_everything_that_is_missing() {
        let (screen, code) = check(
            "gateway = 'http://127.0.0.1:1'\ndeclared_device = 'PC-1'\nstate_dir = 'HERE/state'\n\
             [sources]\ncbs_log = 'HERE/CBS.log'\ndism_log = 'HERE/none/dism.log'\n",
        );
        assert_eq!(code, 1, "{screen}");
        for words in [
            "pc-1",
            "CBS.log",
            "20 bytes, nothing read yet",
            "dism.log",
            "is not there",
            "does not run",
            "refuses the connection",
        ] {
            assert!(screen.contains(words), "{words} is not in:\n{screen}");
        }
        assert!(screen.lines().count() <= 24, "{screen}");
        assert!(!screen.contains("os error"), "{screen}");
    }

    #[test]
    fn a_configuration_that_cannot_be_used_is_told_with_its_key() {
        let (screen, code) = check("gatway = 'https://x:1'\n");
        assert_eq!(code, EXIT_USAGE);
        assert!(screen.contains("gatway"), "{screen}");
    }
}
