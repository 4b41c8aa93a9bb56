//! What was tried against a cluster, and whether it healed.

use serde::Serialize;

/// One kind of cure, over all devices of a cluster on which it was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Cure {
    /// `restore_health`: the component store was repaired; `other_update`:
    /// another update went in; `retry`: the update was tried again, and nothing
    /// else was done.
    pub what: String,
    /// Devices on which it was tried.
    pub devices: u64,
    /// Of these, not tried the update again since.
    pub waiting: u64,
    /// The next try of the update after it, where there was one.
    pub after: HealRate,
    /// The same of devices that nothing was done to, at equal age: their first
    /// try of the update as long after the first failure. `None` where there is
    /// none, and for retries, which are what is compared with.
    pub untreated: Option<HealRate>,
    /// Devices, with the records that say so; those that healed first.
    pub evidence: Vec<CureEvidence>,
}

/// How often the update then went in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct HealRate {
    /// Devices with a verdict.
    pub devices: u64,
    /// Of these, healed; of untreated ones as many as weigh like the treated.
    pub healed: f64,
    /// Healed ÷ devices.
    pub value: f64,
    /// 95 % interval (Wilson).
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// One device on which a cure was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct CureEvidence {
    /// Identity.
    pub device_id: String,
    /// When the cure began.
    pub at_ms: i64,
    /// What the next try of the update came to: `succeeded`, `failed`,
    /// `rolled_back`, or empty where there was none yet.
    pub outcome: String,
    /// Ids of the events of cure and try, as hex.
    pub evidence: Vec<String>,
}
