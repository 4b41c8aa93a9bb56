//! The collector at work: one loop that steps, sends, receives and stops.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::CollectorConfig;
use crate::pipeline::{Collector, OpenError};
use crate::send::{SendError, Sender};
use crate::standing::{Counts, Pending};
use crate::status::StatusTeller;

/// Pause between two looks while a single pass waits for receipts.
const ONCE_PAUSE: Duration = Duration::from_millis(50);

/// A run that could not start or go on; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The collector cannot start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing can be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// What a run did, and what it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSummary {
    /// What was done.
    pub counts: Counts,
    /// What was not: batches without a receipt go again at the next start.
    pub left: Pending,
    /// Whether any of the logs that are named could be read.
    pub reads_something: bool,
}

impl RunSummary {
    /// Whether every batch that was made has its receipt.
    pub fn is_drained(&self) -> bool {
        self.left.unreceipted_batches == 0
    }

    /// Whether everything was read and made durable.
    pub fn is_complete(&self) -> bool {
        self.left.is_idle() && self.counts.refused_batches == 0 && self.counts.dropped_events == 0
    }
}

/// Name of the file whose lock says that a state folder is claimed.
pub(crate) const LOCK_NAME: &str = "lock";

/// Claims a state folder for as long as the file is held: two collectors on one
/// checkpoint would overwrite each other's.
///
/// # Errors
/// It cannot be written, or someone else holds it.
pub fn lock_state(folder: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let lock = File::create(folder.join(LOCK_NAME))?;
    lock.try_lock()?;
    Ok(lock)
}

/// Milliseconds since 1970 UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Follows and reports until `shutdown` turns true, then waits for the last
/// receipts, at most `stop_grace_ms`.
///
/// # Errors
/// At the start only: later failures are retried.
pub async fn run(
    config: CollectorConfig,
    shutdown: watch::Receiver<bool>,
) -> Result<RunSummary, RunError> {
    follow(Collector::open(config)?, shutdown).await
}

/// As [`run()`], with a collector that is open.
pub(crate) async fn follow(
    mut collector: Collector,
    mut shutdown: watch::Receiver<bool>,
) -> Result<RunSummary, RunError> {
    let mut sender = Sender::start(collector.config())?;
    let poll = Duration::from_millis(u64::from(collector.config().poll_ms));
    let mut status = StatusTeller::new(&collector.config().state_dir, now_ms());
    tracing::info!(device = collector.device_id(), "collector started");
    let mut next_look = Instant::now();
    while !*shutdown.borrow() {
        if Instant::now() >= next_look {
            let stepped = collector.step(now_ms());
            next_look = Instant::now() + if stepped.more { Duration::ZERO } else { poll };
            if stepped.more {
                // A long backlog must not starve the sending task; where there
                // is none, the sleep below is its turn.
                tokio::task::yield_now().await;
            }
        }
        let exchanged = sender.exchange(&mut collector, now_ms())?;
        status.look(&collector, exchanged, now_ms());
        tokio::select! {
            () = tokio::time::sleep_until(next_look) => {}
            () = sender.changed() => {}
            told = shutdown.changed() => if told.is_err() { break },
        }
    }
    let grace = Duration::from_millis(u64::from(collector.config().stop_grace_ms));
    let deadline = Instant::now() + grace;
    collector.flush(now_ms());
    drain(&mut collector, &mut sender, deadline).await?;
    // Only where the gateway answers: it is no reason to stay.
    if collector.pending().unreceipted_batches == 0 && collector.tell_last_lines(now_ms()) {
        drain(&mut collector, &mut sender, deadline).await?;
    }
    sender.close().await;
    // The next process says it anew: nothing is left behind with them.
    collector.forget_heartbeats();
    status.stop(&collector, now_ms());
    Ok(conclude(&mut collector))
}

/// Reads everything that is there as if it were final, reports it, waits for
/// the receipts and returns. Gives up when the gateway says nothing for
/// `receipt_timeout_ms`; see [`RunSummary::is_complete`].
///
/// # Errors
/// At the start only.
pub async fn run_once(
    config: CollectorConfig,
    shutdown: watch::Receiver<bool>,
) -> Result<RunSummary, RunError> {
    read_once(Collector::open(at_once(config))?, shutdown).await
}

/// Someone waits for a single pass.
pub(crate) fn at_once(config: CollectorConfig) -> CollectorConfig {
    CollectorConfig {
        start_spread_ms: 0,
        ..config
    }
}

/// As [`run_once`], with a collector that is open.
pub(crate) async fn read_once(
    mut collector: Collector,
    mut shutdown: watch::Receiver<bool>,
) -> Result<RunSummary, RunError> {
    let patience = Duration::from_millis(u64::from(collector.config().receipt_timeout_ms));
    let mut sender = Sender::start(collector.config())?;
    let mut progress = (collector.counts(), Instant::now());
    while !*shutdown.borrow() {
        let stepped = collector.finish(now_ms());
        tokio::task::yield_now().await;
        sender.exchange(&mut collector, now_ms())?;
        if collector.pending().is_idle() && !collector.tell_last_lines(now_ms()) {
            break;
        }
        if collector.counts() != progress.0 {
            progress = (collector.counts(), Instant::now());
        } else if progress.1.elapsed() >= patience {
            tracing::error!("gateway gives no receipts, giving up");
            break;
        }
        let pause = if stepped.more {
            Duration::ZERO
        } else {
            ONCE_PAUSE
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = sender.changed() => {}
            told = shutdown.changed() => if told.is_err() { break },
        }
    }
    sender.close().await;
    Ok(conclude(&mut collector))
}

/// Waits for the receipts of what is sealed, within the grace period.
async fn drain(
    collector: &mut Collector,
    sender: &mut Sender,
    deadline: Instant,
) -> Result<(), SendError> {
    loop {
        sender.exchange(collector, now_ms())?;
        if collector.pending().unreceipted_batches == 0 {
            return Ok(());
        }
        if tokio::time::timeout_at(deadline, sender.changed())
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

fn conclude(collector: &mut Collector) -> RunSummary {
    collector.save();
    RunSummary {
        counts: collector.counts(),
        left: collector.pending(),
        reads_something: collector.reads_something(),
    }
}
