//! The identity of an update event: the same record read twice is the same
//! event.
//!
//! An id is derived from what the log printed, never from what a parser made
//! of it, nor from a file's name or offset: CBS.log becomes `CbsPersist_*.log`
//! and then a .cab, parsers improve, time offsets are re-estimated, and a
//! re-read must still meet the row that it wrote before.
//!
//! The hash is fast, not secret: whoever may speak for a device may name its
//! events as it likes anyway, and rows of different devices never meet, as the
//! device is part of their key.

use std::fmt;

use twox_hash::XxHash3_128;

use crate::words::SourceKind;

/// Version of the derivation; part of every id.
pub const ID_VERSION: u8 = 2;

/// Longest stretch of a head line that counts, in bytes.
pub const MAX_ANCHOR_LEN: usize = 64 * 1024;

/// 128-bit identity of an update event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct EventId(pub [u8; 16]);

impl EventId {
    /// Derives the id of a text record.
    ///
    /// `head` is the record's first line; a UTF-8 byte order mark, CR and
    /// trailing blanks do not count. `row` is the event's own line where one
    /// record gives several events, else empty.
    pub fn of_text(device_id: &str, kind: SourceKind, head: &[u8], row: &[u8]) -> Self {
        let kind = kind.as_str().as_bytes();
        let parts = [device_id.as_bytes(), kind, trim_line(head), trim_line(row)];
        derive(&parts)
    }

    /// Derives the id of an event-log record from its channel, its
    /// `EventRecordID` and its `SystemTime` as printed in the event's XML,
    /// cut to whole seconds: renderers differ in the fraction's digits.
    pub fn of_event_log(device_id: &str, channel: &str, record_id: u64, system_time: &str) -> Self {
        let kind = SourceKind::EventLog.as_str().as_bytes();
        let seconds = system_time.get(..19).unwrap_or(system_time);
        derive(&[
            device_id.as_bytes(),
            kind,
            channel.as_bytes(),
            &record_id.to_be_bytes(),
            seconds.replacen(' ', "T", 1).as_bytes(),
        ])
    }

    /// Reads 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let value = u128::from_str_radix(text, 16).ok()?;
        (text.len() == 32).then_some(Self(value.to_be_bytes()))
    }
}

/// Parts of this total length are put together on the stack.
const USUAL_LEN: usize = 512;

/// XXH3-128 of the version and the parts, each with its length first, so that
/// no two different lists of parts hash the same bytes.
fn derive(parts: &[&[u8]]) -> EventId {
    const LENGTH_LEN: usize = size_of::<u64>();
    let total = 1 + parts
        .iter()
        .map(|part| LENGTH_LEN + part.len())
        .sum::<usize>();
    let (mut usual, mut long);
    let bytes = if total <= USUAL_LEN {
        usual = [0; USUAL_LEN];
        &mut usual[..total]
    } else {
        long = vec![0; total];
        &mut long[..]
    };
    bytes[0] = ID_VERSION;
    let mut at = 1;
    for part in parts {
        let (length, text) = bytes[at..].split_at_mut(LENGTH_LEN);
        length.copy_from_slice(&(part.len() as u64).to_be_bytes());
        text[..part.len()].copy_from_slice(part);
        at += LENGTH_LEN + part.len();
    }
    EventId(XxHash3_128::oneshot(bytes).to_be_bytes())
}

fn trim_line(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = &line[..line.len().min(MAX_ANCHOR_LEN)];
    line.trim_ascii_end()
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_cr_and_trailing_blanks_do_not_change_the_id() {
        let plain = EventId::of_text("pc-1", SourceKind::Cbs, b"2023-01-11 09:00:00, Info", b"");
        let dressed = EventId::of_text(
            "pc-1",
            SourceKind::Cbs,
            b"\xef\xbb\xbf2023-01-11 09:00:00, Info \t\r\n",
            b"",
        );
        assert_eq!(plain, dressed);
    }

    #[test]
    fn device_kind_and_row_each_change_the_id() {
        let base = EventId::of_text("pc-1", SourceKind::Cbs, b"head", b"");
        assert_ne!(
            base,
            EventId::of_text("pc-2", SourceKind::Cbs, b"head", b"")
        );
        assert_ne!(
            base,
            EventId::of_text("pc-1", SourceKind::Dism, b"head", b"")
        );
        assert_ne!(
            base,
            EventId::of_text("pc-1", SourceKind::Cbs, b"head", b"row")
        );
        assert_ne!(
            base,
            EventId::of_text("pc-1", SourceKind::Cbs, b"", b"head")
        );
    }

    #[test]
    fn an_event_record_keeps_its_id_across_renderings() {
        let xml = EventId::of_event_log("pc-1", "System", 7, "2023-01-11T09:00:00.123456700Z");
        let evtx = EventId::of_event_log("pc-1", "System", 7, "2023-01-11 09:00:00.123456 UTC");
        assert_eq!(xml, evtx);
    }

    #[test]
    fn a_long_head_hashes_like_a_short_one_byte_by_byte() {
        let long = "x".repeat(USUAL_LEN);
        let id = |head: &str| EventId::of_text("pc-1", SourceKind::Cbs, head.as_bytes(), b"row");
        assert_ne!(id(&long), id(&long[1..]));
        let changed = format!("{}y", &long[1..]);
        assert_ne!(id(&long), id(&changed));
    }

    #[test]
    fn ids_stay_what_they_were_when_this_version_began() {
        let id = EventId::of_text("pc-1", SourceKind::Cbs, b"head", b"row");
        assert_eq!(EventId::from_hex(&id.to_string()), Some(id));
        assert_eq!(id.to_string(), "18fbc8f98993ab3d0d03912af00063de");
    }
}
