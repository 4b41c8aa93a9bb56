//! One stored update event, as far as attempts are made of it.

use kbwatch_proto::event::UpdateEvent;
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

impl From<&UpdateEvent> for Record {
    /// Of an event whose time in UTC is known; else its printed time stands.
    fn from(event: &UpdateEvent) -> Self {
        let extra = |key: &str| {
            let value = event.extra.get(key);
            value.map_or_else(String::new, ToString::to_string)
        };
        let at_ms = event.occurred_at_ms.or(event.printed_at_ms);
        Self {
            event_id: event.event_id,
            version: (u64::from(event.completeness) << 32) | u64::from(event.parser_version),
            source_kind: event.source_kind,
            phase: event.phase,
            result: event.result,
            at_ms: at_ms.unwrap_or(event.observed_at_ms),
            hresult: event.hresult,
            kb: event.kb.clone(),
            package: event.package.clone(),
            title: event.title.clone(),
            source: event.source.to_string(),
            detail: extra("detail"),
            shutdown_kind: extra("operation"),
            component: event.component.clone(),
            component_version: event.component_version.clone(),
            arch: event.arch.clone(),
            file: event.file.clone(),
            hash_expected: event.hash_expected.clone(),
            target_state: event.target_state.clone(),
            reboot_required: event.reboot_required,
        }
    }
}
