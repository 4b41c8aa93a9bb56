//! Opens a sealed batch and decides, row by row, what can be stored.
//!
//! Every batch ends in exactly one fate, and a fate other than storing carries
//! the dead letter that keeps the batch. A record from Kafka is kept in the very
//! bytes that lay there: a newer one may hold fields unknown here.

use kbwatch_proto::batch::{UnpackError, Unsealed, unseal};
use kbwatch_proto::identity::device_id_is_valid;
use kbwatch_proto::journal::{self, JournalRecord, Role};

use super::check::{check_facts, keep_possible};
use super::dead_letter::{DeadLetter, LetterKind, Parked};
use super::opened::{Opened, empty, heard, whole};
use super::vouch::Vouched;
use crate::Metrics;
use crate::metrics::Fate;

/// Opens a record that could be read; `raw` are its bytes where it came in bytes.
pub(crate) fn open(record: &JournalRecord, raw: Option<Vec<u8>>, metrics: &Metrics) -> Opened {
    let mut opened = judge(record, metrics);
    if let (Some(letter), Some(raw)) = (&mut opened.letter, raw) {
        letter.keep_bytes(raw);
    }
    opened
}

fn judge(record: &JournalRecord, metrics: &Metrics) -> Opened {
    let Some(batch) = &record.batch else {
        return whole(
            record,
            metrics,
            LetterKind::Batch,
            "record without a batch".to_owned(),
        );
    };
    if record.version > journal::VERSION {
        let reason = format!("journal record of version {}", record.version);
        return whole(record, metrics, LetterKind::Parked, reason);
    }
    if !device_id_is_valid(&record.device_id) {
        let reason = "record names no possible device".to_owned();
        return whole(record, metrics, LetterKind::Batch, reason);
    }
    match unseal(batch) {
        Ok(mut unsealed) => {
            let mut opened = empty(record, metrics, Fate::Stored);
            opened.heard = heard(record, batch, unsealed.health.take());
            sort_out(&mut opened, unsealed, record, metrics);
            opened
        }
        Err(error @ UnpackError::NewerFormat { .. }) => {
            whole(record, metrics, LetterKind::Parked, chain(&error))
        }
        Err(error) => whole(record, metrics, LetterKind::Batch, chain(&error)),
    }
}

/// Opens a record that was parked before; what is written about it takes the
/// parked letter's place, and keeps the bytes that lay there: they may hold
/// fields unknown here.
pub(crate) fn open_parked(record: &JournalRecord, parked: Parked, metrics: &Metrics) -> Opened {
    let mut opened = judge(record, metrics);
    match &mut opened.letter {
        Some(letter) => {
            if let Some(bytes) = parked.record() {
                letter.keep_bytes(bytes);
            }
            letter.id = parked.letter_id;
            letter.device_id = parked.device_id;
            letter.received_at_ms = parked.received_at;
        }
        None => opened.letter = Some(DeadLetter::taken_up(parked)),
    }
    // Its device was heard of long ago.
    opened.heard = None;
    opened
}

/// Parts what can be stored from what cannot.
fn sort_out(opened: &mut Opened, unsealed: Unsealed, record: &JournalRecord, metrics: &Metrics) {
    let Unsealed {
        mut block,
        mut rejected,
        facts,
        rejected_facts,
        ..
    } = unsealed;
    let found = block.rows.len() + rejected.len();
    opened.counted.unpacked(found);
    // Rows share texts in the block and own them in the insert.
    opened.bytes = block.held_len() + block.text_len();
    keep_possible(&mut block, &mut rejected);
    opened.block = block;
    opened.vouched = Vouched::of(record);
    opened.counted.rejected(rejected.len());
    let mut reason = match rejected.len() {
        0 => String::new(),
        rows => format!("{rows} of {found} rows rejected"),
    };
    let facts = match rejected_facts {
        Some(fault) => Err(fault),
        None if facts.is_some() && is_imported(record) => {
            Err("an importer brings events only".to_owned())
        }
        None => facts.map(check_facts).transpose(),
    };
    match facts {
        Ok(facts) => opened.facts = facts,
        Err(fault) => {
            let stop = if reason.is_empty() { "" } else { "; " };
            reason = format!("{reason}{stop}facts rejected: {fault}");
            metrics.facts_rejected.inc();
        }
    }
    if !reason.is_empty() {
        let mut letter = DeadLetter::of(record, LetterKind::Rows, reason);
        letter.rows = rejected;
        opened.letter = Some(letter);
    }
}

/// Whether someone brought along what he found on a device. A carrier brings
/// what the device itself made and signed.
fn is_imported(record: &JournalRecord) -> bool {
    !record.sender_id.is_empty() && record.role() == Role::Importer
}

/// An error with what lies behind it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::batch::{Contents, checksum, pack};
    use kbwatch_proto::event::{FactsSnapshot, UpdateEvent};
    use kbwatch_proto::ids::EventId;

    use super::*;

    fn event(last: u8) -> UpdateEvent {
        UpdateEvent {
            event_id: EventId([last; 16]),
            kb: "KB5022286".to_owned(),
            ..UpdateEvent::default()
        }
    }

    fn record(events: Vec<UpdateEvent>) -> JournalRecord {
        let contents = Contents {
            events,
            ..Contents::default()
        };
        JournalRecord {
            version: journal::VERSION,
            batch: Some(pack(&contents).unwrap()),
            device_id: "pc-1".to_owned(),
            ..JournalRecord::default()
        }
    }

    #[test]
    fn an_impossible_row_is_rejected_by_its_number_and_its_neighbours_are_kept() {
        let metrics = Metrics::default();
        let bad = UpdateEvent {
            kb: "KB; DROP TABLE".to_owned(),
            ..event(2)
        };
        let opened = open(&record(vec![event(1), bad, event(3)]), None, &metrics);
        assert_eq!(opened.block.rows.len(), 2);
        let letter = opened.letter.unwrap();
        assert_eq!(letter.kind, LetterKind::Rows);
        assert_eq!(letter.rows[0].row, 1);
    }

    #[test]
    fn a_newer_format_is_parked_and_damage_is_not() {
        let metrics = Metrics::default();
        let mut newer = record(vec![event(1)]);
        newer.batch.as_mut().unwrap().format += 1;
        assert_eq!(open(&newer, None, &metrics).fate, Fate::Parked);
        let mut newer = record(vec![event(1)]);
        newer.version += 1;
        assert_eq!(open(&newer, None, &metrics).fate, Fate::Parked);
        let mut cut = record(vec![event(1)]);
        let batch = cut.batch.as_mut().unwrap();
        batch.payload.truncate(batch.payload.len() - 3);
        batch.checksum = checksum(&batch.payload);
        let opened = open(&cut, None, &metrics);
        assert_eq!(opened.fate, Fate::Rejected);
        assert_eq!(opened.letter.unwrap().event_count, 1);
    }

    #[test]
    fn logs_brought_along_by_someone_else_are_no_sign_of_life() {
        let metrics = Metrics::default();
        let mut imported = record(vec![event(1)]);
        imported.sender_id = "desk".to_owned();
        assert_eq!(open(&imported, None, &metrics).heard, None);
        assert!(open(&record(vec![]), None, &metrics).heard.is_some());
    }

    #[test]
    fn facts_that_are_impossible_or_too_many_are_rejected_and_the_rows_kept() {
        let metrics = Metrics::default();
        let odd = [("Free Disk".to_owned(), "1".to_owned())].into();
        let many = (0..65).map(|number| (format!("fact{number}"), "1".to_owned()));
        for (facts, count) in [(odd, 1), (many.collect(), 2)] {
            let contents = Contents {
                events: vec![event(1)],
                facts: Some(FactsSnapshot {
                    facts,
                    ..FactsSnapshot::default()
                }),
                health: None,
            };
            let mut record = record(vec![]);
            record.batch = Some(pack(&contents).unwrap());
            let opened = open(&record, None, &metrics);
            assert_eq!((opened.block.rows.len(), opened.facts), (1, None));
            assert_eq!(metrics.rejected_facts(), count);
            let reason = opened.letter.unwrap().reason;
            assert!(reason.contains("facts rejected"), "{reason}");
        }
    }

    #[test]
    fn what_a_device_is_like_is_taken_from_itself_or_its_carrier_and_from_no_importer() {
        let metrics = Metrics::default();
        let contents = Contents {
            events: vec![event(1)],
            facts: Some(FactsSnapshot {
                facts: [("ubr".to_owned(), "3770".to_owned())].into(),
                ..FactsSnapshot::default()
            }),
            health: None,
        };
        let mut record = record(vec![]);
        record.batch = Some(pack(&contents).unwrap());
        record.sender_id = "desk".to_owned();
        for (role, taken) in [(Role::Importer, false), (Role::Carrier, true)] {
            record.role = role.into();
            let opened = open(&record, None, &metrics);
            assert_eq!(opened.facts.is_some(), taken, "{role:?}");
            assert_eq!(opened.block.rows.len(), 1);
            assert_eq!(opened.letter.is_some(), !taken);
        }
    }
}
