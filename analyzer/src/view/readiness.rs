//! Which devices are not ready for the next patch day, and why.

use serde::Serialize;

/// The fleet before patch day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Readiness {
    /// Devices that were looked at.
    pub devices: u64,
    /// Devices without a reason against them.
    pub ready: u64,
    /// Devices by reason; one device may have several.
    pub by_reason: Vec<(String, u64)>,
    /// Those that are not ready, worst first.
    pub unready: Vec<UnreadyDevice>,
}

/// A device that will probably fail or not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct UnreadyDevice {
    /// Identity.
    pub device_id: String,
    /// Ring, as the server's list or else the device says.
    pub ring: String,
    /// Branch, as the device says.
    pub branch: String,
    /// Class, as the device says.
    pub class: String,
    /// 100: nothing against it; lower is worse.
    pub score: u8,
    /// What speaks against it, worst first.
    pub reasons: Vec<UnreadyReason>,
}

/// One thing that speaks against a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct UnreadyReason {
    /// `store_corrupt`, `disk_full`, `disk_low`, `pending_reboot`, `silent`,
    /// `dark_in_reboot`.
    pub reason: String,
    /// What was read: gigabytes free, or empty.
    pub value: String,
    /// Since when, or when it was read.
    pub at_ms: i64,
    /// Ids of the records that say so, as hex; a fact or a silence has none.
    pub evidence: Vec<String>,
}
