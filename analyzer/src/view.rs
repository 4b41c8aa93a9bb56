//! What people see: one immutable picture of the fleet per cycle.
//!
//! The cycle makes a [`View`] and publishes it whole; API and pages only read
//! it. All times are milliseconds since 1970 UTC, all counts are devices unless
//! the name says otherwise.

mod cluster;
mod cure;
mod plan;
mod readiness;
mod rollout;
mod source;
mod unreadable;
mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use cluster::{
    CauseCandidate, Cluster, DamageGroup, DamagedFile, Exonerated, Life, MemberDevice, Remedy,
    RemedyStep, RepairSource, Said, Waiting,
};
pub use cure::{Cure, CureEvidence, HealRate};
pub use plan::{ExceptionLine, Forecast, WindowLine};
pub use readiness::{Readiness, UnreadyDevice, UnreadyReason};
pub use rollout::{RolloutRows, RolloutStatus};
pub use source::{BuildLines, LineCount, SourceHealth};
pub use unreadable::{UnreadableDevice, UnreadableLog};
pub use verdict::{
    ClassCover, Decision, GivenVerdict, RingCluster, RingEvidence, RingVerdict, Verdict, Witness,
};

/// The whole picture after one cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct View {
    /// Grows by one with every cycle.
    pub cycle: u64,
    /// When the cycle ended.
    pub made_at_ms: i64,
    /// How long the cycle took.
    pub took_ms: u64,
    /// Newest `stored_at` that the cycle saw; the age of the data counts from here.
    pub data_at_ms: i64,
    /// The fleet in numbers.
    pub fleet: Fleet,
    /// Every KB with an attempt in the window, most devices failed first.
    pub kbs: Vec<KbStatus>,
    /// Open clusters first, then closed ones, largest first.
    pub clusters: Vec<Cluster>,
    /// Rollouts that were declared, newest first.
    pub rollouts: Vec<RolloutStatus>,
    /// Maintenance windows, in order of their next begin.
    pub windows: Vec<WindowLine>,
    /// Devices that are not ready for the next patch day.
    pub readiness: Readiness,
    /// Codes that the fleet had not shown for 180 days, newest first.
    pub new_codes: Vec<NewCode>,
    /// Devices that should speak and do not, longest silence first.
    pub silent: Vec<SilentDevice>,
    /// How well each log is understood, by the build that wrote it.
    pub sources: Vec<SourceHealth>,
    /// Logs that devices cannot read, those of most devices first.
    pub unreadable: Vec<UnreadableLog>,
    /// Devices with such a log, each once.
    pub devices_unreadable: u64,
}

/// The fleet in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Fleet {
    /// Devices ever heard of.
    pub devices: u64,
    /// Of these, heard of within the presence limit.
    pub present: u64,
    /// Of these, silent beyond the limit.
    pub silent: u64,
    /// When any of them was heard of last; 0 if none ever was.
    pub last_heard_ms: i64,
    /// Update events stored, each counted once.
    pub events: u64,
    /// Devices by class, as facts say.
    pub by_class: BTreeMap<String, u64>,
}

/// The failure rate, with the counts that it is made of and its 95 % interval
/// (Wilson), between 0 and 1. The one definition for figures, tables and alerts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Rate {
    /// Devices whose latest closed attempt failed or was rolled back.
    pub failed: u64,
    /// Devices with a closed attempt.
    pub tried: u64,
    /// Failed ÷ tried.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Devices by the state of their latest attempt of one KB; exclusive states
/// that add up. A device that failed and tries again stands under `unknown`
/// here and in [`Rate::failed`] there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Outcomes {
    /// Verified.
    pub succeeded: u64,
    /// Failed or rolled back, benign results not counted.
    pub failed: u64,
    /// Installed but for a reboot.
    pub pending: u64,
    /// Called off.
    pub cancelled: u64,
    /// Open, or without a verdict.
    pub unknown: u64,
    /// Began and was never heard of again.
    pub gone_silent: u64,
    /// Of the succeeded, those that had failed before.
    pub healed: u64,
}

/// One bucket of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Point {
    /// Begin of the bucket.
    pub at_ms: i64,
    /// Devices whose closed attempt ended in it.
    pub tried: u64,
    /// Of these, failed.
    pub failed: u64,
}

/// How one KB fares.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct KbStatus {
    /// `KB5022286`.
    pub kb: String,
    /// Newest title seen.
    pub title: String,
    /// Build it brings, for example `17763.3887`, where known.
    pub build: String,
    /// Devices by state.
    pub outcomes: Outcomes,
    /// Failure rate by the one definition.
    pub rate: Rate,
    /// What is usual for this kind of update on this fleet; `None` where no
    /// earlier update tells.
    pub usual_rate: Option<f64>,
    /// First attempt in the window.
    pub first_attempt_at_ms: i64,
    /// Newest closed attempt.
    pub last_attempt_at_ms: i64,
    /// Final result codes of failed devices, most first.
    pub codes: Vec<CodeCount>,
    /// Per hour.
    pub series: Vec<Point>,
    /// By ring, in ring order.
    pub by_ring: Vec<Slice>,
    /// By device class.
    pub by_class: Vec<Slice>,
    /// Ids of its clusters.
    pub clusters: Vec<String>,
}

/// A KB's outcomes on part of the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Slice {
    /// Ring or class.
    pub name: String,
    /// Devices by state.
    pub outcomes: Outcomes,
    /// Failure rate.
    pub rate: Rate,
}

/// How often a final code stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct CodeCount {
    /// `0x800f0985`; empty where no record states a code.
    pub hresult: String,
    /// Its name, or empty.
    pub symbol: String,
    /// Devices.
    pub devices: u64,
}

/// A code that is new to the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct NewCode {
    /// `0x800f0985`.
    pub hresult: String,
    /// Its name.
    pub symbol: String,
    /// KBs with it.
    pub kbs: Vec<String>,
    /// First failure.
    pub first_seen_ms: i64,
    /// Devices so far.
    pub devices: u64,
}

/// A device that should speak and does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct SilentDevice {
    /// Identity.
    pub device_id: String,
    /// Last time it was heard.
    pub last_heard_ms: i64,
    /// KB of an attempt that was open when it fell silent, or empty.
    pub open_kb: String,
    /// `dark_in_reboot`, `link_down`, `off` or `unknown`.
    pub why: String,
}
