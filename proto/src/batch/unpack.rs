//! Unpacking: what a block says of itself is checked before it is believed, and
//! every row is judged by itself.

use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::block::{Block, Row, Text};
use super::fault::{RejectedRow, UnpackError};
use super::row::{Judge, Wire, slice};
use super::{
    Contents, FORMAT, MAX_EVENTS, MAX_FACT_ENTRIES, MAX_SOURCE_ENTRIES, MAX_STRINGS,
    MAX_TEXT_TOTAL, MAX_UNPACKED_LEN, Unpacked, Unsealed, checksum, health,
};
use crate::event::{FactsSnapshot, MAX_EXTRA, MAX_FACTS};
use crate::generated::events::v1 as wire;
use crate::telemetry::Batch;

/// Opens a sealed batch into events that own their texts; whoever handles many
/// takes [`unseal`].
///
/// # Errors
/// See [`UnpackError`]; single bad rows are no error but
/// [`Unpacked::rejected`].
pub fn unpack(batch: &Batch) -> Result<Unpacked, UnpackError> {
    let unsealed = unseal(batch)?;
    let block = &unsealed.block;
    Ok(Unpacked {
        contents: Contents {
            events: block.rows.iter().map(|row| block.event(row)).collect(),
            facts: unsealed.facts,
            health: unsealed.health,
        },
        rejected: unsealed.rejected,
        rejected_facts: unsealed.rejected_facts,
    })
}

/// Opens a sealed batch into rows that point at the texts of its block.
///
/// # Errors
/// See [`UnpackError`]; single bad rows are no error but
/// [`Unsealed::rejected`].
pub fn unseal(batch: &Batch) -> Result<Unsealed, UnpackError> {
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
    let parts = Parts::of(&bytes)?;
    if parts.events.len() != batch.event_count as usize {
        return Err(UnpackError::Mismatch {
            what: "event count",
        });
    }
    let facts: Option<wire::Facts> = merged(&parts.facts)?;
    let health: Option<wire::Health> = merged(&parts.health)?;
    let Parts {
        strings, events, ..
    } = parts;
    let mut unsealed = judge(bytes, strings, &events)?;
    unsealed.health = health.map(health::decode);
    match facts.map(decode_facts).transpose() {
        Ok(facts) => unsealed.facts = facts,
        Err(reason) => unsealed.rejected_facts = Some(reason),
    }
    Ok(unsealed)
}

/// Field of the facts in a `Facts`, and of the sources in a `Health`.
const FACTS_FIELD: u32 = 3;
const SOURCES_FIELD: u32 = 9;

/// Where a part lies in the unpacked bytes.
type Place = std::ops::Range<usize>;

/// The parts of a block, found and counted and not decoded yet: an empty row
/// takes two bytes in a block and hundreds in memory, so a block within its size
/// limit could still exhaust a store.
struct Parts<'a> {
    strings: Vec<Text>,
    events: Vec<Place>,
    /// Several of these are parts of one, as protobuf has it.
    facts: Vec<&'a [u8]>,
    health: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, UnpackError> {
        let mut parts = Self {
            strings: Vec::new(),
            events: Vec::new(),
            facts: Vec::new(),
            health: Vec::new(),
        };
        let (mut facts, mut sources) = (0_usize, 0_usize);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (tag, wire_type) = decode_key(&mut rest).map_err(UnpackError::Decode)?;
            if !(1..=4).contains(&tag) {
                skip_field(wire_type, tag, &mut rest, DecodeContext::default())
                    .map_err(UnpackError::Decode)?;
                continue;
            }
            let field = slice(tag, wire_type, &mut rest).map_err(UnpackError::Decode)?;
            let start = bytes.len() - rest.len() - field.len();
            match tag {
                1 => parts.strings.push(text(field, start)),
                2 => parts.events.push(start..start + field.len()),
                3 => {
                    facts += count_fields(field, FACTS_FIELD)?;
                    parts.facts.push(field);
                }
                _ => {
                    sources += count_fields(field, SOURCES_FIELD)?;
                    parts.health.push(field);
                }
            }
            let rows = parts.events.len() > MAX_EVENTS || parts.strings.len() > MAX_STRINGS;
            if rows || facts > MAX_FACT_ENTRIES || sources > MAX_SOURCE_ENTRIES {
                return Err(UnpackError::Mismatch {
                    what: "rows, strings, facts or sources over the limit",
                });
            }
        }
        Ok(parts)
    }
}

fn merged<M: Message + Default>(parts: &[&[u8]]) -> Result<Option<M>, UnpackError> {
    let mut message = None;
    for part in parts {
        let message = message.get_or_insert_with(M::default);
        message.merge(*part).map_err(UnpackError::Decode)?;
    }
    Ok(message)
}

fn text(field: &[u8], start: usize) -> Text {
    // An unpacked block is within MAX_UNPACKED_LEN.
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Text {
        start: place(start),
        len: place(field.len()),
        is_utf8: std::str::from_utf8(field).is_ok(),
    }
}

/// How often a field stands in a message.
fn count_fields(mut message: &[u8], wanted: u32) -> Result<usize, UnpackError> {
    let mut entries = 0;
    while !message.is_empty() {
        let (tag, wire_type) = decode_key(&mut message).map_err(UnpackError::Decode)?;
        skip_field(wire_type, tag, &mut message, DecodeContext::default())
            .map_err(UnpackError::Decode)?;
        entries += usize::from(tag == wanted);
    }
    Ok(entries)
}

/// References of further fields for which room is kept after a row that was
/// rejected.
const MAX_SPARE_EXTRAS: usize = 64 * MAX_EXTRA;

/// Reads every row, and parts those that are sound from those that are not.
fn judge(bytes: Vec<u8>, strings: Vec<Text>, events: &[Place]) -> Result<Unsealed, UnpackError> {
    let mut block = Block {
        rows: Vec::with_capacity(events.len()),
        bytes,
        strings,
        ..Block::default()
    };
    let mut rejected = Vec::new();
    let mut judge = Judge::default();
    for (number, place) in (0..).zip(events) {
        let extras = block.extras.len();
        let wire = Wire::read(&block.bytes[place.clone()], &mut block.extras);
        let wire = wire.map_err(UnpackError::Decode)?;
        match judge.row(&block, wire) {
            Ok((row, text_len)) => {
                block.text_len += text_len;
                block.rows.push(Row { number, ..row });
            }
            Err(reason) => {
                block.extras.truncate(extras);
                // A row may refer millions of times: none of that is kept.
                block.extras.shrink_to(extras + MAX_SPARE_EXTRAS);
                rejected.push(RejectedRow {
                    row: number,
                    reason: reason.to_string(),
                });
            }
        }
        if block.text_len > MAX_TEXT_TOTAL {
            return Err(UnpackError::Mismatch {
                what: "texts over the limit",
            });
        }
    }
    Ok(Unsealed {
        block,
        rejected,
        ..Unsealed::default()
    })
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
