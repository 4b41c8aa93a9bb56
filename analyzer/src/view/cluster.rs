//! What is said of a cluster: members, damage, causes, remedy.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Cure, Point};

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
    /// No device fails any more of which one hears and which is to take part.
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
    /// Where the trouble lies if the update is not to blame: `server`, `proxy`,
    /// `time`, `policy`, `disk`; empty where it may be the update's fault.
    pub outside: String,
    /// What is broken, the most shared first.
    pub damage: Vec<DamageGroup>,
    /// What the members share, best first.
    pub causes: Vec<CauseCandidate>,
    /// Facts that look guilty and are not.
    pub exonerated: Vec<Exonerated>,
    /// What to do.
    pub remedy: Remedy,
    /// What was tried, and whether it healed.
    pub cures: Vec<Cure>,
    /// Devices by the hour in which each first failed so.
    pub series: Vec<Point>,
    /// Devices that share the leading cause and have not tried the KB yet;
    /// `None` without a cause, or where there is none.
    pub waiting: Option<Waiting>,
}

/// Devices that a cause will meet next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Waiting {
    /// What they share with the members.
    pub facts: BTreeMap<String, String>,
    /// Devices without an attempt, and below the level that the KB brings.
    pub devices: u64,
    /// Devices that share it, with an attempt or without.
    pub of: u64,
    /// Only devices of the KB's target lists were counted.
    pub listed: bool,
}

/// A device that belongs to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct MemberDevice {
    /// Identity.
    pub device_id: String,
    /// First failure of this kind.
    pub first_failed_at_ms: i64,
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
    /// Devices with it that began to install the KB.
    pub total: u64,
    /// Failed devices without it.
    pub failed_outside: u64,
    /// Devices without it that did.
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
