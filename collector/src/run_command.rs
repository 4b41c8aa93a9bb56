//! `kbwatch-collector run`: the collector as a process.

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::config::CollectorConfig;
use crate::pipeline::Collector;
use crate::run::{RunError, RunSummary, at_once, follow, lock_state, read_once};
use crate::send::SendError;
use crate::watch::channel_board::ChannelBoard;

/// Exit status of a wrong command line or configuration.
pub const EXIT_USAGE: u8 = 64;

/// Exit status of a single pass that found no log to read.
pub const EXIT_NO_LOG: u8 = 2;

/// Exit status when another collector uses the same state folder.
pub const EXIT_IN_USE: u8 = 73;

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Configuration file (TOML). `KBWATCH_COLLECTOR_*` variables override its
    /// keys: `KBWATCH_COLLECTOR_STATE_DIR`, `KBWATCH_COLLECTOR_TLS__CA`; on
    /// Windows, group policy overrides both.
    #[arg(long, value_name = "FILE")]
    #[cfg_attr(windows, arg(default_value = r"C:\ProgramData\kbwatch\collector.toml"))]
    pub config: PathBuf,
    /// Reads everything that is there, waits for the receipts and exits: 0 if
    /// all is durable, 2 if none of the logs could be read, else 1.
    #[arg(long)]
    pub once: bool,
}

/// The configuration as it holds on this machine: the file, then the
/// variables, then what the machine's policy says.
pub fn configuration(path: &Path) -> Result<CollectorConfig, crate::config::ConfigError> {
    #[cfg(windows)]
    let overrides = std::env::vars().chain(crate::windows::policy::variables());
    #[cfg(not(windows))]
    let overrides = std::env::vars();
    CollectorConfig::load(path, overrides)
}

/// Follows the logs and reports until `stop` turns true; returns the exit
/// status: 0 when it was asked to stop, whatever was still under way. What went
/// wrong is in the log.
pub fn execute(args: &RunArgs, stop: impl FnOnce(watch::Sender<bool>) + Send + 'static) -> u8 {
    let config = match configuration(&args.config) {
        Ok(config) => config,
        Err(error) => {
            tell_error(&error);
            return EXIT_USAGE;
        }
    };
    // Held until the process ends.
    let _lock = match lock_state(&config.state_dir) {
        Ok(lock) => lock,
        Err(error) => {
            let path = config.state_dir.display();
            tracing::error!(%path, %error, "state folder cannot be used: stop the other collector, or name a writable one as state_dir");
            return EXIT_IN_USE;
        }
    };
    #[cfg(windows)]
    let (config, channels) = if args.once {
        crate::windows::prepare_once(config)
    } else {
        crate::windows::prepare(config)
    };
    #[cfg(not(windows))]
    let channels = None;
    // One thread is plenty: the work is bounded per step.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tell_error(&error);
            return 1;
        }
    };
    let once = args.once;
    match runtime.block_on(work((config, channels), once, stop)) {
        Ok(summary) => conclude(&summary, once),
        Err(error) => {
            tell_error(&error);
            match error {
                RunError::Send(SendError::Gone) => 1,
                _ => EXIT_USAGE,
            }
        }
    }
}

async fn work(
    (config, channels): (CollectorConfig, Option<ChannelBoard>),
    once: bool,
    stop: impl FnOnce(watch::Sender<bool>) + Send + 'static,
) -> Result<RunSummary, RunError> {
    let (tell, shutdown) = watch::channel(false);
    stop(tell);
    let config = if once { at_once(config) } else { config };
    let mut collector = Collector::open(config)?;
    collector.watch_channels(channels);
    if once {
        read_once(collector, shutdown).await
    } else {
        follow(collector, shutdown).await
    }
}

fn conclude(summary: &RunSummary, once: bool) -> u8 {
    let counts = &summary.counts;
    tracing::info!(
        read_events = counts.read_events,
        durable_events = counts.durable_events,
        refused_events = counts.refused_events,
        skipped_events = counts.skipped_events,
        unreceipted_batches = summary.left.unreceipted_batches,
        "collector stopped"
    );
    if once && !summary.reads_something {
        tracing::error!(
            "no log could be read: correct the paths under [sources] of the configuration; kbwatch-collector check shows each"
        );
        return EXIT_NO_LOG;
    }
    // What was asked to stop stops well: batches without a receipt are read or
    // taken from the spool again.
    u8::from(once && !summary.is_complete())
}

fn tell_error(error: &dyn std::error::Error) {
    let text = crate::send::chain(error);
    tracing::error!("{text}");
}
