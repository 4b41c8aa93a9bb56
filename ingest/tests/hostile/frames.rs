//! Bad clients by their HTTP/2: frames out of place, too many of them, or
//! never the last one.

use std::time::{Duration, Instant};

use prost::Message;

use crate::device::batch;
use crate::gateway::{Fort, PATIENCE, until};
use crate::line::{
    CONTINUATION, DATA, END_HEADERS, HEADERS, Line, PING, PREFACE, RESET, SETTINGS, WINDOW, frame,
    header, message, report_headers,
};

async fn says(fort: &Fort, bytes: &[u8]) -> String {
    let mut line = Line::open(fort, "framer").await;
    line.say(bytes).await.unwrap();
    line.end().await
}

pub(crate) async fn noise(fort: &Fort) -> String {
    let mut bytes = vec![0; 4_096];
    fastrand::Rng::with_seed(3).fill(&mut bytes);
    says(fort, &bytes).await
}

pub(crate) async fn too_long(fort: &Fort) -> String {
    // A length of a megabyte, where sixteen kilobytes are agreed upon.
    says(fort, &[0x10, 0, 0, DATA, 0, 0, 0, 0, 1]).await
}

pub(crate) async fn on_no_stream(fort: &Fort) -> String {
    says(fort, &frame(DATA, 0, 0, b"lost")).await
}

pub(crate) async fn headers_that_are_none(fort: &Fort) -> String {
    says(fort, &frame(HEADERS, END_HEADERS, 1, &[0xff; 64])).await
}

pub(crate) async fn no_headers_at_all(fort: &Fort) -> String {
    says(fort, &frame(CONTINUATION, END_HEADERS, 1, b"")).await
}

pub(crate) async fn window_overflow(fort: &Fort) -> String {
    let more = frame(WINDOW, 0, 0, &0x7fff_ffff_u32.to_be_bytes());
    says(fort, &more.repeat(2)).await
}

/// A megabyte of metadata, in frames that are each short enough.
pub(crate) async fn metadata_flood(fort: &Fort) -> String {
    let mut block = report_headers();
    while block.len() < 14_000 {
        header(&mut block, "x-padding", &"p".repeat(100));
    }
    let mut more = Vec::new();
    for _ in 0..140 {
        header(&mut more, "x-padding", &"p".repeat(100));
    }
    let mut line = Line::open(fort, "framer").await;
    line.frame(HEADERS, 0, 1, &block).await.unwrap();
    line.repeat(60, &frame(CONTINUATION, 0, 1, &more)).await;
    line.end().await
}

pub(crate) async fn endless_headers(fort: &Fort) -> String {
    let mut line = Line::open(fort, "framer").await;
    line.frame(HEADERS, 0, 1, b"").await.unwrap();
    let nothing = frame(CONTINUATION, 0, 1, b"");
    line.repeat(20_000, &nothing).await;
    line.end().await
}

/// Headers that never end, and a sender that answers no ping meanwhile.
pub(crate) async fn dribbled_headers(fort: &Fort) -> String {
    let mut line = Line::open(fort, "framer").await;
    line.frame(HEADERS, 0, 1, &report_headers()[..8])
        .await
        .unwrap();
    line.end().await
}

pub(crate) async fn rapid_reset(fort: &Fort) -> String {
    let mut line = Line::open(fort, "framer").await;
    let headers = report_headers();
    for number in 0..10_000_u32 {
        let stream = number * 2 + 1;
        let mut both = frame(HEADERS, END_HEADERS, stream, &headers);
        both.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
        if line.say(&both).await.is_err() {
            break;
        }
    }
    line.end().await
}

pub(crate) async fn ping_flood(fort: &Fort) -> String {
    let mut line = Line::open(fort, "framer").await;
    line.repeat(50, &frame(PING, 0, 0, &[7; 8]).repeat(400))
        .await;
    "held".to_owned()
}

pub(crate) async fn settings_flood(fort: &Fort) -> String {
    let mut line = Line::open(fort, "framer").await;
    line.repeat(50, &frame(SETTINGS, 0, 0, &[]).repeat(400))
        .await;
    "held".to_owned()
}

pub(crate) async fn empty_data_flood(fort: &Fort) -> String {
    let mut line = Line::streaming(fort, "framer").await;
    line.repeat(50, &frame(DATA, 0, 1, &[]).repeat(100)).await;
    line.end().await
}

pub(crate) async fn two_prefaces(fort: &Fort) -> String {
    says(fort, PREFACE).await
}

/// Sends batches and takes no receipts: the gateway may send it nothing.
pub(crate) async fn never_reads(fort: &Fort) -> String {
    let mut line = Line::silent(fort, "deaf").await;
    line.say(PREFACE).await.unwrap();
    // Initial window of a stream (RFC 9113, section 6.5.2): nothing.
    line.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])
        .await
        .unwrap();
    let headers = report_headers();
    line.frame(HEADERS, END_HEADERS, 1, &headers).await.unwrap();
    let before = fort.metrics.receive_batches().received;
    let one = |number| message(0, &batch(number, 0, 20).encode_to_vec());
    let begun = Instant::now();
    let mut sent = 0;
    for number in 0..2_000 {
        let whole = frame(DATA, 0, 1, &one(number));
        let said = tokio::time::timeout(Duration::from_millis(300), line.say(&whole)).await;
        if !matches!(said, Ok(Ok(()))) || begun.elapsed() > PATIENCE {
            break;
        }
        sent += 1;
    }
    let taken = fort.metrics.receive_batches().received - before;
    drop(line);
    // What it had on its way is accounted for, though nobody took the answer.
    let balanced = until(async || fort.metrics.receive_batches().in_flight == 0).await;
    assert!(balanced, "nothing stays in flight");
    assert!(taken <= 64 && taken < sent, "{taken} of {sent} were taken");
    "held".to_owned()
}
