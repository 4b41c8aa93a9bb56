//! Unpacking: what a block says of itself is checked before it is believed, and
//! every row is judged by itself.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::fault::{RejectedRow, UnpackError};
use super::row::decode_event;
use super::{
    FORMAT, MAX_EVENTS, MAX_FACT_ENTRIES, MAX_STRINGS, MAX_TEXT_TOTAL, MAX_UNPACKED_LEN, Unpacked,
    checksum,
};
use crate::event::{FactsSnapshot, Health, MAX_FACTS};
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

/// Counts rows, strings and facts before they are decoded: an empty row takes
/// two bytes in a block and hundreds in memory, so a block within its size limit
/// could still exhaust a store.
fn check_size(mut block: &[u8]) -> Result<(), UnpackError> {
    let (mut strings, mut events, mut facts) = (0_usize, 0_usize, 0_usize);
    while !block.is_empty() {
        let (tag, wire_type) = decode_key(&mut block).map_err(UnpackError::Decode)?;
        let field = block;
        skip_field(wire_type, tag, &mut block, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
        match tag {
            1 => strings += 1,
            2 => events += 1,
            3 if wire_type == WireType::LengthDelimited => {
                facts += count_facts(&field[..field.len() - block.len()])?;
            }
            _ => {}
        }
        if events > MAX_EVENTS || strings > MAX_STRINGS || facts > MAX_FACT_ENTRIES {
            return Err(UnpackError::Mismatch {
                what: "rows, strings or facts over the limit",
            });
        }
    }
    Ok(())
}

/// Entries of one length-delimited `Facts`.
fn count_facts(mut facts: &[u8]) -> Result<usize, UnpackError> {
    let mut entries = 0;
    decode_varint(&mut facts).map_err(UnpackError::Decode)?;
    while !facts.is_empty() {
        let (tag, wire_type) = decode_key(&mut facts).map_err(UnpackError::Decode)?;
        skip_field(wire_type, tag, &mut facts, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
        entries += usize::from(tag == 3);
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
    unpacked.contents.health = block.health.map(|health| Health {
        started_at_ms: health.started_at_ms,
        lag_bytes: health.lag_bytes,
        unsent_events: health.unsent_events,
        spool_bytes: health.spool_bytes,
        refused_batches: health.refused_batches,
        skipped_lines: health.skipped_lines,
        dropped_events: health.dropped_events,
        sent_bytes_24h: health.sent_bytes_24h,
    });
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
