//! Packing: texts into one table, rows that point into it, a zstd frame around
//! both.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use prost::Message;

use super::fault::PackError;
use super::{
    Contents, FORMAT, MAX_EVENTS, MAX_PAYLOAD_LEN, MAX_TEXT_TOTAL, MAX_UNPACKED_LEN, ZSTD_LEVEL,
    checksum, health,
};
use crate::event::UpdateEvent;
use crate::generated::events::v1 as wire;
use crate::telemetry::Batch;

/// Seals contents into an envelope; identity fields, epoch, sequence and
/// sending time are the caller's. What is sealed can be opened again.
///
/// # Errors
/// [`PackError::TooLarge`] asks for smaller batches.
pub fn pack(contents: &Contents) -> Result<Batch, PackError> {
    let events = contents.events.len();
    let too_large = || PackError::TooLarge { events };
    // Rows share texts in the block and own them once opened.
    let text_len: usize = contents.events.iter().map(UpdateEvent::text_len).sum();
    if events > MAX_EVENTS || text_len > MAX_TEXT_TOTAL {
        return Err(too_large());
    }
    let block = encode_block(contents);
    let unpacked_len = u32::try_from(block.encoded_len()).map_err(|_| too_large())?;
    let payload =
        zstd::bulk::compress(&block.encode_to_vec(), ZSTD_LEVEL).map_err(PackError::Compress)?;
    if unpacked_len > MAX_UNPACKED_LEN || payload.len() > MAX_PAYLOAD_LEN {
        return Err(too_large());
    }
    Ok(Batch {
        format: FORMAT,
        event_count: u32::try_from(events).map_err(|_| too_large())?,
        unpacked_len,
        checksum: checksum(&payload),
        payload,
        ..Batch::default()
    })
}

#[derive(Default)]
pub(super) struct StringTable<'a> {
    /// A text per event and field passes through: hashing is a cost of its own.
    index: HashMap<&'a str, u32, RandomState>,
    pub(super) strings: Vec<Vec<u8>>,
}

impl<'a> StringTable<'a> {
    /// Reference of a text; 0 for the empty one.
    fn refer(&mut self, text: &'a str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if self.strings.is_empty() {
            self.strings.push(Vec::new());
        }
        *self.index.entry(text).or_insert_with(|| {
            self.strings.push(text.as_bytes().to_vec());
            u32::try_from(self.strings.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

pub(super) fn encode_block(contents: &Contents) -> wire::Block {
    let mut table = StringTable::default();
    let events = contents
        .events
        .iter()
        .map(|event| encode_event(&mut table, event))
        .collect();
    wire::Block {
        events,
        strings: table.strings,
        facts: contents.facts.as_ref().map(|facts| wire::Facts {
            revision: facts.revision,
            observed_at_ms: facts.observed_at_ms,
            facts: facts.facts.clone().into_iter().collect(),
        }),
        health: contents.health.as_ref().map(health::encode),
    }
}

pub(super) fn encode_event<'a>(table: &mut StringTable<'a>, event: &'a UpdateEvent) -> wire::Event {
    wire::Event {
        event_id: event.event_id.0.to_vec(),
        source_kind_ref: table.refer(event.source_kind.as_str()),
        phase_ref: table.refer(event.phase.as_str()),
        result_ref: table.refer(event.result.as_str()),
        completeness: event.completeness,
        parser_version: event.parser_version,
        printed_at_ms: event.printed_at_ms,
        occurred_at_ms: event.occurred_at_ms,
        time_source_ref: table.refer(event.time_source.as_str()),
        observed_at_ms: event.observed_at_ms,
        noise: event.noise,
        position: event.position,
        revision: event.revision,
        hresult: event.hresult,
        nested_status: event.nested_status,
        operation_result: event.operation_result,
        corruptions_detected: event.corruptions_detected,
        repaired: event.repaired,
        duration_s: event.duration_s,
        reboot_required: event.reboot_required,
        source_ref: table.refer(&event.source),
        kb_ref: table.refer(&event.kb),
        identifier_ref: table.refer(&event.identifier),
        package_ref: table.refer(&event.package),
        title_ref: table.refer(&event.title),
        update_guid_ref: table.refer(&event.update_guid),
        component_ref: table.refer(&event.component),
        component_version_ref: table.refer(&event.component_version),
        arch_ref: table.refer(&event.arch),
        file_ref: table.refer(&event.file),
        hash_expected_ref: table.refer(&event.hash_expected),
        hash_actual_ref: table.refer(&event.hash_actual),
        mark_ref: table.refer(&event.mark),
        operation_ref: table.refer(&event.operation),
        health_ref: table.refer(&event.health),
        client_ref: table.refer(&event.client),
        session_id_ref: table.refer(&event.session_id),
        failure_source_ref: table.refer(&event.failure_source),
        start_state_ref: table.refer(&event.start_state),
        target_state_ref: table.refer(&event.target_state),
        origin_ref: table.refer(&event.origin),
        evidence_ref: table.refer(&event.evidence),
        extra_refs: event
            .extra
            .iter()
            .flat_map(|(name, value)| [table.refer(name), table.refer(value)])
            .collect(),
    }
}
