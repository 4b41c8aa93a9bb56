//! Sealed batches: packing events into a zstd block, and unpacking them.
//!
//! The gateway handles the envelope only. Whoever unpacks gets every row that
//! is sound, and for every other row its number and the reason: one bad row
//! never costs its neighbours.

use std::collections::HashMap;

use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use sha2::{Digest, Sha256};

use crate::event::{
    FactsSnapshot, Health, MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_FACTS, MAX_TEXT_LEN, UpdateEvent,
};
use crate::generated::events::v1 as wire;
use crate::ids::EventId;
use crate::telemetry::Batch;
use crate::words::UnknownWord;

/// Layout of the payload that this code writes.
pub const FORMAT: u32 = 1;

/// Largest payload once unpacked, in bytes.
pub const MAX_UNPACKED_LEN: u32 = 8 * 1024 * 1024;

/// Largest payload as sent, in bytes.
pub const MAX_PAYLOAD_LEN: usize = 2 * 1024 * 1024;

/// Most text of all events of a block together, in bytes: rows share strings in
/// the block and own them once decoded.
pub const MAX_TEXT_TOTAL: usize = 32 * 1024 * 1024;

/// Most events in one batch.
pub const MAX_EVENTS: usize = 5_000;

/// Most strings in one block: every text of every event a different one.
const MAX_STRINGS: usize = MAX_EVENTS * (26 + 2 * MAX_EXTRA);

const ZSTD_LEVEL: i32 = 1;

/// What goes into a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Update events, oldest first.
    pub events: Vec<UpdateEvent>,
    /// Device facts, when they changed or the collector just started.
    pub facts: Option<FactsSnapshot>,
    /// The collector's own health, in heartbeats.
    pub health: Option<Health>,
}

/// A batch that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// More than [`MAX_EVENTS`], or larger than the limits once packed.
    #[error("batch of {events} events is too large to seal; split it")]
    TooLarge {
        /// Events offered.
        events: usize,
    },
    /// zstd gave up.
    #[error("compress the batch")]
    Compress(#[source] std::io::Error),
}

/// A batch that cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The layout is newer than this code: park it for a newer store.
    #[error("batch format {found} is newer than {FORMAT}")]
    NewerFormat {
        /// The layout that the envelope states.
        found: u32,
    },
    /// The payload is not what the envelope says.
    #[error("batch payload does not match its envelope: {what}")]
    Mismatch {
        /// Which statement does not hold.
        what: &'static str,
    },
    /// Not a zstd frame, or cut.
    #[error("decompress the batch")]
    Decompress(#[source] std::io::Error),
    /// Not a block.
    #[error("decode the block")]
    Decode(#[source] prost::DecodeError),
}

/// A row that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// 0-based number of the row in its block.
    pub row: u32,
    /// Why, for a person.
    pub reason: String,
}

/// What came out of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unpacked {
    /// Everything that is sound.
    pub contents: Contents,
    /// Everything that is not.
    pub rejected: Vec<RejectedRow>,
}

/// First eight bytes of the SHA-256 of a payload, big endian.
pub fn checksum(payload: &[u8]) -> u64 {
    let digest = Sha256::digest(payload);
    digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Seals contents into an envelope; identity fields, epoch, sequence and
/// sending time are the caller's.
///
/// # Errors
/// [`PackError::TooLarge`] asks for smaller batches.
pub fn pack(contents: &Contents) -> Result<Batch, PackError> {
    let events = contents.events.len();
    let too_large = || PackError::TooLarge { events };
    let block = encode_block(contents);
    let unpacked_len = u32::try_from(block.encoded_len()).map_err(|_| too_large())?;
    let payload =
        zstd::bulk::compress(&block.encode_to_vec(), ZSTD_LEVEL).map_err(PackError::Compress)?;
    if events > MAX_EVENTS || unpacked_len > MAX_UNPACKED_LEN || payload.len() > MAX_PAYLOAD_LEN {
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

/// Opens a sealed batch.
///
/// # Errors
/// See [`UnpackError`]; single bad rows are no error but
/// [`Unpacked::rejected`].
pub fn unpack(batch: &Batch) -> Result<Unpacked, UnpackError> {
    if batch.format > FORMAT {
        return Err(UnpackError::NewerFormat {
            found: batch.format,
        });
    }
    if batch.unpacked_len > MAX_UNPACKED_LEN {
        return Err(UnpackError::Mismatch {
            what: "unpacked length over the limit",
        });
    }
    if checksum(&batch.payload) != batch.checksum {
        return Err(UnpackError::Mismatch { what: "checksum" });
    }
    let bytes = zstd::bulk::decompress(&batch.payload, batch.unpacked_len as usize)
        .map_err(UnpackError::Decompress)?;
    if bytes.len() != batch.unpacked_len as usize {
        return Err(UnpackError::Mismatch {
            what: "unpacked length",
        });
    }
    check_size(&bytes)?;
    let block = wire::Block::decode(bytes.as_slice()).map_err(UnpackError::Decode)?;
    if block.events.len() != batch.event_count as usize {
        return Err(UnpackError::Mismatch {
            what: "event count",
        });
    }
    decode_block(block)
}

/// Counts rows and strings before they are decoded: an empty row takes two
/// bytes in a block and hundreds in memory, so a block within its size limit
/// could still exhaust a store.
fn check_size(mut block: &[u8]) -> Result<(), UnpackError> {
    let (mut strings, mut events) = (0_usize, 0_usize);
    while !block.is_empty() {
        let (tag, wire_type) = decode_key(&mut block).map_err(UnpackError::Decode)?;
        match tag {
            1 => strings += 1,
            2 => events += 1,
            _ => {}
        }
        if events > MAX_EVENTS || strings > MAX_STRINGS {
            return Err(UnpackError::Mismatch {
                what: "rows or strings over the limit",
            });
        }
        skip_field(wire_type, tag, &mut block, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
    }
    Ok(())
}

/// Size of the payload's frame once unpacked, as its zstd header declares it;
/// `None` where the header is damaged or silent. Costs no decompression.
pub fn declared_len(payload: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(payload)
        .ok()
        .flatten()
}

#[derive(Default)]
struct StringTable<'a> {
    index: HashMap<&'a str, u32>,
    strings: Vec<Vec<u8>>,
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

fn encode_block(contents: &Contents) -> wire::Block {
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
        health: contents.health.map(|health| wire::Health {
            started_at_ms: health.started_at_ms,
            lag_bytes: health.lag_bytes,
            unsent_events: health.unsent_events,
            spool_bytes: health.spool_bytes,
            refused_batches: health.refused_batches,
            skipped_lines: health.skipped_lines,
            dropped_events: health.dropped_events,
        }),
    }
}

fn encode_event<'a>(table: &mut StringTable<'a>, event: &'a UpdateEvent) -> wire::Event {
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

fn decode_block(block: wire::Block) -> Result<Unpacked, UnpackError> {
    let mut unpacked = Unpacked::default();
    let mut text_len = 0;
    for (row, event) in (0..).zip(&block.events) {
        match decode_event(&block.strings, event) {
            Ok(event) => {
                text_len += event.text_len();
                unpacked.contents.events.push(event);
            }
            Err(reason) => unpacked.rejected.push(RejectedRow {
                row,
                reason: reason.to_string(),
            }),
        }
        if text_len > MAX_TEXT_TOTAL {
            return Err(UnpackError::Mismatch {
                what: "texts over the limit",
            });
        }
    }
    unpacked.contents.facts = block.facts.map(|facts| FactsSnapshot {
        revision: facts.revision,
        observed_at_ms: facts.observed_at_ms,
        facts: facts.facts.into_iter().take(MAX_FACTS).collect(),
    });
    unpacked.contents.health = block.health.map(|health| Health {
        started_at_ms: health.started_at_ms,
        lag_bytes: health.lag_bytes,
        unsent_events: health.unsent_events,
        spool_bytes: health.spool_bytes,
        refused_batches: health.refused_batches,
        skipped_lines: health.skipped_lines,
        dropped_events: health.dropped_events,
    });
    Ok(unpacked)
}

/// Why a row is rejected.
#[derive(Debug, thiserror::Error)]
enum RowFault {
    #[error("event id of {0} bytes instead of 16")]
    EventId(usize),
    #[error("string {0} is not in the block's table")]
    Dangling(u32),
    #[error("string {0} is not UTF-8")]
    NotUtf8(u32),
    #[error("{field} of {len} bytes is over the limit")]
    TooLong { field: &'static str, len: usize },
    #[error("{0} extra fields are over the limit")]
    TooManyExtras(usize),
    #[error("an extra name without a value")]
    OddExtras,
    #[error(transparent)]
    Word(#[from] UnknownWord),
}

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

fn extras(
    strings: &[Vec<u8>],
    refs: &[u32],
) -> Result<std::collections::BTreeMap<String, String>, RowFault> {
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
                bounded(strings, "extra", *name, MAX_TEXT_LEN)?,
                bounded(strings, "extra", *value, MAX_TEXT_LEN)?,
            ))
        })
        .collect()
}

fn decode_event(strings: &[Vec<u8>], event: &wire::Event) -> Result<UpdateEvent, RowFault> {
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
        source: field("source", event.source_ref)?,
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
        origin: field("origin", event.origin_ref)?,
        evidence: bounded(strings, "evidence", event.evidence_ref, MAX_EVIDENCE_LEN)?,
        extra: extras(strings, &event.extra_refs)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::{EventResult, Phase};

    fn event(kb: &str, evidence: &str) -> UpdateEvent {
        UpdateEvent {
            event_id: EventId([7; 16]),
            phase: Phase::Install,
            result: EventResult::Fail,
            hresult: Some(0x800f_0985),
            printed_at_ms: Some(1_673_427_600_000),
            kb: kb.to_owned(),
            evidence: evidence.to_owned(),
            extra: [("category".to_owned(), "CorruptPayloadFile".to_owned())].into(),
            ..UpdateEvent::default()
        }
    }

    fn block_with(strings: Vec<Vec<u8>>, events: Vec<wire::Event>) -> Batch {
        let event_count = u32::try_from(events.len()).unwrap();
        let bytes = wire::Block {
            strings,
            events,
            facts: None,
            health: None,
        }
        .encode_to_vec();
        let payload = zstd::bulk::compress(&bytes, ZSTD_LEVEL).unwrap();
        Batch {
            format: FORMAT,
            event_count,
            unpacked_len: u32::try_from(bytes.len()).unwrap(),
            checksum: checksum(&payload),
            payload,
            ..Batch::default()
        }
    }

    #[test]
    fn a_batch_opens_to_what_was_packed() {
        let contents = Contents {
            events: vec![event("KB5022286", "one"), event("KB5022286", "two")],
            facts: Some(FactsSnapshot {
                revision: 3,
                observed_at_ms: 5,
                facts: [("ubr".to_owned(), "3770".to_owned())].into(),
            }),
            health: Some(Health {
                lag_bytes: 9,
                ..Health::default()
            }),
        };
        let batch = pack(&contents).unwrap();
        assert_eq!(
            declared_len(&batch.payload),
            Some(u64::from(batch.unpacked_len))
        );
        let unpacked = unpack(&batch).unwrap();
        assert_eq!(unpacked.contents, contents);
        assert_eq!(unpacked.rejected, []);
    }

    #[test]
    fn a_batch_of_the_first_release_still_opens() {
        let payload = hex(include_str!("testdata/batch_v1.hex"));
        let batch = Batch {
            format: 1,
            event_count: 1,
            unpacked_len: u32::try_from(declared_len(&payload).unwrap()).unwrap(),
            checksum: checksum(&payload),
            payload,
            ..Batch::default()
        };
        let unpacked = unpack(&batch).unwrap();
        assert_eq!(unpacked.contents.events, [event("KB5022286", "golden")]);
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.trim().as_bytes();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn one_row_that_is_not_utf8_does_not_cost_its_neighbour() {
        let mut table = StringTable::default();
        let good = event("KB5022286", "sound");
        let bad = event("KB5021237", "broken");
        let rows = vec![
            encode_event(&mut table, &good),
            encode_event(&mut table, &bad),
        ];
        let mut strings = table.strings;
        let broken = strings.iter().position(|text| text == b"broken").unwrap();
        strings[broken] = vec![0xff, 0xfe];
        let unpacked = unpack(&block_with(strings, rows)).unwrap();
        assert_eq!(unpacked.contents.events, [good]);
        assert_eq!(unpacked.rejected.len(), 1);
        assert_eq!(unpacked.rejected[0].row, 1);
        assert!(unpacked.rejected[0].reason.contains("UTF-8"));
    }

    #[test]
    fn an_unknown_word_rejects_its_row_with_the_word() {
        let mut table = StringTable::default();
        let sound = event("KB5022286", "x");
        let row = encode_event(&mut table, &sound);
        let mut strings = table.strings;
        let word = strings.iter().position(|text| text == b"fail").unwrap();
        strings[word] = b"explode".to_vec();
        let unpacked = unpack(&block_with(strings, vec![row])).unwrap();
        assert!(unpacked.rejected[0].reason.contains("explode"));
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let mut batch = pack(&Contents::default()).unwrap();
        batch.format = FORMAT + 1;
        assert!(matches!(
            unpack(&batch),
            Err(UnpackError::NewerFormat { found: 2 })
        ));
    }

    #[test]
    fn a_frame_that_unpacks_to_more_than_declared_is_refused() {
        let mut batch = pack(&Contents {
            events: vec![event("KB5022286", "x")],
            ..Contents::default()
        })
        .unwrap();
        batch.unpacked_len -= 1;
        assert!(unpack(&batch).is_err());
    }

    #[test]
    fn a_block_of_a_million_empty_rows_is_refused_before_it_is_decoded() {
        let block = [0x12, 0x00].repeat(1_000_000);
        let payload = zstd::bulk::compress(&block, ZSTD_LEVEL).unwrap();
        let batch = Batch {
            format: FORMAT,
            event_count: 1_000_000,
            unpacked_len: u32::try_from(block.len()).unwrap(),
            checksum: checksum(&payload),
            payload,
            ..Batch::default()
        };
        assert!(matches!(unpack(&batch), Err(UnpackError::Mismatch { .. })));
    }

    #[test]
    fn a_small_block_that_decodes_to_a_flood_of_text_is_refused() {
        let long = "x".repeat(MAX_EVIDENCE_LEN);
        let wordy = UpdateEvent {
            title: long[..MAX_TEXT_LEN].to_owned(),
            extra: (0..16)
                .map(|number| (format!("name{number}"), long[..MAX_TEXT_LEN].to_owned()))
                .collect(),
            ..event("KB5022286", &long)
        };
        let flood = pack(&Contents {
            events: vec![wordy; MAX_EVENTS],
            ..Contents::default()
        })
        .unwrap();
        assert!(flood.payload.len() < 100_000);
        assert!(matches!(unpack(&flood), Err(UnpackError::Mismatch { .. })));
    }

    proptest! {
        #[test]
        fn no_payload_makes_unpack_panic(payload: Vec<u8>, unpacked_len in 0u32..100_000) {
            let batch = Batch {
                format: FORMAT,
                event_count: 1,
                unpacked_len,
                checksum: checksum(&payload),
                payload,
                ..Batch::default()
            };
            prop_assert!(unpack(&batch).is_err());
        }
    }
}
