//! What people see: one immutable picture of the fleet per cycle.
//!
//! The cycle makes a [`View`] and publishes it whole; API and pages only read
//! it. All times are milliseconds since 1970 UTC, all counts are devices unless
//! the name says otherwise.

use std::collections::BTreeMap;

use serde::Serialize;

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
    /// Codes that the fleet had not shown for 180 days, newest first.
    pub new_codes: Vec<NewCode>,
    /// Devices that should speak and do not, longest silence first.
    pub silent: Vec<SilentDevice>,
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
    /// Update events stored, each counted once.
    pub events: u64,
    /// Devices by class, as facts say.
    pub by_class: BTreeMap<String, u64>,
}

/// The failure rate, with the counts that it is made of and its 95 % interval
/// (Wilson), between 0 and 1. The one definition for figures, tables and alerts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
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

/// Stage in the life of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Called for the first time.
    #[default]
    New,
    /// More devices than in the last period.
    Growing,
    /// Neither.
    Steady,
    /// Devices leave it.
    Fading,
    /// No device fails any more.
    Closed,
    /// Closed, and devices fail again.
    Returned,
}

/// Devices failing one KB with one final code in one phase, beyond what chance
/// and the usual rate explain.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Cluster {
    /// Stable across cycles and restarts.
    pub id: String,
    /// Failing KB.
    pub kb: String,
    /// Final code, `0x800f0985`; empty where no record states one.
    pub hresult: String,
    /// Its name.
    pub symbol: String,
    /// Phase in which it ends.
    pub phase: String,
    /// Stage of its life.
    pub life: Life,
    /// Earliest failure that belongs to it.
    pub since_ms: i64,
    /// When it was called.
    pub called_at_ms: i64,
    /// Latest failure that belongs to it.
    pub last_failure_at_ms: i64,
    /// Devices that fail now.
    pub failed: u64,
    /// Devices that ever belonged to it.
    pub ever_failed: u64,
    /// Devices that failed this way and succeeded since.
    pub healed: u64,
    /// Devices with a closed attempt of the KB.
    pub tried: u64,
    /// Upper bound of the share of `tried` that usually ends so, at the
    /// strongest look that called it; `None` where no earlier update tells.
    pub usual_rate: Option<f64>,
    /// Chance of so many failures at the usual rate, at that look; `None` where
    /// it was not kept.
    pub p_value: Option<f64>,
    /// Members, by device id.
    pub devices: Vec<MemberDevice>,
    /// What is broken, the most shared first.
    pub damage: Vec<DamageGroup>,
    /// What the members share, best first.
    pub causes: Vec<CauseCandidate>,
    /// Facts that look guilty and are not.
    pub exonerated: Vec<Exonerated>,
    /// What to do.
    pub remedy: Remedy,
    /// Per hour.
    pub series: Vec<Point>,
}

/// A device that belongs to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct MemberDevice {
    /// Identity.
    pub device_id: String,
    /// Latest failure.
    pub failed_at_ms: i64,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Ids of the events that say so, as hex.
    pub evidence: Vec<String>,
    /// Facts before the attempt that people ask for: class, ring, branch, image, model, build.
    pub facts: BTreeMap<String, String>,
}

/// Broken component files that devices have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DamageGroup {
    /// Hash of the exact set; names it across KBs.
    pub fingerprint: String,
    /// Files, as `arch / assembly / file`.
    pub files: Vec<DamagedFile>,
    /// Members of the cluster with this damage.
    pub devices: u64,
}

/// One broken file in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default, PartialOrd, Ord)]
pub struct DamagedFile {
    /// amd64, wow64, x86 …
    pub arch: String,
    /// Assembly without version and hash.
    pub assembly: String,
    /// File.
    pub file: String,
    /// Version of the component as printed.
    pub component_version: String,
    /// Hash the manifest demands, as printed; empty where no record gave one.
    pub hash_expected: String,
}

/// A combination of facts that failing devices have far more often than
/// comparable ones.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct CauseCandidate {
    /// Fact and value; up to three.
    pub facts: BTreeMap<String, String>,
    /// Facts with which these cannot be told apart: no like devices have one
    /// without the other.
    pub inseparable: Vec<BTreeMap<String, String>>,
    /// Failed devices with it.
    pub failed: u64,
    /// Tried devices with it.
    pub total: u64,
    /// Failed devices without it.
    pub failed_outside: u64,
    /// Tried devices without it.
    pub total_outside: u64,
    /// Rate with ÷ rate without, stratified by ring.
    pub risk_ratio: f64,
    /// 95 % interval of it.
    pub interval: (f64, f64),
}

/// A fact that failing devices have more often and that explains nothing once
/// like is compared with like.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Exonerated {
    /// The fact.
    pub facts: BTreeMap<String, String>,
    /// Risk ratio as it looks at first.
    pub crude_risk_ratio: f64,
    /// Risk ratio within strata.
    pub adjusted_risk_ratio: f64,
    /// Within which facts it was compared.
    pub within: Vec<String>,
    /// Devices that have the fact, were tried and did not fail.
    pub counter_examples: u64,
    /// A few of them.
    pub examples: Vec<String>,
}

/// What to do about a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Remedy {
    /// Class of the cure, for example `component_store`.
    pub class: String,
    /// Steps in order.
    pub steps: Vec<RemedyStep>,
    /// Sources to repair from, best first.
    pub sources: Vec<RepairSource>,
    /// Some devices may serve as sources beside the depots.
    pub peers_allowed: bool,
    /// Where these facts come from: Microsoft's page or header.
    pub reference: String,
}

/// One step of a remedy, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RemedyStep {
    /// What to do, English.
    pub en: String,
    /// What to do, Simplified Chinese.
    pub zh: String,
    /// Command to run, or empty.
    pub command: String,
}

/// What DISM may repair from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RepairSource {
    /// 1 depot, 2 peer on the same level, 3 peer that took the KB from that level, 4 serviced image.
    pub tier: u8,
    /// Device id of a peer, or name of a depot.
    pub name: String,
    /// What follows `/Source:`.
    pub path: String,
    /// Level that it holds, for example `17763.3770`.
    pub build: String,
    /// Why it fits, for a person.
    pub why: Said,
    /// Failing devices that it can serve.
    pub serves: u64,
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Said {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

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
    /// No attempt seen.
    pub not_offered: u64,
    /// Release has no KB for its build.
    pub not_applicable: u64,
    /// Taken out by a person.
    pub excluded: u64,
    /// Silent beyond the presence limit.
    pub silent: u64,
    /// On the list, never heard of.
    pub no_collector: u64,
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
