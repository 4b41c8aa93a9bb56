//! The smaller tables as ClickHouse sees them: one struct per table, borrowed
//! from what the store owns. Events go by [`super::columns`].

use std::collections::BTreeMap;

use clickhouse::Row;
use kbwatch_proto::event::FactsSnapshot;
use serde::{Serialize, Serializer};

use super::dead_letter::DeadLetter;
use super::time_quality::tick;

/// The fuller reading wins, then the newer grammar.
pub(crate) fn version(event: &kbwatch_proto::batch::Row) -> u64 {
    (u64::from(event.completeness) << 32) | u64::from(event.parser_version)
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
