//! Bad clients by how they frame what they send: gRPC messages that are none.

use kbwatch_proto::telemetry::Batch;
use prost::Message;

use crate::device::batch;
use crate::gateway::{Fort, until};
use crate::line::{DATA, END_HEADERS, END_STREAM, HEADERS, Line, call_headers, header, message};

/// Opens a stream, sends these bytes as its body and says how it ended.
async fn sends(fort: &Fort, flags: u8, bytes: &[u8]) -> String {
    let mut line = Line::streaming(fort, "babbler").await;
    line.frame(DATA, flags, 1, bytes).await.unwrap();
    line.end().await
}

async fn calls(fort: &Fort, headers: &[u8]) -> String {
    let mut line = Line::open(fort, "babbler").await;
    let flags = END_HEADERS | END_STREAM;
    line.frame(HEADERS, flags, 1, headers).await.unwrap();
    line.end().await
}

pub(crate) async fn two_gigabytes(fort: &Fort) -> String {
    sends(fort, 0, &[0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]).await
}

pub(crate) async fn garbage(fort: &Fort) -> String {
    sends(fort, 0, &message(0, &[0xff; 300])).await
}

pub(crate) async fn compressed(fort: &Fort) -> String {
    sends(fort, 0, &message(1, &batch(1, 0, 1).encode_to_vec())).await
}

pub(crate) async fn text_that_is_none(fort: &Fort) -> String {
    let marked = Batch {
        collector_version: "MARKED".to_owned(),
        ..batch(1, 0, 1)
    };
    let mut bytes = marked.encode_to_vec();
    let at = bytes.windows(6).position(|text| text == b"MARKED").unwrap();
    bytes[at] = 0xff;
    sends(fort, 0, &message(0, &bytes)).await
}

pub(crate) async fn half_of_one(fort: &Fort) -> String {
    let whole = message(0, &batch(1, 0, 1).encode_to_vec());
    sends(fort, END_STREAM, &whole[..20]).await
}

pub(crate) async fn half_of_one_and_gone(fort: &Fort) -> String {
    let mut line = Line::streaming(fort, "babbler").await;
    let whole = message(0, &batch(1, 0, 1).encode_to_vec());
    line.frame(DATA, 0, 1, &whole[..20]).await.unwrap();
    let open = || fort.counts().get("streams").copied();
    assert!(until(async || open() == Some(2)).await, "it is open");
    drop(line);
    assert!(until(async || open() == Some(1)).await, "it is closed");
    "gone".to_owned()
}

/// A byte now and then: the stream is never quiet, and never says anything.
pub(crate) async fn dribbled(fort: &Fort) -> String {
    let mut line = Line::streaming(fort, "babbler").await;
    let whole = message(0, &batch(1, 0, 50).encode_to_vec());
    for byte in &whole[..whole.len() - 1] {
        if line.frame(DATA, 0, 1, &[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        if fort.metrics.broken("message_overdue") > 0 {
            break;
        }
    }
    line.end().await
}

pub(crate) async fn unknown_service(fort: &Fort) -> String {
    calls(fort, &call_headers("/grpc.reflection.v1.Reflection/Info")).await
}

pub(crate) async fn unknown_method(fort: &Fort) -> String {
    calls(fort, &call_headers("/kbwatch.telemetry.v1.Gateway/Drop")).await
}

pub(crate) async fn no_grpc(fort: &Fort) -> String {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/admin.php"),
        (":authority", "localhost"),
    ] {
        header(&mut block, name, value);
    }
    calls(fort, &block).await
}
