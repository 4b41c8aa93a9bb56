//! One stored update event, as far as attempts are made of it.

use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind};

/// One stored update event; empty texts and `None` mean "not stated".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Identity.
    pub event_id: EventId,
    /// Fuller readings of one event have a higher version.
    pub version: u64,
    /// Which log.
    pub source_kind: SourceKind,
    /// Part of an update's life.
    pub phase: Phase,
    /// What happened.
    pub result: EventResult,
    /// Best estimate of when, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Final code of what the record speaks of.
    pub hresult: Option<u32>,
    /// KB as printed.
    pub kb: String,
    /// Package identity as printed.
    pub package: String,
    /// Title as printed.
    pub title: String,
    /// Component that spoke, or provider of an event-log record.
    pub source: String,
    /// What a record without a verdict of its own tells, such as a shutdown.
    pub detail: String,
    /// What a requested shutdown was to be: `restart`, `power off` …
    pub shutdown_kind: String,
    /// WinSxS key or assembly name.
    pub component: String,
    /// Version of the component.
    pub component_version: String,
    /// Its architecture.
    pub arch: String,
    /// File in it.
    pub file: String,
    /// Hash that the manifest demands.
    pub hash_expected: String,
    /// Package state that was wanted or reached.
    pub target_state: String,
    /// A reboot is needed to finish.
    pub reboot_required: Option<bool>,
}
