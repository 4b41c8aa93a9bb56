//! One row of a block: read from the wire, then judged by the texts and words
//! that it refers to.

use prost::DecodeError;
use prost::encoding::wire_type::check_wire_type;
use prost::encoding::{
    DecodeContext, WireType, bool, decode_key, decode_varint, fixed32, sint64, skip_field, uint32,
    uint64,
};

use super::block::{Block, Row, TEXT_NAMES, Text, TextField};
use super::fault::RowFault;
use crate::event::{MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_TEXT_LEN};
use crate::ids::EventId;
use crate::words::{EventResult, Phase, SourceKind, TimeSource, UnknownWord};

/// A row as it stands on the wire: words are references still.
#[derive(Default)]
pub(super) struct Wire {
    row: Row,
    event_id_len: usize,
    source_kind: u32,
    phase: u32,
    result: u32,
    time_source: u32,
}

/// The slice of a length-delimited field.
pub(super) fn slice<'a>(
    tag: u32,
    wire_type: WireType,
    bytes: &mut &'a [u8],
) -> Result<&'a [u8], DecodeError> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let all = *bytes;
    skip_field(wire_type, tag, bytes, DecodeContext::default())?;
    let mut field = &all[..all.len() - bytes.len()];
    decode_varint(&mut field)?;
    Ok(field)
}

impl Wire {
    /// Reads an event; its extra fields' references go to the block's.
    pub(super) fn read(mut bytes: &[u8], extras: &mut Vec<u32>) -> Result<Self, DecodeError> {
        let mut wire = Self::default();
        let first = extras.len();
        while !bytes.is_empty() {
            let (tag, wire_type) = decode_key(&mut bytes)?;
            wire.field(tag, wire_type, &mut bytes, extras)?;
        }
        // A block's rows are bounded, and so are their references.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        wire.row.extra = place(first)..place(extras.len());
        Ok(wire)
    }

    fn field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        bytes: &mut &[u8],
        extras: &mut Vec<u32>,
    ) -> Result<(), DecodeError> {
        let context = DecodeContext::default();
        let row = &mut self.row;
        if let Some(field) = text_field(tag) {
            return uint32::merge(wire_type, &mut row.texts[field], bytes, context);
        }
        let number = |of: &mut Option<u32>, bytes: &mut &[u8], context| {
            uint32::merge(wire_type, of.get_or_insert_default(), bytes, context)
        };
        let code = |of: &mut Option<u32>, bytes: &mut &[u8], context| {
            fixed32::merge(wire_type, of.get_or_insert_default(), bytes, context)
        };
        let time = |of: &mut Option<i64>, bytes: &mut &[u8], context| {
            sint64::merge(wire_type, of.get_or_insert_default(), bytes, context)
        };
        match tag {
            1 => {
                let id = slice(tag, wire_type, bytes)?;
                self.event_id_len = id.len();
                row.event_id = EventId(id.try_into().unwrap_or_default());
                Ok(())
            }
            2 => uint32::merge(wire_type, &mut self.source_kind, bytes, context),
            3 => uint32::merge(wire_type, &mut self.phase, bytes, context),
            4 => uint32::merge(wire_type, &mut self.result, bytes, context),
            5 => uint32::merge(wire_type, &mut row.completeness, bytes, context),
            6 => uint32::merge(wire_type, &mut row.parser_version, bytes, context),
            7 => time(&mut row.printed_at_ms, bytes, context),
            8 => time(&mut row.occurred_at_ms, bytes, context),
            9 => uint32::merge(wire_type, &mut self.time_source, bytes, context),
            10 => sint64::merge(wire_type, &mut row.observed_at_ms, bytes, context),
            11 => code(&mut row.hresult, bytes, context),
            12 => code(&mut row.nested_status, bytes, context),
            13 => code(&mut row.operation_result, bytes, context),
            20 => number(&mut row.revision, bytes, context),
            29 => number(&mut row.corruptions_detected, bytes, context),
            30 => number(&mut row.repaired, bytes, context),
            31 => number(&mut row.duration_s, bytes, context),
            38 => {
                let reboot = row.reboot_required.get_or_insert_default();
                bool::merge(wire_type, reboot, bytes, context)
            }
            39 => bool::merge(wire_type, &mut row.noise, bytes, context),
            40 => uint64::merge(wire_type, &mut row.position, bytes, context),
            43 => uint32::merge_repeated(wire_type, extras, bytes, context),
            _ => skip_field(wire_type, tag, bytes, context),
        }
    }
}

/// Which text a field of an event refers to.
fn text_field(tag: u32) -> Option<usize> {
    let field = match tag {
        14..=19 => tag - 14,
        21..=28 => tag - 15,
        32..=37 => tag - 18,
        41 | 42 => tag - 21,
        _ => return None,
    };
    Some(field as usize)
}

/// The last word read of each vocabulary: neighbours mostly say the same.
#[derive(Default)]
pub(super) struct Judge {
    source_kind: (u32, SourceKind),
    phase: (u32, Phase),
    result: (u32, EventResult),
    time_source: (u32, TimeSource),
}

impl Judge {
    /// Whether everything that a row refers to is there and possible; with the
    /// bytes of its texts.
    pub(super) fn row(&mut self, block: &Block, wire: Wire) -> Result<(Row, usize), RowFault> {
        let mut row = wire.row;
        if wire.event_id_len != row.event_id.0.len() {
            return Err(RowFault::EventId(wire.event_id_len));
        }
        row.source_kind = word(block, wire.source_kind, &mut self.source_kind)?;
        row.phase = word(block, wire.phase, &mut self.phase)?;
        row.result = word(block, wire.result, &mut self.result)?;
        row.time_source = word(block, wire.time_source, &mut self.time_source)?;
        let mut text_len = 0;
        for (field, (name, reference)) in TEXT_NAMES.into_iter().zip(row.texts).enumerate() {
            let limit = if field == TextField::Evidence as usize {
                MAX_EVIDENCE_LEN
            } else {
                MAX_TEXT_LEN
            };
            text_len += bounded(block, name, reference, limit)?;
        }
        let extras = &block.extras[row.extra.start as usize..row.extra.end as usize];
        if !extras.len().is_multiple_of(2) {
            return Err(RowFault::OddExtras);
        }
        if extras.len() / 2 > MAX_EXTRA {
            return Err(RowFault::TooManyExtras(extras.len() / 2));
        }
        for reference in extras {
            text_len += bounded(block, "extra", *reference, MAX_TEXT_LEN)?;
        }
        Ok((row, text_len))
    }
}

/// The text of a reference; `None` is the empty one.
fn found(block: &Block, reference: u32) -> Result<Option<Text>, RowFault> {
    if reference == 0 {
        return Ok(None);
    }
    match block.strings.get(reference as usize) {
        None => Err(RowFault::Dangling(reference)),
        Some(text) if !text.is_utf8 => Err(RowFault::NotUtf8(reference)),
        Some(text) => Ok(Some(*text)),
    }
}

fn bounded(
    block: &Block,
    field: &'static str,
    reference: u32,
    limit: usize,
) -> Result<usize, RowFault> {
    let len = found(block, reference)?.map_or(0, |text| text.len as usize);
    if len > limit {
        return Err(RowFault::TooLong { field, len });
    }
    Ok(len)
}

fn word<W: Copy + std::str::FromStr<Err = UnknownWord>>(
    block: &Block,
    reference: u32,
    known: &mut (u32, W),
) -> Result<W, RowFault> {
    if reference == 0 || known.0 != reference {
        found(block, reference)?;
        let text = String::from_utf8_lossy(block.text(reference));
        *known = (reference, text.parse()?);
    }
    Ok(known.1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::generated::events::v1 as wire;

    /// Bytes that are often fields of an event, and sometimes damaged.
    fn fields() -> impl Strategy<Value = Vec<u8>> {
        let field = (
            1_u32..45,
            0_u8..6,
            prop::collection::vec(any::<u8>(), 0..12),
        );
        let one = field.prop_map(|(tag, wire_type, rest)| {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(u64::from(tag) << 3 | u64::from(wire_type), &mut bytes);
            if wire_type == 2 {
                bytes.push(u8::try_from(rest.len()).unwrap());
            }
            bytes.extend(rest);
            bytes
        });
        prop::collection::vec(one, 0..6).prop_map(|fields| fields.concat())
    }

    proptest! {
        #[test]
        fn a_row_reads_as_the_generated_code_reads_it(bytes in fields()) {
            let mut extras = Vec::new();
            let ours = Wire::read(&bytes, &mut extras);
            let generated = wire::Event::decode(bytes.as_slice());
            prop_assert_eq!(ours.is_ok(), generated.is_ok());
            if let (Ok(ours), Ok(generated)) = (ours, generated) {
                let row = ours.row;
                prop_assert_eq!(ours.event_id_len, generated.event_id.len());
                prop_assert_eq!(extras, generated.extra_refs);
                prop_assert_eq!(row.printed_at_ms, generated.printed_at_ms);
                prop_assert_eq!(row.hresult, generated.hresult);
                prop_assert_eq!(row.duration_s, generated.duration_s);
                prop_assert_eq!(row.reboot_required, generated.reboot_required);
                prop_assert_eq!(row.position, generated.position);
                prop_assert_eq!(ours.phase, generated.phase_ref);
                prop_assert_eq!(row.text(TextField::UpdateGuid), generated.update_guid_ref);
                prop_assert_eq!(row.text(TextField::Operation), generated.operation_ref);
                prop_assert_eq!(row.text(TextField::TargetState), generated.target_state_ref);
                prop_assert_eq!(row.text(TextField::Evidence), generated.evidence_ref);
            }
        }
    }
}
