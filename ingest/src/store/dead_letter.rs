//! What could not be stored: the sealed batch once, whole, with the reasons.
//!
//! A letter's id is a hash of the record, so a redelivered record writes the
//! same letter again.

use kbwatch_proto::batch::RejectedRow;
use kbwatch_proto::hex;
use kbwatch_proto::journal::JournalRecord;
use prost::Message;
use sha2::{Digest, Sha256};

/// Why a letter was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterKind {
    /// Nothing of the batch is stored.
    Batch,
    /// Single rows are not stored; the others are.
    Rows,
    /// A newer format, waiting for a newer store.
    Parked,
    /// It was parked, and a newer store took it up.
    Unparked,
    /// Someone had it opened again, and all of it is stored by now.
    Replayed,
}

impl LetterKind {
    /// The word in the table and in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Rows => "rows",
            Self::Parked => "parked",
            Self::Unparked => "unparked",
            Self::Replayed => "replayed",
        }
    }
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) id: [u8; 16],
    pub(crate) device_id: String,
    pub(crate) received_at_ms: i64,
    pub(crate) kind: LetterKind,
    pub(crate) reason: String,
    pub(crate) rows: Vec<RejectedRow>,
    pub(crate) event_count: u32,
    pub(crate) record: Vec<u8>,
}

impl DeadLetter {
    /// A letter about a record that could be read.
    pub(crate) fn of(record: &JournalRecord, kind: LetterKind, reason: String) -> Self {
        let bytes = record.encode_to_vec();
        Self {
            id: letter_id(&bytes),
            device_id: record.device_id.clone(),
            received_at_ms: record.received_at_ms,
            kind,
            reason,
            rows: Vec::new(),
            event_count: record.batch.as_ref().map_or(0, |batch| batch.event_count),
            record: bytes,
        }
    }

    /// Keeps the record in the bytes in which it came.
    pub(crate) fn keep_bytes(&mut self, raw: Vec<u8>) {
        self.id = letter_id(&raw);
        self.record = raw;
    }

    /// The mark that all of a letter is stored by now: it takes the letter's
    /// place.
    pub(crate) fn taken_up(parked: Parked) -> Self {
        let kind = if parked.kind == LetterKind::Parked.as_str() {
            LetterKind::Unparked
        } else {
            LetterKind::Replayed
        };
        Self {
            id: parked.letter_id,
            device_id: parked.device_id,
            received_at_ms: parked.received_at,
            kind,
            reason: String::new(),
            rows: Vec::new(),
            event_count: parked.event_count,
            record: Vec::new(),
        }
    }

    /// A letter about bytes that are no record; `key` is what the journal
    /// filed them under, and is not trusted.
    pub(crate) fn of_bytes(bytes: &[u8], key: &[u8], received_at_ms: i64, reason: String) -> Self {
        let key: String = String::from_utf8_lossy(key).chars().take(128).collect();
        Self {
            id: letter_id(bytes),
            device_id: key,
            received_at_ms,
            kind: LetterKind::Batch,
            reason,
            rows: Vec::new(),
            event_count: 0,
            record: bytes.to_vec(),
        }
    }
}

/// A letter as it is read back, to be opened again.
#[derive(Debug, clickhouse::Row, serde::Deserialize)]
pub(crate) struct Parked {
    pub(crate) letter_id: [u8; 16],
    pub(crate) device_id: String,
    pub(crate) received_at: i64,
    pub(crate) event_count: u32,
    /// The word in the table.
    pub(crate) kind: String,
    /// Hexadecimal.
    pub(crate) record_hex: String,
}

impl Parked {
    /// The record as it lay there; `None` for damaged text.
    pub(crate) fn record(&self) -> Option<Vec<u8>> {
        hex::decode(&self.record_hex)
    }
}

fn letter_id(record: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(record);
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redelivered_record_writes_the_same_letter() {
        let record = JournalRecord {
            device_id: "pc-1".to_owned(),
            ..JournalRecord::default()
        };
        let first = DeadLetter::of(&record, LetterKind::Batch, "damaged".to_owned());
        let again = DeadLetter::of(&record, LetterKind::Batch, "damaged".to_owned());
        assert_eq!(first, again);
    }
}
