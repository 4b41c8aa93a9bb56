//! Opens whatever comes from the journal, and outlives it: a batch at which the
//! decoder breaks would break every store that takes it next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kbwatch_proto::journal::JournalRecord;
use prost::Message as _;
use tracing::error;

use super::dead_letter::{DeadLetter, LetterKind};
use super::opened::{Opened, open_unreadable, whole};
use super::taken::{Content, Raw};
use super::unpack::{open, open_parked};
use crate::Metrics;

/// Opens what was taken; what cannot be opened becomes a dead letter.
pub(super) fn open_any(content: Content, metrics: &Metrics) -> Opened {
    match content {
        Content::Record(record) => surely(&record, metrics, |record| open(record, None, metrics)),
        Content::Bytes(raw) => open_raw(raw, metrics),
        Content::Parked(record, parked) => open_parked(&record, parked, metrics),
    }
}

fn open_raw(raw: Raw, metrics: &Metrics) -> Opened {
    let record = match JournalRecord::decode(raw.bytes.as_slice()) {
        Ok(record) => record,
        Err(error) => {
            let reason = format!("no journal record: {error}");
            let letter = DeadLetter::of_bytes(&raw.bytes, &raw.key, raw.written_at_ms, reason);
            return open_unreadable(letter, metrics);
        }
    };
    let mut opened = surely(&record, metrics, |record| open(record, None, metrics));
    if let Some(letter) = &mut opened.letter {
        letter.keep_bytes(raw.bytes);
    }
    opened
}

fn surely(
    record: &JournalRecord,
    metrics: &Metrics,
    open: impl FnOnce(&JournalRecord) -> Opened,
) -> Opened {
    // What it had begun is dropped, and counted as given back.
    catch_unwind(AssertUnwindSafe(|| open(record))).unwrap_or_else(|_| {
        error!(
            device_id = record.device_id,
            "a batch broke its decoder: it lies in the dead letters, to be reported"
        );
        let reason = "the decoder broke at it".to_owned();
        whole(record, metrics, LetterKind::Batch, reason)
    })
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::telemetry::Batch;

    use super::*;
    use crate::metrics::Fate;

    #[test]
    fn a_batch_that_breaks_the_decoder_becomes_a_dead_letter() {
        let metrics = Metrics::default();
        let record = JournalRecord {
            device_id: "pc-1".to_owned(),
            batch: Some(Batch {
                event_count: 7,
                ..Batch::default()
            }),
            ..JournalRecord::default()
        };
        let opened = surely(&record, &metrics, |_| panic!("a bug"));
        assert_eq!(opened.fate, Fate::Rejected);
        assert_eq!(opened.letter.as_ref().unwrap().event_count, 7);
        opened.counted.settled(opened.fate);
        assert!(metrics.store_batches().balances() && metrics.store_events().balances());
    }

    #[test]
    fn bytes_that_are_no_record_become_a_dead_letter_in_those_bytes() {
        let metrics = Metrics::default();
        let raw = Raw {
            bytes: vec![0xff; 9],
            key: b"pc-1".to_vec(),
            written_at_ms: 7,
        };
        let opened = open_any(Content::Bytes(raw), &metrics);
        let letter = opened.letter.unwrap();
        assert_eq!(
            (letter.record, letter.device_id.as_str()),
            (vec![0xff; 9], "pc-1")
        );
    }
}
