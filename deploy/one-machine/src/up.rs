//! `kbwatch up`: run until told to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Up;
use crate::config::RiverConfig;
use crate::failure::RiverError;
use crate::river::River;
use crate::stage::chain;

/// Runs the river until SIGTERM, SIGINT or a failed stage; returns the exit
/// code.
pub async fn run(args: &Up) -> u8 {
    match serve(args).await {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            error.exit_code()
        }
    }
}

async fn serve(args: &Up) -> Result<(), RiverError> {
    let config = settings(args)?;
    let mut signals = Signals::listen().map_err(|source| RiverError::Stage {
        stage: "signals",
        why: source.to_string(),
    })?;
    let mut river = tokio::select! {
        started = River::start(&config, &args.data) => started?,
        // Nothing has been promised to anyone yet.
        () = signals.any() => return Ok(()),
    };
    tracing::info!(
        collectors = %river.gateway(),
        pages = %format!("http://{}", river.http()),
        data = %args.data.display(),
        "the river runs"
    );
    let failed = tokio::select! {
        error = river.failed() => Some(error),
        () = signals.any() => None,
    };
    if let Some(error) = &failed {
        tracing::error!(error = chain(error), "stopping all stages");
    } else {
        tracing::info!("stopping; a second signal does not wait");
    }
    let stopped = tokio::select! {
        stopped = river.stop() => stopped,
        () = signals.any() => Err(RiverError::Stage {
            stage: "river",
            why: "told twice to stop; what was not receipted comes again".to_owned(),
        }),
    };
    match failed {
        Some(error) => Err(error),
        None => stopped,
    }
}

fn settings(args: &Up) -> Result<RiverConfig, RiverError> {
    let mut config = RiverConfig::load(args.config.as_deref(), std::env::vars())?;
    if let Some(listen) = args.listen {
        config.receive.listen = listen;
    }
    if let Some(http) = args.http {
        config.http = http;
    }
    if let Some(url) = &args.clickhouse {
        url.clone_into(&mut config.clickhouse.url);
    }
    if let Some(brokers) = &args.kafka {
        brokers.clone_into(&mut config.kafka.brokers);
    }
    config.take_over = args.take_over;
    config.check()?;
    Ok(config)
}

/// What asks the process to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them comes.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
