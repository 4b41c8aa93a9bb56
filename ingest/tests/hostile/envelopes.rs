//! Bad clients by what they send: envelopes that lie and payloads that harm.

use kbwatch_proto::batch::{FORMAT, MAX_PAYLOAD_LEN, checksum};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::Batch;

use crate::device::{batch, event, sealed};
use crate::gateway::Fort;

/// What a batch is answered with.
async fn answered(fort: &Fort, batch: Batch) -> String {
    let receipt = fort.device("liar").await.ask(batch).await;
    format!("{:?}", receipt.outcome())
}

/// A batch around this payload, with a checksum that fits.
fn around(payload: Vec<u8>) -> Batch {
    Batch {
        checksum: checksum(&payload),
        payload,
        ..batch(1, 0, 1)
    }
}

/// Head of a zstd frame that declares eight bytes of length (RFC 8878, 3.1.1).
fn frame_of(declared: u64) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    frame.extend_from_slice(&declared.to_le_bytes());
    frame
}

fn declaring(declared: u32, payload: Vec<u8>) -> Batch {
    Batch {
        unpacked_len: declared,
        ..around(payload)
    }
}

pub(crate) async fn payload_too_long(fort: &Fort) -> String {
    answered(fort, around(vec![0; MAX_PAYLOAD_LEN + 1])).await
}

pub(crate) async fn too_many_events(fort: &Fort) -> String {
    let events = Batch {
        event_count: u32::MAX,
        ..batch(1, 0, 1)
    };
    answered(fort, events).await
}

pub(crate) async fn no_format(fort: &Fort) -> String {
    let nameless = Batch {
        format: 0,
        ..batch(1, 0, 1)
    };
    answered(fort, nameless).await
}

pub(crate) async fn version_of_ten_kilobytes(fort: &Fort) -> String {
    let long = Batch {
        collector_version: "9".repeat(10_000),
        ..batch(1, 0, 1)
    };
    answered(fort, long).await
}

pub(crate) async fn wrong_checksum(fort: &Fort) -> String {
    let mut damaged = batch(1, 0, 1);
    damaged.checksum ^= 1;
    answered(fort, damaged).await
}

pub(crate) async fn wrong_length(fort: &Fort) -> String {
    let mut longer = batch(1, 0, 1);
    longer.unpacked_len += 1;
    answered(fort, longer).await
}

pub(crate) async fn frame_of_four_gigabytes(fort: &Fort) -> String {
    answered(fort, around(frame_of(4 << 30))).await
}

pub(crate) async fn frame_without_length(fort: &Fort) -> String {
    answered(fort, around(vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00])).await
}

pub(crate) async fn noise(fort: &Fort) -> String {
    let mut bytes = vec![0; 4_096];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    answered(fort, around(bytes)).await
}

/// Sixteen thousand blocks of 128 KiB each that repeat one byte: two gigabytes
/// in 64 KB, under a head that declares one kilobyte.
pub(crate) async fn bomb(fort: &Fort) -> String {
    let mut frame = frame_of(1_024);
    for number in 0..16_000_u32 {
        let last = u32::from(number == 15_999);
        let head = (131_072 << 3) | (1 << 1) | last;
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.push(0);
    }
    answered(fort, declaring(1_024, frame)).await
}

pub(crate) async fn truncated(fort: &Fort) -> String {
    let whole = batch(1, 0, 50);
    let half = whole.payload.len() / 2;
    let cut = declaring(whole.unpacked_len, whole.payload[..half].to_vec());
    answered(fort, cut).await
}

pub(crate) async fn packed_garbage(fort: &Fort) -> String {
    let garbage = vec![0xff; 1_000];
    let payload = zstd::bulk::compress(&garbage, 1).unwrap();
    answered(fort, declaring(1_000, payload)).await
}

pub(crate) async fn wrong_count(fort: &Fort) -> String {
    let mut fewer = batch(1, 0, 5);
    fewer.event_count = 4;
    answered(fort, fewer).await
}

pub(crate) async fn text_that_is_none(fort: &Fort) -> String {
    let mut odd = event(1);
    odd.evidence = "MARKED".to_owned();
    let batch = sealed(1, vec![odd, event(2)]);
    let mut block = zstd::bulk::decompress(&batch.payload, batch.unpacked_len as usize).unwrap();
    let at = block.windows(6).position(|text| text == b"MARKED").unwrap();
    block[at] = 0xff;
    let payload = zstd::bulk::compress(&block, 1).unwrap();
    let batch = Batch {
        event_count: 2,
        ..declaring(batch.unpacked_len, payload)
    };
    answered(fort, batch).await
}

pub(crate) async fn numbers_at_their_ends(fort: &Fort) -> String {
    let mut device = fort.device("edges").await;
    let mut seen = Vec::new();
    for (batch_seq, sent_at_ms, number) in [
        (u64::MAX, i64::MIN, 1),
        (0, i64::MAX, 2),
        (u64::MAX - 1, -1, 3),
        (7, 0, 4),
    ] {
        let mut at_the_end = event(number);
        at_the_end.printed_at_ms = Some(sent_at_ms);
        at_the_end.occurred_at_ms = Some(sent_at_ms);
        let events: Vec<UpdateEvent> = vec![at_the_end];
        let batch = Batch {
            epoch: batch_seq,
            sent_at_ms,
            facts_revision: batch_seq,
            ..sealed(batch_seq, events)
        };
        seen.push(format!("{:?}", device.ask(batch).await.outcome()));
    }
    seen.dedup();
    seen.join(" ")
}

/// Every month of a hundred years: each would be a file of its own, brought to
/// disk while everybody waits.
pub(crate) async fn months_of_a_century(fort: &Fort) -> String {
    let month = 31 * 24 * 3_600 * 1_000;
    let events = (0..5_000_u32).map(|number| UpdateEvent {
        printed_at_ms: Some(946_684_800_000 + i64::from(number % 1_200) * month),
        ..event(number)
    });
    let century = sealed(1, events.collect());
    let receipt = fort.device("chronicler").await.ask(century).await;
    let stored = fort.stored_of("chronicler").await;
    assert!((240..5_000).contains(&stored), "{stored} are stored");
    format!("{:?}", receipt.outcome())
}

pub(crate) async fn replayed(fort: &Fort) -> String {
    let mut device = fort.device("parrot").await;
    for _ in 0..30 {
        device.deliver(batch(1, 0, 10)).await;
    }
    format!("stored {}", fort.stored_of("parrot").await)
}

pub(crate) async fn noise_of_a_newer_format(fort: &Fort) -> String {
    let newer = Batch {
        format: FORMAT + 1,
        ..around(b"not zstd any more".to_vec())
    };
    answered(fort, newer).await
}
