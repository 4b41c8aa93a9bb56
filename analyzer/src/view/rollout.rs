//! How far a rollout is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ExceptionLine, Forecast, Rate, RingVerdict};

/// A rollout's devices, in rows that add up to the target list.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct RolloutStatus {
    /// Name of the rollout.
    pub name: String,
    /// Name of the release.
    pub release: String,
    /// KBs by build family.
    pub kbs: BTreeMap<String, String>,
    /// Devices on the target list.
    pub targets: u64,
    /// Rows that add up to `targets`.
    pub rows: RolloutRows,
    /// By ring, in ring order.
    pub rings: Vec<(String, RolloutRows)>,
    /// Failure rate of the release's KBs over the targets.
    pub rate: Rate,
    /// Compliant targets per hour, cumulative.
    pub progress: Vec<(i64, u64)>,
    /// May each ring go on, in ring order.
    pub verdicts: Vec<RingVerdict>,
    /// Exceptions, those that end first first.
    pub exceptions: Vec<ExceptionLine>,
    /// When it will be through.
    pub forecast: Forecast,
}

/// Exclusive states of a target; they add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct RolloutRows {
    /// At or past the release's build.
    pub compliant: u64,
    /// Latest attempt failed.
    pub failed: u64,
    /// Waits for a reboot.
    pub pending_reboot: u64,
    /// An attempt is under way.
    pub in_progress: u64,
    /// No attempt seen, and its maintenance window is still to come.
    pub waiting_window: u64,
    /// No attempt seen.
    pub not_offered: u64,
    /// Release has no KB for its build.
    pub not_applicable: u64,
    /// Taken out by a person.
    pub excluded: u64,
    /// Excused until a date that somebody answers for.
    pub excused: u64,
    /// Silent beyond the presence limit.
    pub silent: u64,
    /// On the list, never heard of.
    pub no_collector: u64,
}
