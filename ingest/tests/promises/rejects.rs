//! What is refused, kept aside or marked, and that nothing of it disappears.

use kbwatch_proto::batch::{FORMAT, checksum};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::hex;
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::{Batch, Outcome};
use prost::Message;

use crate::device::{batch, event, sealed};
use crate::gateway::{River, fresh_database, until};

/// The same batch around another block.
pub(crate) fn reblocked(batch: &Batch, change: impl FnOnce(&mut Vec<u8>)) -> Batch {
    let len = batch.unpacked_len as usize;
    let mut block = zstd::bulk::decompress(&batch.payload, len).unwrap();
    change(&mut block);
    let payload = zstd::bulk::compress(&block, 1).unwrap();
    Batch {
        unpacked_len: u32::try_from(block.len()).unwrap(),
        ..repayloaded(batch, payload)
    }
}

/// The same batch around another payload.
fn repayloaded(batch: &Batch, payload: Vec<u8>) -> Batch {
    Batch {
        checksum: checksum(&payload),
        payload,
        ..batch.clone()
    }
}

/// Writes `new` over the first `old` in a block.
fn overwrite(block: &mut [u8], old: &[u8], new: &[u8]) {
    let at = block.windows(old.len()).position(|text| text == old);
    block[at.unwrap()..][..new.len()].copy_from_slice(new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_checksum_and_a_greedy_frame_are_refused_and_the_stream_goes_on() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let mut damaged = batch(1, 0, 1);
    damaged.checksum ^= 1;
    let receipt = device.ask(damaged).await;
    assert_eq!(receipt.outcome(), Outcome::Refused);
    assert!(receipt.reason.contains("checksum"), "{}", receipt.reason);

    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend_from_slice(&(1u64 << 40).to_le_bytes());
    let receipt = device.ask(repayloaded(&batch(2, 0, 1), frame)).await;
    assert_eq!(receipt.outcome(), Outcome::Refused);

    device.deliver(batch(3, 0, 1)).await;
    assert_eq!(river.metrics.refused("checksum"), 1);
    assert_eq!(river.metrics.refused("declares_too_much"), 1);
    assert!(river.metrics.receive_batches().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_is_parked_until_a_store_that_knows_it_runs() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let newer = Batch {
        format: FORMAT + 1,
        ..batch(1, 0, 7)
    };
    device.deliver(newer).await;
    assert_eq!(
        river
            .count("v_dead_letters WHERE kind = 'parked' AND event_count = 7")
            .await,
        1
    );
    assert_eq!(river.stored().await, 0);
    assert!(river.metrics.store_events().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_store_parked_is_stored_by_one_that_knows_its_format() {
    let engine = fresh_database().await;
    let record = JournalRecord {
        version: journal::VERSION,
        batch: Some(batch(1, 0, 7)),
        device_id: "pc-1".to_owned(),
        received_at_ms: 1_673_427_600_000,
        ..JournalRecord::default()
    };
    engine
        .client()
        .query(
            "INSERT INTO dead_letters (letter_id, device_id, received_at, kind, reason, event_count, record)
             SELECT unhex('00112233445566778899aabbccddeeff'), 'pc-1', fromUnixTimestamp64Milli(1673427600000),
                    'parked', 'batch format', 7, unhex(?)",
        )
        .bind(hex::encode(&record.encode_to_vec()))
        .execute()
        .await
        .unwrap();
    let river = River::start_in(engine).await;
    until("the parked batch is stored", async || {
        river.stored().await == 7
    })
    .await;
    until("its letter says so", async || {
        river.count("v_dead_letters WHERE kind = 'unparked'").await == 1
    })
    .await;
    assert_eq!(river.count("v_dead_letters").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_opened_is_kept_whole_and_its_device_goes_on() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let sound = batch(1, 0, 100);

    let mut frame = sound.payload.clone();
    frame.truncate(frame.len() - 3);
    let corrupt = repayloaded(&sound, frame);
    device.deliver(corrupt.clone()).await;

    let undecodable = reblocked(&sound, |block| block.fill(0xff));
    device
        .deliver(Batch {
            batch_seq: 2,
            ..undecodable
        })
        .await;

    device
        .deliver(Batch {
            batch_seq: 3,
            event_count: 99,
            ..sound.clone()
        })
        .await;

    assert_eq!(
        river
            .count("v_dead_letters WHERE kind = 'batch' AND empty(rows)")
            .await,
        3
    );
    assert_eq!(river.stored().await, 0);
    let kept = river
        .text("SELECT lower(hex(record)) FROM v_dead_letters WHERE reason LIKE '%ecompress%'")
        .await;
    let payload = hex::encode(&corrupt.payload);
    assert!(
        kept.contains(&payload),
        "the letter holds the batch as it was sent"
    );

    device
        .deliver(Batch {
            batch_seq: 4,
            ..sound
        })
        .await;
    assert_eq!(river.stored().await, 100);
    let events = river.metrics.store_events();
    assert_eq!((events.stored, events.rejected), (100, 299));
    assert!(events.balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_goes_to_a_dead_letter_by_its_number_and_the_others_are_stored() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let three = batch(1, 0, 3);
    // Evidence of one row each: "line 1" of row 1.
    let broken = reblocked(&three, |block| overwrite(block, b"line 1", b"lin\xff\xfe1"));
    device.deliver(broken).await;
    assert_eq!(river.stored().await, 2);

    let mut unknown = vec![event(10), event(11)];
    unknown[1].result = kbwatch_proto::words::EventResult::Warn;
    let unknown = reblocked(&sealed(2, unknown), |block| {
        overwrite(block, b"warn", b"wart");
    });
    device.deliver(unknown).await;
    assert_eq!(river.stored().await, 3);

    let impossible = UpdateEvent {
        kb: "KB'; --".to_owned(),
        ..event(20)
    };
    device.deliver(sealed(3, vec![impossible, event(21)])).await;
    assert_eq!(river.stored().await, 4);

    let told = river
        .text(
            "SELECT arrayStringConcat(groupArray(toString(rows[1].1) || ': ' || rows[1].2), '; ')
             FROM (SELECT * FROM v_dead_letters WHERE kind = 'rows' AND length(rows) = 1 ORDER BY stored_at)",
        )
        .await;
    assert!(told.contains("1: string"), "{told}");
    assert!(told.contains("UTF-8") && told.contains("wart"), "{told}");
    assert!(told.contains("0: kb is not KB and digits"), "{told}");
    let events = river.metrics.store_events();
    assert_eq!((events.stored, events.rejected), (4, 3));
    assert!(events.balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn times_ahead_or_before_2000_are_kept_and_marked() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let at = |number, printed_at_ms| UpdateEvent {
        printed_at_ms,
        ..event(number)
    };
    let year = 365 * 24 * 3600 * 1000;
    let next_year = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
        + year;
    let times = [
        Some(next_year),
        Some(915_148_800_000),
        Some(i64::MAX),
        Some(i64::MIN),
        None,
    ];
    let events = (0..)
        .zip(times)
        .map(|(number, time)| at(number, time))
        .collect();
    device.deliver(sealed(1, events)).await;
    assert_eq!(
        river
            .count("v_update_events WHERE time_quality = 'suspect'")
            .await,
        4
    );
    assert_eq!(
        river
            .count("v_update_events WHERE time_quality = 'unknown'")
            .await,
        1
    );
    assert_eq!(
        river
            .count("v_update_events WHERE printed_at = '2000-01-01 00:00:00'")
            .await,
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_two_hundred_months_goes_in_at_once() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let month = 31 * 24 * 3600 * 1000;
    let events = (0..200_u32).map(|number| UpdateEvent {
        printed_at_ms: Some(1_000_000_000_000 + i64::from(number) * month),
        ..event(number)
    });
    device.deliver(sealed(1, events.collect())).await;
    assert_eq!(river.stored().await, 200);
}
