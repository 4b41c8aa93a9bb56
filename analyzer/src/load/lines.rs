//! What is told of one device: lines of its page and of the API.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything that is known of one device, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct DeviceTimeline {
    /// Identity.
    pub device_id: String,
    /// How its collector is doing; `None` if it never connected.
    pub presence: Option<PresenceLine>,
    /// Revisions of its facts.
    pub facts: Vec<FactsLine>,
    /// Attempts of every KB.
    pub attempts: Vec<AttemptLine>,
    /// Update events without noise, at most 500.
    pub events: Vec<TimelineEvent>,
}

/// When a device was last heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PresenceLine {
    /// By the gateway's clock.
    pub last_heard_ms: i64,
    /// Device clock minus the gateway's.
    pub clock_skew_ms: i64,
    /// Version of the collector.
    pub collector_version: String,
    /// Bytes not read yet.
    pub lag_bytes: u64,
    /// Two machines speak with one identity.
    pub cloned: bool,
}

/// A revision of a device's facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct FactsLine {
    /// When the device read them.
    pub observed_at_ms: i64,
    /// All of them.
    pub facts: BTreeMap<String, String>,
}

/// One try of one KB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct AttemptLine {
    /// `KB5022286`.
    pub kb: String,
    /// 1 for the first.
    pub number: u32,
    /// First sign of it.
    pub started_at_ms: i64,
    /// Verdict, or the newest sign.
    pub ended_at_ms: i64,
    /// `succeeded`, `failed`, `rolled_back`, `pending_reboot`, `cancelled`, `unknown`, `gone_silent`.
    pub outcome: String,
    /// Phase in which it stands or ended.
    pub phase: String,
    /// Final code, `0x800f0985`, or empty.
    pub hresult: String,
    /// Name of the code, or empty.
    pub symbol: String,
    /// Ids of the events that say so.
    pub evidence: Vec<String>,
}

/// One update event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct TimelineEvent {
    /// 32 hex digits.
    pub event_id: String,
    /// Best known time: UTC where known, else as printed.
    pub at_ms: i64,
    /// Whether `at_ms` is known as UTC.
    pub utc: bool,
    /// Whether `at_ms` was brought to UTC by the device's usual offset.
    pub by_offset: bool,
    /// `cbs`, `event_log` …
    pub source_kind: String,
    /// Name of the log or channel.
    pub origin: String,
    /// Line or record number.
    pub position: u64,
    /// Phase.
    pub phase: String,
    /// Result.
    pub result: String,
    /// Code, or empty.
    pub hresult: String,
    /// Name of the code, or empty.
    pub symbol: String,
    /// KB, or empty.
    pub kb: String,
    /// Component, or empty.
    pub component: String,
    /// File, or empty.
    pub file: String,
    /// The record's text, masked.
    pub evidence: String,
    /// Who brought the log by hand, or empty.
    pub imported_by: String,
    /// From where, or empty.
    pub imported_from: String,
}
