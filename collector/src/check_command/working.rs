//! Whether the collector works, and what came of it.

use std::fs::{self, File, TryLockError};
use std::io;

use super::screen::{Screen, ago};
use crate::config::CollectorConfig;
use crate::run::LOCK_NAME;
use crate::status::{PERIOD_MS, Status};

/// Shows whether it runs, and returns that.
pub(super) fn look(
    config: &CollectorConfig,
    status: &io::Result<Status>,
    now_ms: i64,
    screen: &mut Screen,
) -> bool {
    let is_running = is_locked(config);
    let text = match (is_running, status) {
        (true, Ok(status)) => format!(
            "runs, was started {} (process {})",
            ago(status.started_at_ms, now_ms),
            status.process
        ),
        (true, Err(_)) => "runs".to_owned(),
        (false, Ok(status)) => format!(
            "does not run; was last heard {}",
            ago(status.told_at_ms, now_ms)
        ),
        (false, Err(_)) => "does not run".to_owned(),
    };
    screen.line("collector", text);
    if !is_running {
        let died = status.as_ref().is_ok_and(|status| !status.stopped);
        screen.fault(
            if died {
                "the collector does not run: it was killed or it crashed"
            } else {
                "the collector does not run"
            },
            if cfg!(windows) {
                "start it: Start-Service kbwatch-collector"
            } else {
                "start it: kbwatch-collector run --config FILE"
            },
        );
    } else if let Ok(status) = status
        && now_ms.saturating_sub(status.told_at_ms) > 3 * PERIOD_MS
    {
        screen.fault(
            format!(
                "the collector runs but was last heard {}",
                ago(status.told_at_ms, now_ms)
            ),
            format!(
                "check that {} can be written and is not full; else restart the collector",
                config.state_dir.display()
            ),
        );
    }
    is_running
}

/// A running collector holds a lock on its folder.
fn is_locked(config: &CollectorConfig) -> bool {
    let Ok(lock) = File::open(config.state_dir.join(LOCK_NAME)) else {
        return false;
    };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Shows what was sent, refused and lost.
pub(super) fn look_at_results(
    config: &CollectorConfig,
    status: &io::Result<Status>,
    is_running: bool,
    screen: &mut Screen,
) {
    if let Ok(status) = status {
        let since = if is_running {
            "since its start"
        } else {
            "in its last run"
        };
        screen.line(
            "sent",
            format!(
                "{} events in {} batches receipted {since}; waiting: {}",
                status.durable_events, status.durable_batches, status.unreceipted_batches
            ),
        );
        if status.dropped_events > 0 {
            screen.fault(
                format!(
                    "{} events were lost before they could be sent",
                    status.dropped_events
                ),
                "tell the operators of kbwatch",
            );
        }
    }
    let (refused, reason) = refused(config);
    if refused > 0 {
        screen.fault(
            format!("the gateway refused {refused} batches for good; the last because: {reason}"),
            format!(
                "tell the operators of kbwatch; the batches are kept in {}",
                config.state_dir.join("refused").display()
            ),
        );
    }
}

/// Batches in the folder of refused ones, and the newest's reason.
fn refused(config: &CollectorConfig) -> (usize, String) {
    let folder = config.state_dir.join("refused");
    let Ok(entries) = fs::read_dir(&folder) else {
        return (0, String::new());
    };
    let mut reasons = Vec::new();
    let mut batches = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("batch") => batches += 1,
            Some("txt") => {
                let modified = fs::metadata(&path).and_then(|found| found.modified());
                reasons.push((modified.ok(), path));
            }
            _ => {}
        }
    }
    reasons.sort();
    let reason = reasons
        .last()
        .and_then(|(_, path)| fs::read_to_string(path).ok())
        .unwrap_or_else(|| "not known".to_owned());
    (batches, reason.chars().take(200).collect())
}
