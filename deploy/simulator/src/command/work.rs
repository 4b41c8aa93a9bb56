//! `run`: the fleet at work against a gateway.

use std::time::Duration;

use super::{CommandError, RunArgs, papers, plan_of};
use crate::ledger::of_fleet;
use crate::run::{Credentials, Fleet, FleetSummary, LaunchConfig, RunningFleet};

/// Between two lines that say how far the fleet is.
const REPORT_EVERY: Duration = Duration::from_secs(5);

pub(super) fn run_fleet(args: &RunArgs) -> Result<(), CommandError> {
    std::fs::create_dir_all(&args.fleet.dir)?;
    let plan = plan_of(&args.fleet);
    papers::write(&args.fleet, &plan, &of_fleet(&plan))?;
    let config = LaunchConfig {
        gateway: args.gateway.clone(),
        credentials: match &args.pki {
            Some(folder) => Credentials::Authority(folder.clone()),
            None => Credentials::Declared,
        },
        dir: args.fleet.dir.clone(),
        heartbeat_s: args.heartbeat_seconds,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let fleet = Fleet::launch(plan, config)?;
        let live = Duration::from_secs(u64::from(args.fleet.live_seconds));
        let settled = match args.once_within {
            Some(seconds) => {
                until_settled(&fleet, live + Duration::from_secs(u64::from(seconds))).await
            }
            None => until_interrupted(&fleet).await,
        };
        let summary = fleet.stop().await?;
        report_end(&summary);
        settled
    })
}

async fn until_settled(fleet: &RunningFleet, patience: Duration) -> Result<(), CommandError> {
    tokio::select! {
        settled = fleet.settled(patience) => Ok(settled?),
        never = report_progress(fleet) => never,
    }
}

async fn until_interrupted(fleet: &RunningFleet) -> Result<(), CommandError> {
    tokio::select! {
        interrupted = interrupted() => Ok(interrupted?),
        never = report_progress(fleet) => never,
    }
}

/// Ctrl-C, or the request to end that service managers send.
async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn report_progress(fleet: &RunningFleet) -> Result<(), CommandError> {
    loop {
        tokio::time::sleep(REPORT_EVERY).await;
        let progress = fleet.progress();
        tracing::info!(
            devices = progress.devices,
            history_settled = progress.history_settled,
            settled = progress.settled,
            dark = progress.dark,
            durable_events = progress.durable_events,
            "fleet at work"
        );
    }
}

fn report_end(summary: &FleetSummary) {
    tracing::info!(
        settled = summary.progress.settled,
        read_bytes = summary.read_bytes,
        lines = summary.lines,
        read_events = summary.read_events,
        durable_events = summary.progress.durable_events,
        durable_batches = summary.progress.durable_batches,
        skipped_events = summary.skipped_events,
        dropped_events = summary.dropped_events,
        refused_events = summary.refused_events,
        retries = summary.retries,
        "fleet stopped"
    );
}
