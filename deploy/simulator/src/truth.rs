//! What everyone who looks at the fleet should find, drawn from the plan.

mod draw;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::{DamagedFile, Depot};

/// How the latest attempt of one KB on one device ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Installed, rebooted, verified.
    Succeeded,
    /// Ended with a result code.
    Failed,
    /// Failed after the reboot and was undone; counts as failed.
    RolledBack,
    /// Installed but for a reboot.
    PendingReboot,
    /// Called off.
    Cancelled,
    /// Began and was never heard of again.
    GoneSilent,
}

impl Outcome {
    /// Whether it counts among the failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack)
    }

    /// Whether the attempt counts in the failure rate at all.
    pub fn is_closed(self) -> bool {
        self.is_failure() || self == Self::Succeeded
    }
}

/// The latest attempt of one KB on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOutcome {
    /// Device id.
    pub device: String,
    /// KB.
    pub kb: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Final code, `0x800f0985`, of a failed or cancelled attempt.
    pub hresult: Option<String>,
    /// Attempts of this KB.
    pub attempts: u32,
    /// Failed before it succeeded.
    pub healed: bool,
    /// When it ended, milliseconds since 1970 UTC.
    pub ended_at_ms: i64,
    /// It ends in the live phase.
    pub live: bool,
}

/// One KB's failure rate by the one definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KbTruth {
    /// KB.
    pub kb: String,
    /// Devices whose latest attempt is closed.
    pub tried: u64,
    /// Of these, failed or rolled back.
    pub failed: u64,
    /// Of these, succeeded.
    pub succeeded: u64,
    /// Devices waiting for a reboot.
    pub pending: u64,
    /// Devices whose latest attempt was called off.
    pub cancelled: u64,
    /// Devices that went dark in the reboot.
    pub gone_silent: u64,
    /// Succeeded after a failure.
    pub healed: u64,
    /// Failed devices by final code.
    pub codes: BTreeMap<String, u64>,
}

/// A cluster that must be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantedCluster {
    /// KB.
    pub kb: String,
    /// Final code.
    pub hresult: String,
    /// Every device that fails so by the end of the live phase.
    pub devices: Vec<String>,
    /// Those that had failed before the live phase.
    pub devices_at_start: Vec<String>,
    /// Devices of the same image that have not tried.
    pub untried: Vec<String>,
    /// What they share.
    pub cause: BTreeMap<String, String>,
    /// What is broken on each.
    pub damage: Vec<DamagedFile>,
}

/// A fact that looks guilty and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Innocent {
    /// The fact.
    pub facts: BTreeMap<String, String>,
    /// Devices that have it, tried the KB and succeeded.
    pub counter_examples: Vec<String>,
    /// Planted devices without it.
    pub failed_without: Vec<String>,
}

/// What may serve to repair the planted damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Level that a source must hold.
    pub build: String,
    /// Depots of that level, right ones for the planted devices only.
    pub depots: Vec<Depot>,
    /// All depots there are.
    pub known_depots: Vec<Depot>,
    /// Devices on that level with whole files, same edition and language, not
    /// going to leave it during the run.
    pub peers: Vec<String>,
    /// The like that left it by the KB itself, less than 30 days ago.
    pub recent_peers: Vec<String>,
}

/// An alert that the webhook must receive once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedAlert {
    /// `new_cluster` or `new_code`.
    pub kind: String,
    /// KB.
    pub kb: String,
    /// Code.
    pub hresult: String,
}

/// Exclusive states of the targets once the live phase is over; they add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RolloutTruth {
    /// Devices on the target list.
    pub targets: u64,
    /// At or past the release's build.
    pub compliant: u64,
    /// Latest attempt failed or was rolled back.
    pub failed: u64,
    /// Waits for a reboot.
    pub pending_reboot: u64,
    /// Latest attempt was called off.
    pub cancelled: u64,
    /// No attempt.
    pub not_tried: u64,
    /// The release has no KB for the build.
    pub not_applicable: u64,
    /// Taken out by a person.
    pub excluded: u64,
    /// Collector stopped, in the reboot or otherwise.
    pub silent: u64,
    /// On the list, never heard of.
    pub no_collector: u64,
}

/// Everything to find, machine-readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Seed of the plan.
    pub seed: u64,
    /// Devices with a collector.
    pub devices: u64,
    /// Where history ends, milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Where the live phase ends.
    pub live_until_ms: i64,
    /// Clusters that must be called; no other may.
    pub clusters: Vec<PlantedCluster>,
    /// What must be exonerated.
    pub exonerated: Innocent,
    /// Dark since the servicing reboot.
    pub silent: Vec<String>,
    /// Collector stopped without an open attempt.
    pub off: Vec<String>,
    /// Waiting for a reboot.
    pub pending: Vec<String>,
    /// Failed first and succeeded since, current KB only.
    pub healed: Vec<String>,
    /// Called off.
    pub cancelled: Vec<String>,
    /// Latest attempt of every device and KB.
    pub outcomes: Vec<DeviceOutcome>,
    /// The same, summed.
    pub kbs: Vec<KbTruth>,
    /// The target list, row by row.
    pub rollout: RolloutTruth,
    /// What may repair.
    pub repair: Repair,
    /// Alerts, once each.
    pub alerts: Vec<ExpectedAlert>,
}

/// `0x800f0985`.
pub fn hex(hresult: u32) -> String {
    format!("0x{hresult:08x}")
}
