//! What happens to every device of a fleet, before a single line is rendered.
//!
//! The plan is the truth: logs, facts, ledger and expectations are all drawn
//! from it and never from each other.

pub mod family;

use serde::{Deserialize, Serialize};

pub use self::family::{FAMILY_17763, FAMILY_19044, Family, Kb, UBR_WITHOUT_FAMILY, family};

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// What fleet to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanConfig {
    /// Devices with a collector.
    pub devices: usize,
    /// Same seed and `now_ms`, same fleet.
    pub seed: u64,
    /// Where history ends and live begins, milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// How long the live phase lasts.
    pub live_ms: i64,
}

/// A damaged component file, as the logs of its device name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedFile {
    /// amd64, wow64 …
    pub arch: String,
    /// Assembly, lower case, without version and hash.
    pub assembly: String,
    /// File inside the component.
    pub file: String,
    /// Version of the component.
    pub component_version: String,
    /// Folder name in the component store.
    pub component: String,
    /// SHA-256 that the manifest demands.
    pub hash_expected: String,
    /// SHA-256 of what lies there.
    pub hash_actual: String,
}

/// Where an attempt breaks, and thus which records tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// Content cannot be fetched.
    Download,
    /// The package cannot be staged or installed.
    Staging,
    /// Work at boot fails and is undone.
    AfterReboot,
    /// A component file of the image is damaged.
    Hydration,
}

/// How one attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Installed, rebooted, verified.
    Succeeded,
    /// Ended with a result code.
    Failed {
        /// Final HRESULT.
        hresult: u32,
        /// Where.
        breaks: Breaks,
    },
    /// Installed; nobody has rebooted yet.
    PendingReboot,
    /// Called off.
    Cancelled,
    /// The device went into the servicing reboot and was not heard of again.
    WentSilent,
}

/// One try of one KB on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptPlan {
    /// What is installed.
    pub kb: Kb,
    /// Download begins, UTC.
    pub started_at_ms: i64,
    /// Last record of the attempt, UTC; after `now_ms` when it ends live.
    pub ended_at_ms: i64,
    /// How it ends.
    pub fate: Fate,
}

/// Kind of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Back-office computer.
    Pc,
    /// Counter.
    Teller,
    /// Cash machine.
    Atm,
    /// Self-service terminal.
    Kiosk,
}

impl Class {
    /// The word in facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pc => "pc",
            Self::Teller => "teller",
            Self::Atm => "atm",
            Self::Kiosk => "kiosk",
        }
    }
}

/// One endpoint: what it is and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePlan {
    /// Identity, lower case.
    pub id: String,
    /// Computer name as event logs print it.
    pub hostname: String,
    /// Kind of endpoint.
    pub class: Class,
    /// 0 to 3.
    pub ring: u8,
    /// Branch, for example `zj-0042`.
    pub branch: String,
    /// Province, for example `zj`.
    pub province: &'static str,
    /// Golden image.
    pub image: &'static str,
    /// Hardware.
    pub model: &'static str,
    /// Driver of the mass storage, follows the model.
    pub driver_storage: &'static str,
    /// Language of Windows and of update titles.
    pub language: &'static str,
    /// Build family.
    pub build: u32,
    /// Security product and version.
    pub security: (&'static str, &'static str),
    /// Update server.
    pub wsus: &'static str,
    /// Room on the system drive.
    pub free_disk_gb: i64,
    /// Zone of its clock.
    pub utc_offset_minutes: i32,
    /// How far its clock runs ahead.
    pub clock_skew_s: i64,
    /// Why a person took it out of the rollout.
    pub excluded: Option<&'static str>,
    /// Holds the damaged files.
    pub damaged: bool,
    /// `CBS.log` was rotated once in its history.
    pub rotates: bool,
    /// Has a dism.log.
    pub has_dism: bool,
    /// Its collector stops then, once everything is receipted.
    pub dark_at_ms: Option<i64>,
    /// In time order.
    pub attempts: Vec<AttemptPlan>,
    /// Stream for the small print of its logs.
    pub stream: u64,
}

impl DevicePlan {
    /// Level after every attempt that succeeded before `at_ms`.
    pub fn ubr_at(&self, at_ms: i64) -> u32 {
        let base = family(self.build).map_or(UBR_WITHOUT_FAMILY, |family| family.base_ubr);
        self.attempts
            .iter()
            .filter(|attempt| attempt.fate == Fate::Succeeded && attempt.ended_at_ms <= at_ms)
            .map(|attempt| attempt.kb.ubr)
            .fold(base, u32::max)
    }

    /// Whether an installed update waits for a reboot at `at_ms`.
    pub fn pending_reboot_at(&self, at_ms: i64) -> bool {
        self.attempts.last().is_some_and(|attempt| {
            matches!(attempt.fate, Fate::PendingReboot | Fate::WentSilent)
                && attempt.ended_at_ms <= at_ms
        })
    }

    /// Its attempts of the update that rolls out now.
    pub fn current_attempts(&self) -> impl Iterator<Item = &AttemptPlan> {
        let current = family(self.build).map(|family| family.current.number);
        self.attempts
            .iter()
            .filter(move |attempt| Some(attempt.kb.number) == current)
    }
}

/// A read-only share that holds the component store of one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depot {
    /// Name for people.
    pub name: String,
    /// What follows `/Source:`.
    pub path: String,
    /// `17763.3770`.
    pub build: String,
    /// Edition.
    pub edition: String,
    /// Language.
    pub language: String,
}

/// A whole fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetPlan {
    /// What was asked for.
    pub config: PlanConfig,
    /// Every device with a collector.
    pub devices: Vec<DevicePlan>,
    /// Devices on the target list without a collector.
    pub uncollected: Vec<DevicePlan>,
    /// What is broken in the bad image.
    pub damage: Vec<DamagedFile>,
    /// Shares to repair from.
    pub depots: Vec<Depot>,
}
