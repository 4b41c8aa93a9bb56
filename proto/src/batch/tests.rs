//! What is sealed opens again, and whatever else comes is told apart.

use proptest::prelude::*;

use prost::Message;

use super::pack::{StringTable, encode_block, encode_event};
use super::*;
use crate::event::{MAX_EVIDENCE_LEN, MAX_TEXT_LEN, SourceLines, UnreadableSource};
use crate::generated::events::v1 as wire;
use crate::hex;
use crate::ids::EventId;
use crate::telemetry::Batch;
use crate::unreadable::Unreadable;
use crate::words::{EventResult, Phase, SourceKind};

fn event(kb: &str, evidence: &str) -> UpdateEvent {
    UpdateEvent {
        event_id: EventId([7; 16]),
        phase: Phase::Install,
        result: EventResult::Fail,
        hresult: Some(0x800f_0985),
        printed_at_ms: Some(1_673_427_600_000),
        kb: kb.to_owned(),
        evidence: evidence.to_owned(),
        extra: [("category".into(), "CorruptPayloadFile".into())].into(),
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
            sources: vec![SourceLines {
                source: SourceKind::Dism,
                lines: 7,
                unknown_lines: 5,
                codes: 2,
                unknown_codes: 1,
                lost_bytes: 4,
                lost_files: 3,
                cut_lines: 2,
            }],
            unreadable: vec![UnreadableSource {
                source: SourceKind::Cbs,
                reason: Unreadable::Denied,
                since_ms: 8,
                logs: 1,
            }],
            os_build: "17763.3887".to_owned(),
            counted_since_ms: 11,
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
    let payload = hex::decode(include_str!("../testdata/batch_v1.hex").trim()).unwrap();
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

/// Events whose texts are shared in the block, and a flood once decoded.
fn flood() -> Contents {
    let long = "x".repeat(MAX_EVIDENCE_LEN);
    let wordy = UpdateEvent {
        title: long[..MAX_TEXT_LEN].to_owned(),
        extra: (0..16)
            .map(|number| {
                (
                    format!("name{number}").into(),
                    long[..MAX_TEXT_LEN].to_owned().into(),
                )
            })
            .collect(),
        ..event("KB5022286", &long)
    };
    Contents {
        events: vec![wordy; MAX_EVENTS],
        ..Contents::default()
    }
}

#[test]
fn a_small_block_that_decodes_to_a_flood_of_text_is_refused() {
    let block = encode_block(&flood());
    let sealed = block_with(block.strings, block.events);
    assert!(sealed.payload.len() < 100_000);
    assert!(matches!(unpack(&sealed), Err(UnpackError::Mismatch { .. })));
}

#[test]
fn nothing_is_sealed_that_would_not_open_again() {
    let mut flood = flood();
    let refused = pack(&flood);
    assert!(matches!(
        refused,
        Err(PackError::TooLarge { events: 5_000 })
    ));
    // What a packer does then: it halves.
    flood.events.truncate(MAX_EVENTS / 4);
    assert_eq!(unpack(&pack(&flood).unwrap()).unwrap().contents, flood);
}

fn facts(count: u32) -> Contents {
    Contents {
        events: vec![event("KB5022286", "sound")],
        facts: Some(FactsSnapshot {
            revision: 1,
            observed_at_ms: 2,
            facts: (0..count)
                .map(|number| (format!("fact{number}"), number.to_string()))
                .collect(),
        }),
        health: None,
    }
}

#[test]
fn facts_over_the_limit_are_rejected_whole_and_the_events_kept() {
    let unpacked = unpack(&pack(&facts(65)).unwrap()).unwrap();
    assert_eq!(unpacked.contents.facts, None);
    let reason = unpacked.rejected_facts.unwrap();
    assert_eq!(reason, "65 facts are over the limit of 64");
    assert_eq!(unpacked.contents.events.len(), 1);
    let all = unpack(&pack(&facts(64)).unwrap()).unwrap();
    assert_eq!(all.contents, facts(64));
}

#[test]
fn a_block_of_a_million_facts_is_refused_before_it_is_decoded() {
    let sealed = pack(&facts(100_000)).unwrap();
    assert!(matches!(unpack(&sealed), Err(UnpackError::Mismatch { .. })));
}

fn sealed(block: &[u8]) -> Batch {
    let payload = zstd::bulk::compress(block, ZSTD_LEVEL).unwrap();
    Batch {
        format: FORMAT,
        unpacked_len: u32::try_from(block.len()).unwrap(),
        checksum: checksum(&payload),
        payload,
        ..Batch::default()
    }
}

#[test]
fn a_heartbeat_of_a_collector_that_did_not_tell_of_lines_still_opens() {
    // A block with a health of lag_bytes = 9 alone, as it was sealed before.
    let unpacked = unpack(&sealed(&[0x22, 0x02, 0x10, 0x09])).unwrap();
    let health = unpacked.contents.health.unwrap();
    assert_eq!((health.lag_bytes, health.sources.len()), (9, 0));
}

#[test]
fn a_heartbeat_of_a_million_sources_is_refused_before_it_is_decoded() {
    // Health of 2,000,000 bytes: empty messages in field 9.
    let mut block = vec![0x22, 0x80, 0x89, 0x7a];
    block.extend([0x4a, 0x00].repeat(1_000_000));
    assert!(matches!(
        unpack(&sealed(&block)),
        Err(UnpackError::Mismatch { .. })
    ));
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
