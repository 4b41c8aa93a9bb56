//! Unpacking: what a block says of itself is checked before it is believed, and
//! every row is judged by itself.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::fault::{RejectedRow, UnpackError};
use super::row::decode_event;
use super::{
    FORMAT, MAX_EVENTS, MAX_FACT_ENTRIES, MAX_SOURCE_ENTRIES, MAX_STRINGS, MAX_TEXT_TOTAL,
    MAX_UNPACKED_LEN, Unpacked, checksum, health,
};
use crate::event::{FactsSnapshot, MAX_FACTS};
use crate::generated::events::v1 as wire;
use crate::telemetry::Batch;

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

/// Field of the facts in a `Facts`, and of the sources in a `Health`.
const FACTS_FIELD: u32 = 3;
const SOURCES_FIELD: u32 = 9;

/// Counts rows, strings, facts and sources before they are decoded: an empty row takes
/// two bytes in a block and hundreds in memory, so a block within its size limit
/// could still exhaust a store.
fn check_size(mut block: &[u8]) -> Result<(), UnpackError> {
    let (mut strings, mut events) = (0_usize, 0_usize);
    let (mut facts, mut sources) = (0_usize, 0_usize);
    while !block.is_empty() {
        let (tag, wire_type) = decode_key(&mut block).map_err(UnpackError::Decode)?;
        let field = block;
        skip_field(wire_type, tag, &mut block, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
        match tag {
            1 => strings += 1,
            2 => events += 1,
            3 if wire_type == WireType::LengthDelimited => {
                facts += count_fields(&field[..field.len() - block.len()], FACTS_FIELD)?;
            }
            4 if wire_type == WireType::LengthDelimited => {
                sources += count_fields(&field[..field.len() - block.len()], SOURCES_FIELD)?;
            }
            _ => {}
        }
        let rows = events > MAX_EVENTS || strings > MAX_STRINGS;
        if rows || facts > MAX_FACT_ENTRIES || sources > MAX_SOURCE_ENTRIES {
            return Err(UnpackError::Mismatch {
                what: "rows, strings, facts or sources over the limit",
            });
        }
    }
    Ok(())
}

/// How often a field stands in one length-delimited message.
fn count_fields(mut message: &[u8], wanted: u32) -> Result<usize, UnpackError> {
    let mut entries = 0;
    decode_varint(&mut message).map_err(UnpackError::Decode)?;
    while !message.is_empty() {
        let (tag, wire_type) = decode_key(&mut message).map_err(UnpackError::Decode)?;
        skip_field(wire_type, tag, &mut message, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
        entries += usize::from(tag == wanted);
    }
    Ok(entries)
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
    if let Some(facts) = block.facts {
        match decode_facts(facts) {
            Ok(facts) => unpacked.contents.facts = Some(facts),
            Err(reason) => unpacked.rejected_facts = Some(reason),
        }
    }
    unpacked.contents.health = block.health.map(health::decode);
    Ok(unpacked)
}

/// All facts or none: a part of a revision would be another revision.
fn decode_facts(facts: wire::Facts) -> Result<FactsSnapshot, String> {
    let count = facts.facts.len();
    if count > MAX_FACTS {
        return Err(format!("{count} facts are over the limit of {MAX_FACTS}"));
    }
    Ok(FactsSnapshot {
        revision: facts.revision,
        observed_at_ms: facts.observed_at_ms,
        facts: facts.facts.into_iter().collect(),
    })
}
