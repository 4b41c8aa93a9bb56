//! One row of a block, with the texts that it refers to.

use super::fault::RowFault;
use crate::event::{Extra, MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_TEXT_LEN, UpdateEvent};
use crate::generated::events::v1 as wire;
use crate::ids::EventId;

fn text(strings: &[Vec<u8>], reference: u32) -> Result<&str, RowFault> {
    if reference == 0 {
        return Ok("");
    }
    let bytes = strings
        .get(reference as usize)
        .ok_or(RowFault::Dangling(reference))?;
    std::str::from_utf8(bytes).map_err(|_| RowFault::NotUtf8(reference))
}

fn bounded(
    strings: &[Vec<u8>],
    field: &'static str,
    reference: u32,
    limit: usize,
) -> Result<String, RowFault> {
    let text = text(strings, reference)?;
    if text.len() > limit {
        return Err(RowFault::TooLong {
            field,
            len: text.len(),
        });
    }
    Ok(text.to_owned())
}

fn extras(strings: &[Vec<u8>], refs: &[u32]) -> Result<Extra, RowFault> {
    let (pairs, rest) = refs.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(RowFault::OddExtras);
    }
    if pairs.len() > MAX_EXTRA {
        return Err(RowFault::TooManyExtras(pairs.len()));
    }
    pairs
        .iter()
        .map(|[name, value]| {
            Ok((
                bounded(strings, "extra", *name, MAX_TEXT_LEN)?.into(),
                bounded(strings, "extra", *value, MAX_TEXT_LEN)?.into(),
            ))
        })
        .collect()
}

pub(super) fn decode_event(
    strings: &[Vec<u8>],
    event: &wire::Event,
) -> Result<UpdateEvent, RowFault> {
    let id: [u8; 16] = event
        .event_id
        .as_slice()
        .try_into()
        .map_err(|_| RowFault::EventId(event.event_id.len()))?;
    let field = |name, reference| bounded(strings, name, reference, MAX_TEXT_LEN);
    Ok(UpdateEvent {
        event_id: EventId(id),
        source_kind: text(strings, event.source_kind_ref)?.parse()?,
        phase: text(strings, event.phase_ref)?.parse()?,
        result: text(strings, event.result_ref)?.parse()?,
        time_source: text(strings, event.time_source_ref)?.parse()?,
        completeness: event.completeness,
        parser_version: event.parser_version,
        printed_at_ms: event.printed_at_ms,
        occurred_at_ms: event.occurred_at_ms,
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
        source: field("source", event.source_ref)?.into(),
        kb: field("kb", event.kb_ref)?,
        identifier: field("identifier", event.identifier_ref)?,
        package: field("package", event.package_ref)?,
        title: field("title", event.title_ref)?,
        update_guid: field("update_guid", event.update_guid_ref)?,
        component: field("component", event.component_ref)?,
        component_version: field("component_version", event.component_version_ref)?,
        arch: field("arch", event.arch_ref)?,
        file: field("file", event.file_ref)?,
        hash_expected: field("hash_expected", event.hash_expected_ref)?,
        hash_actual: field("hash_actual", event.hash_actual_ref)?,
        mark: field("mark", event.mark_ref)?,
        operation: field("operation", event.operation_ref)?,
        health: field("health", event.health_ref)?,
        client: field("client", event.client_ref)?,
        session_id: field("session_id", event.session_id_ref)?,
        failure_source: field("failure_source", event.failure_source_ref)?,
        start_state: field("start_state", event.start_state_ref)?,
        target_state: field("target_state", event.target_state_ref)?,
        origin: field("origin", event.origin_ref)?.into(),
        evidence: bounded(strings, "evidence", event.evidence_ref, MAX_EVIDENCE_LEN)?,
        extra: extras(strings, &event.extra_refs)?,
    })
}
