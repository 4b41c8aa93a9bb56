//! The tables as ClickHouse sees them: one struct per table, borrowed from
//! what the store owns.

use std::collections::BTreeMap;

use clickhouse::Row;
use kbwatch_proto::event::{Extra, FactsSnapshot, UpdateEvent};
use serde::{Serialize, Serializer};

use super::dead_letter::DeadLetter;
use super::time_quality::{filed_at, tick, time_quality};

/// A row of `update_events`; times are milliseconds.
#[derive(Row, Serialize)]
pub(crate) struct EventRow<'a> {
    device_id: &'a str,
    event_id: [u8; 16],
    source_kind: &'static str,
    phase: &'static str,
    result: &'static str,
    printed_at: i64,
    occurred_at: Option<i64>,
    time_source: &'static str,
    time_quality: &'static str,
    observed_at: i64,
    received_at: i64,
    version: u64,
    hresult: Option<u32>,
    nested_status: Option<u32>,
    operation_result: Option<u32>,
    kb: &'a str,
    identifier: &'a str,
    package: &'a str,
    title: &'a str,
    update_guid: &'a str,
    revision: Option<u32>,
    source: &'a str,
    component: &'a str,
    component_version: &'a str,
    arch: &'a str,
    file: &'a str,
    hash_expected: &'a str,
    hash_actual: &'a str,
    mark: &'a str,
    operation: &'a str,
    corruptions_detected: Option<u32>,
    repaired: Option<u32>,
    duration_s: Option<u32>,
    health: &'a str,
    client: &'a str,
    session_id: &'a str,
    failure_source: &'a str,
    start_state: &'a str,
    target_state: &'a str,
    reboot_required: Option<bool>,
    noise: bool,
    position: u64,
    origin: &'a str,
    evidence: &'a str,
    extra: &'a Extra,
}

/// The fuller reading wins, then the newer grammar.
pub(crate) fn version(event: &UpdateEvent) -> u64 {
    (u64::from(event.completeness) << 32) | u64::from(event.parser_version)
}

impl<'a> EventRow<'a> {
    pub(crate) fn of(device_id: &'a str, received_at_ms: i64, event: &'a UpdateEvent) -> Self {
        Self {
            device_id,
            event_id: event.event_id.0,
            source_kind: event.source_kind.as_str(),
            phase: event.phase.as_str(),
            result: event.result.as_str(),
            printed_at: filed_at(event),
            occurred_at: event.occurred_at_ms.map(tick),
            time_source: event.time_source.as_str(),
            time_quality: time_quality(event, received_at_ms),
            observed_at: tick(event.observed_at_ms),
            received_at: tick(received_at_ms),
            version: version(event),
            hresult: event.hresult,
            nested_status: event.nested_status,
            operation_result: event.operation_result,
            kb: &event.kb,
            identifier: &event.identifier,
            package: &event.package,
            title: &event.title,
            update_guid: &event.update_guid,
            revision: event.revision,
            source: &event.source,
            component: &event.component,
            component_version: &event.component_version,
            arch: &event.arch,
            file: &event.file,
            hash_expected: &event.hash_expected,
            hash_actual: &event.hash_actual,
            mark: &event.mark,
            operation: &event.operation,
            corruptions_detected: event.corruptions_detected,
            repaired: event.repaired,
            duration_s: event.duration_s,
            health: &event.health,
            client: &event.client,
            session_id: &event.session_id,
            failure_source: &event.failure_source,
            start_state: &event.start_state,
            target_state: &event.target_state,
            reboot_required: event.reboot_required,
            noise: event.noise,
            position: event.position,
            origin: &event.origin,
            evidence: &event.evidence,
            extra: &event.extra,
        }
    }
}

/// A row of `device_facts`.
#[derive(Row, Serialize)]
pub(crate) struct FactsRow<'a> {
    device_id: &'a str,
    revision: u64,
    observed_at: i64,
    received_at: i64,
    facts: &'a BTreeMap<String, String>,
}

impl<'a> FactsRow<'a> {
    pub(crate) fn of(device_id: &'a str, received_at_ms: i64, facts: &'a FactsSnapshot) -> Self {
        Self {
            device_id,
            revision: facts.revision,
            observed_at: tick(facts.observed_at_ms),
            received_at: tick(received_at_ms),
            facts: &facts.facts,
        }
    }
}

/// A row of `dead_letters`.
#[derive(Row, Serialize)]
pub(crate) struct LetterRow<'a> {
    letter_id: [u8; 16],
    device_id: &'a str,
    received_at: i64,
    kind: &'static str,
    reason: &'a str,
    rows: Vec<(u32, &'a str)>,
    event_count: u32,
    record: Bytes<'a>,
}

impl<'a> LetterRow<'a> {
    pub(crate) fn of(letter: &'a DeadLetter) -> Self {
        Self {
            letter_id: letter.id,
            device_id: &letter.device_id,
            received_at: tick(letter.received_at_ms),
            kind: letter.kind.as_str(),
            reason: &letter.reason,
            rows: letter
                .rows
                .iter()
                .map(|rejected| (rejected.row, rejected.reason.as_str()))
                .collect(),
            event_count: letter.event_count,
            record: Bytes(&letter.record),
        }
    }
}

/// A String column that holds bytes.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
