//! Logs that devices cannot read, and so do not tell of.

use serde::Serialize;

/// Devices that cannot read a log, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct UnreadableLog {
    /// Word of the source kind, `cbs`.
    pub source: String,
    /// `absent`, `denied`, `in_use`, `not_a_file`, `damaged` or `failed`.
    pub reason: String,
    /// Devices.
    pub devices: u64,
    /// Some of them, longest trouble first; at most 200.
    pub some: Vec<UnreadableDevice>,
}

/// A device that cannot read a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct UnreadableDevice {
    /// Identity.
    pub device_id: String,
    /// Since when, by the device's clock.
    pub since_ms: i64,
    /// When it was last heard.
    pub last_heard_ms: i64,
    /// How many logs of this source.
    pub logs: u32,
}
