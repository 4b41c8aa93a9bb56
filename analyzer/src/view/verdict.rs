//! May a ring go on: the verdict, what it rests on, and what a person decided.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::Rate;

/// What the figures say of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Neither proven: go on slowly, or wait.
    #[default]
    Watch,
    /// Proven to fail no more than usual and a margin.
    Go,
    /// The update is failing beyond the usual here.
    Stop,
}

impl Verdict {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Go => "go",
            Self::Stop => "stop",
        }
    }

    /// The verdict that a word names.
    pub fn of(word: &str) -> Self {
        match word {
            "go" => Self::Go,
            "stop" => Self::Stop,
            _ => Self::Watch,
        }
    }
}

/// A ring of a rollout: what is said of it now, what was said before, and what
/// a person made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct RingVerdict {
    /// Ring; empty for targets without one.
    pub ring: String,
    /// What the figures say at this moment.
    pub verdict: Verdict,
    /// The figures of this moment.
    pub evidence: RingEvidence,
    /// Every verdict as it was given, newest first; later data change none.
    #[serde(serialize_with = "in_order")]
    pub given: Vec<Arc<GivenVerdict>>,
    /// What people decided, newest first.
    pub decisions: Vec<Decision>,
}

fn in_order<S: Serializer>(given: &[Arc<GivenVerdict>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(given.iter().map(AsRef::as_ref))
}

/// A verdict as it was given, with its evidence as it stood then.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct GivenVerdict {
    /// Counts from 1 for each ring of a rollout.
    pub number: u32,
    /// What was said.
    pub verdict: Verdict,
    /// When.
    pub given_at_ms: i64,
    /// Which version of kbwatch said so.
    pub code_version: String,
    /// On what it rests.
    pub evidence: RingEvidence,
}

/// What a person decided on a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Decision {
    /// `go`, `stop` or `hold`.
    pub decision: String,
    /// Who decided, as they said.
    pub who: String,
    /// Why.
    pub why: String,
    /// When.
    pub decided_at_ms: i64,
    /// Number of the verdict that stood then; 0: none.
    pub verdict_number: u32,
    /// That verdict, or empty.
    pub verdict: String,
    /// By which way it came: `api` or `command`.
    pub via: String,
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct RingEvidence {
    /// Release that was rolled out.
    pub release: String,
    /// Its KBs.
    pub kbs: Vec<String>,
    /// Devices of the ring, without those taken out, excused or not concerned.
    pub targets: u64,
    /// Failure rate by the one definition.
    pub rate: Rate,
    /// Began and were never heard of again: they count as failed below.
    pub gone_silent: u64,
    /// Verified, and still heard of after the soak that follows the reboot.
    pub soaked: u64,
    /// Failed, gone silent or soaked: the devices that the bound rests on.
    pub settled: u64,
    /// Hours that a device must have lived with the update to count as soaked.
    pub soak_h: u32,
    /// Upper bound of the failure rate, valid however often one looks, with
    /// branches that fail together counted as fewer devices.
    pub upper: f64,
    /// What is usual for this kind of update; `None` where nothing tells.
    pub usual_rate: Option<f64>,
    /// Usual rate plus the margin: below it the ring may go on.
    pub limit: Option<f64>,
    /// How sure it is that the rate lies below the limit; of a stop, how sure
    /// that it is no chance.
    pub confidence: f64,
    /// Certainty that is asked for.
    pub confidence_wanted: f64,
    /// Further devices that must settle, failing as usual, until it can be go;
    /// `None` where that cannot be said.
    pub needed: Option<u64>,
    /// Device classes of the whole rollout, and how far this ring covers them.
    pub classes: Vec<ClassCover>,
    /// Open clusters of the release's KBs.
    pub clusters: Vec<RingCluster>,
    /// What stands between the ring and go: `cluster`, `cluster_elsewhere`,
    /// `outside`, `no_usual`, `rate`, `classes`, `nothing_settled`.
    pub blockers: Vec<String>,
    /// Devices and records that speak: all that failed, up to a limit, then
    /// some that soaked.
    pub witnesses: Vec<Witness>,
    /// Newest data that was seen.
    pub data_at_ms: i64,
}

/// One device class of a rollout, in one ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ClassCover {
    /// `atm` …
    pub class: String,
    /// Devices of the class in the whole rollout.
    pub in_rollout: u64,
    /// Devices of the class in this ring that settled.
    pub settled: u64,
    /// Devices that must settle before it says anything.
    pub wanted: u64,
}

/// An open cluster of a release, seen from one ring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct RingCluster {
    /// Its id.
    pub id: String,
    /// Its code, or empty.
    pub hresult: String,
    /// Devices of this ring that fail so.
    pub failed_here: u64,
    /// Devices that fail so anywhere.
    pub failed: u64,
    /// Chance of it at the usual rate, where that was kept.
    pub p_value: Option<f64>,
    /// Where the trouble lies if not in the update.
    pub outside: String,
}

/// A device that a verdict rests on, and the records that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Witness {
    /// Identity.
    pub device_id: String,
    /// How its attempt stood: `failed`, `gone_silent`, `succeeded` …
    pub outcome: String,
    /// When that attempt ended.
    pub at_ms: i64,
    /// Ids of the records, verdict first, as hex.
    pub evidence: Vec<String>,
}
