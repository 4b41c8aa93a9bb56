//! Rows as ClickHouse gives them, and what they become.

use clickhouse::Row;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind};
use serde::Deserialize;

use crate::attempts::Record;

/// Columns of [`EventRow`], in its order.
pub(super) const EVENT_COLUMNS: &str = "toString(device_id) AS device_id, event_id, \
    version, toString(source_kind) AS source_kind, toString(phase) AS phase, \
    toString(result) AS result, toUnixTimestamp64Milli(printed_at) AS printed_ms, \
    toUnixTimestamp64Milli(occurred_at) AS occurred_ms, \
    time_quality = 'suspect' AS suspect, \
    toUnixTimestamp64Milli(observed_at) AS observed_ms, \
    toUnixTimestamp64Milli(received_at) AS received_ms, hresult, toString(kb) AS kb, \
    package, toString(title) AS title, toString(source) AS source, \
    extra['detail'] AS detail, \
    extra['operation'] AS shutdown_kind, component, \
    toString(component_version) AS component_version, toString(arch) AS arch, file, \
    hash_expected, toString(target_state) AS target_state, reboot_required";

/// Records without a printed time share this bucket: 2000-01-01.
const NO_PRINTED_TIME_MS: i64 = 946_684_800_000;

/// One update event, as far as attempts need it.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct EventRow {
    pub(super) device_id: String,
    event_id: [u8; 16],
    version: u64,
    source_kind: String,
    phase: String,
    result: String,
    printed_ms: i64,
    occurred_ms: Option<i64>,
    suspect: bool,
    observed_ms: i64,
    received_ms: i64,
    hresult: Option<u32>,
    kb: String,
    package: String,
    title: String,
    source: String,
    detail: String,
    shutdown_kind: String,
    component: String,
    component_version: String,
    arch: String,
    file: String,
    hash_expected: String,
    target_state: String,
    reboot_required: Option<bool>,
}

impl EventRow {
    /// Local time minus UTC, where the record knows both.
    fn offset_ms(&self) -> Option<i64> {
        let local = (self.printed_ms != NO_PRINTED_TIME_MS).then_some(self.printed_ms)?;
        Some(local - self.occurred_ms?)
    }

    /// Best estimate of when it happened: UTC where known, else as printed
    /// less the device's usual offset, else when the collector read it.
    fn at_ms(&self, usual_offset_ms: i64) -> i64 {
        if self.suspect {
            return self.received_ms;
        }
        match self.occurred_ms {
            Some(utc) => utc,
            None if self.printed_ms == NO_PRINTED_TIME_MS => self.observed_ms,
            None => self.printed_ms - usual_offset_ms,
        }
    }
}

/// Turns the rows of one device into records; a row with a word that this
/// version does not know is left out.
pub(super) fn records(rows: Vec<EventRow>) -> Vec<Record> {
    let mut offsets: Vec<i64> = rows.iter().filter_map(EventRow::offset_ms).collect();
    offsets.sort_unstable();
    let usual_offset_ms = offsets.get(offsets.len() / 2).copied().unwrap_or_default();
    let records = rows
        .into_iter()
        .filter_map(|row| record(row, usual_offset_ms));
    records.collect()
}

fn record(row: EventRow, usual_offset_ms: i64) -> Option<Record> {
    Some(Record {
        event_id: EventId(row.event_id),
        version: row.version,
        source_kind: row.source_kind.parse::<SourceKind>().ok()?,
        phase: row.phase.parse::<Phase>().ok()?,
        result: row.result.parse::<EventResult>().ok()?,
        at_ms: row.at_ms(usual_offset_ms),
        hresult: row.hresult,
        kb: row.kb,
        package: row.package,
        title: row.title,
        source: row.source,
        detail: row.detail,
        shutdown_kind: row.shutdown_kind,
        component: row.component,
        component_version: row.component_version,
        arch: row.arch,
        file: row.file,
        hash_expected: row.hash_expected,
        target_state: row.target_state,
        reboot_required: row.reboot_required,
    })
}

/// A revision of a device's facts.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct FactsRow {
    pub(super) device_id: String,
    pub(super) observed_ms: i64,
    pub(super) facts: Vec<(String, String)>,
}

/// When a device was last heard of.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct PresenceRow {
    pub(super) device_id: String,
    pub(super) last_heard_ms: i64,
}

/// What is new of a device: digests of its rows since two moments.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct DigestRow {
    pub(super) device_id: String,
    pub(super) since: u64,
    pub(super) since_next: u64,
}

/// How many events of a device are stored.
#[derive(Debug, Clone, Row, Deserialize)]
pub(super) struct CountRow {
    pub(super) device_id: String,
    pub(super) events: u64,
}
