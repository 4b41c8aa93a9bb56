//! What everyone who looks at the fleet should find, drawn from the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::{
    AttemptPlan, Breaks, DamagedFile, Depot, DevicePlan, FAMILY_17763, Fate, FleetPlan,
};
use crate::scenario::{BAD_IMAGE, CANCELLED_HRESULT, FOLLOWER, PLANTED_HRESULT};

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
    /// What may repair.
    pub repair: Repair,
    /// Alerts, once each.
    pub alerts: Vec<ExpectedAlert>,
}

/// `0x800f0985`.
pub fn hex(hresult: u32) -> String {
    format!("0x{hresult:08x}")
}

impl Truth {
    /// Draws the truth from a plan.
    pub fn of(plan: &FleetPlan) -> Self {
        let outcomes = outcomes(plan);
        let current = FAMILY_17763.current.number;
        let with = |outcome: Outcome| -> Vec<String> {
            outcomes
                .iter()
                .filter(|row| row.kb == current && row.outcome == outcome)
                .map(|row| row.device.clone())
                .collect()
        };
        let cluster = planted(plan, &outcomes);
        Self {
            seed: plan.config.seed,
            devices: plan.devices.len() as u64,
            now_ms: plan.config.now_ms,
            live_until_ms: plan.config.now_ms + plan.config.live_ms,
            exonerated: innocent(plan, &outcomes, &cluster),
            silent: with(Outcome::GoneSilent),
            off: ids(plan, |device| {
                device.dark_at_ms.is_some()
                    && device
                        .attempts
                        .last()
                        .is_none_or(|last| last.fate != Fate::WentSilent)
            }),
            pending: with(Outcome::PendingReboot),
            healed: outcomes
                .iter()
                .filter(|row| row.healed && row.kb == current)
                .map(|row| row.device.clone())
                .collect(),
            cancelled: with(Outcome::Cancelled),
            kbs: sums(&outcomes),
            repair: repair(plan),
            alerts: ["new_cluster", "new_code"]
                .map(|kind| ExpectedAlert {
                    kind: kind.to_owned(),
                    kb: cluster.kb.clone(),
                    hresult: cluster.hresult.clone(),
                })
                .to_vec(),
            clusters: vec![cluster],
            outcomes,
        }
    }
}

fn ids(plan: &FleetPlan, fits: impl Fn(&DevicePlan) -> bool) -> Vec<String> {
    plan.devices
        .iter()
        .filter(|device| fits(device))
        .map(|device| device.id.clone())
        .collect()
}

fn outcome_of(attempt: &AttemptPlan) -> (Outcome, Option<u32>) {
    match attempt.fate {
        Fate::Succeeded => (Outcome::Succeeded, None),
        Fate::Failed {
            hresult,
            breaks: Breaks::AfterReboot,
        } => (Outcome::RolledBack, Some(hresult)),
        Fate::Failed { hresult, .. } => (Outcome::Failed, Some(hresult)),
        Fate::PendingReboot => (Outcome::PendingReboot, None),
        Fate::Cancelled => (Outcome::Cancelled, Some(CANCELLED_HRESULT)),
        Fate::WentSilent => (Outcome::GoneSilent, None),
    }
}

fn outcomes(plan: &FleetPlan) -> Vec<DeviceOutcome> {
    let mut rows = Vec::new();
    for device in &plan.devices {
        let mut by_kb = BTreeMap::<&str, Vec<&AttemptPlan>>::new();
        for attempt in &device.attempts {
            by_kb.entry(attempt.kb.number).or_default().push(attempt);
        }
        for (kb, attempts) in by_kb {
            let Some(last) = attempts.last() else {
                continue;
            };
            let (outcome, hresult) = outcome_of(last);
            rows.push(DeviceOutcome {
                device: device.id.clone(),
                kb: kb.to_owned(),
                outcome,
                hresult: hresult.map(hex),
                attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
                healed: outcome == Outcome::Succeeded && attempts.len() > 1,
                ended_at_ms: last.ended_at_ms,
                live: last.ended_at_ms > plan.config.now_ms,
            });
        }
    }
    rows
}

fn sums(outcomes: &[DeviceOutcome]) -> Vec<KbTruth> {
    let mut by_kb = BTreeMap::<&str, KbTruth>::new();
    for row in outcomes {
        let sum = by_kb.entry(&row.kb).or_insert_with(|| KbTruth {
            kb: row.kb.clone(),
            tried: 0,
            failed: 0,
            succeeded: 0,
            pending: 0,
            cancelled: 0,
            gone_silent: 0,
            healed: 0,
            codes: BTreeMap::new(),
        });
        sum.tried += u64::from(row.outcome.is_closed());
        sum.healed += u64::from(row.healed);
        match row.outcome {
            Outcome::Succeeded => sum.succeeded += 1,
            Outcome::Failed | Outcome::RolledBack => {
                sum.failed += 1;
                *sum.codes
                    .entry(row.hresult.clone().unwrap_or_default())
                    .or_default() += 1;
            }
            Outcome::PendingReboot => sum.pending += 1,
            Outcome::Cancelled => sum.cancelled += 1,
            Outcome::GoneSilent => sum.gone_silent += 1,
        }
    }
    by_kb.into_values().collect()
}

fn planted(plan: &FleetPlan, outcomes: &[DeviceOutcome]) -> PlantedCluster {
    let kb = FAMILY_17763.current.number;
    let hresult = hex(PLANTED_HRESULT);
    let members = |live_too: bool| {
        outcomes
            .iter()
            .filter(|row| row.kb == kb && row.hresult.as_deref() == Some(&hresult))
            .filter(|row| live_too || !row.live)
            .map(|row| row.device.clone())
            .collect()
    };
    PlantedCluster {
        kb: kb.to_owned(),
        devices: members(true),
        devices_at_start: members(false),
        untried: ids(plan, |device| {
            device.damaged && device.current_attempts().next().is_none()
        }),
        cause: [("image".to_owned(), BAD_IMAGE.to_owned())].into(),
        damage: plan.damage.clone(),
        hresult,
    }
}

fn innocent(plan: &FleetPlan, outcomes: &[DeviceOutcome], cluster: &PlantedCluster) -> Innocent {
    let carriers: std::collections::BTreeSet<String> =
        ids(plan, |device| device.security == FOLLOWER)
            .into_iter()
            .collect();
    let (product, version) = FOLLOWER;
    Innocent {
        facts: [
            ("security_product".to_owned(), product.to_owned()),
            ("security_version".to_owned(), version.to_owned()),
        ]
        .into(),
        counter_examples: outcomes
            .iter()
            .filter(|row| row.kb == cluster.kb && row.outcome == Outcome::Succeeded)
            .filter(|row| carriers.contains(&row.device))
            .map(|row| row.device.clone())
            .collect(),
        failed_without: cluster
            .devices
            .iter()
            .filter(|device| !carriers.contains(*device))
            .cloned()
            .collect(),
    }
}

fn repair(plan: &FleetPlan) -> Repair {
    let family = FAMILY_17763;
    let build = format!("{}.{}", family.build, family.earlier.ubr);
    let end = plan.config.now_ms + plan.config.live_ms;
    Repair {
        depots: plan
            .depots
            .iter()
            .filter(|depot| depot.build == build && depot.language == "zh-CN")
            .cloned()
            .collect(),
        known_depots: plan.depots.clone(),
        peers: ids(plan, |device| {
            device.build == family.build
                && device.language == "zh-CN"
                && !device.damaged
                && device.dark_at_ms.is_none()
                && device.ubr_at(end) == family.earlier.ubr
        }),
        build,
    }
}
