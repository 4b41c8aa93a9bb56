//! Bad clients by how many or how much: each flood keeps to itself.

use kbwatch_proto::batch::{FORMAT, checksum};
use kbwatch_proto::telemetry::{Batch, Outcome};
use tokio::net::TcpStream;
use tonic::Code;

use crate::device::{Stream, batch, open};
use crate::gateway::{Fort, until};
use crate::line::Line;

/// More than there are places for handshakes.
const SILENT: usize = 1_100;

async fn streams_are_few_again(fort: &Fort) {
    // One stream is the good device's.
    let few = || fort.counts().get("streams").copied().unwrap_or(0) <= 1;
    assert!(until(async || few()).await, "streams are left");
}

/// Streams on one connection, as many as are let in.
pub(crate) async fn streams(fort: &Fort) -> String {
    let own = fort.authority.device("hoarder").unwrap();
    let channel = fort.connect(Some(&own)).await.unwrap();
    let mut held = Vec::new();
    let refused = loop {
        match open(channel.clone()).await {
            Ok(stream) => held.push(stream),
            Err(status) => break status,
        }
    };
    let many = held.len();
    drop((held, channel));
    streams_are_few_again(fort).await;
    format!("{many} held, then {:?}", refused.code())
}

/// Streams on one connection that are all denied, until it is hung up on.
pub(crate) async fn denied_streams(fort: &Fort) -> String {
    let own = fort.authority.client("no device", &[]).unwrap();
    let channel = fort.connect(Some(&own)).await.unwrap();
    let before = fort.metrics.denied("invalid_id");
    for _ in 0..100 {
        // tonic dials anew once it is hung up on.
        let refused = open(channel.clone()).await.err().unwrap();
        if refused.code() != Code::PermissionDenied {
            break;
        }
    }
    let denied = fort.metrics.denied("invalid_id") - before;
    format!("hung up on after {denied}")
}

pub(crate) async fn connections(fort: &Fort) -> String {
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(Line::silent(fort, "spinner").await);
    }
    let is_over = || fort.metrics.denied("too_many_connections") >= 12;
    assert!(until(async || is_over()).await, "twelve are too many");
    "8 held".to_owned()
}

/// Connections that say nothing, more than there are places.
pub(crate) async fn silent_connections(fort: &Fort) -> String {
    let mut held = Vec::with_capacity(SILENT);
    for _ in 0..SILENT {
        held.extend(TcpStream::connect(fort.address).await.ok());
    }
    // Someone honest gets in meanwhile.
    fort.device("patient").await.deliver(batch(1, 0, 1)).await;
    "let someone in".to_owned()
}

/// Comes and goes as fast as it can, a handshake each time.
pub(crate) async fn reconnects(fort: &Fort) -> String {
    let own = fort.authority.device("restless").unwrap();
    for number in 0..100 {
        if let Ok(mut stream) = fort.stream(&own).await
            && number % 10 == 0
        {
            stream.send(batch(number, 0, 1)).await;
        }
    }
    streams_are_few_again(fort).await;
    "none left".to_owned()
}

async fn until_told_to_wait(
    mut device: Stream,
    most: usize,
    make: impl Fn(u64) -> Batch,
) -> String {
    for number in 0..most {
        let number = u64::try_from(number).unwrap();
        let receipt = device.ask(make(number)).await;
        if receipt.outcome() == Outcome::Retry {
            assert!(receipt.retry_after_ms > 0, "{receipt:?}");
            return "Retry".to_owned();
        }
    }
    "all taken".to_owned()
}

/// Streams beside those that one device may have, over and over.
pub(crate) async fn streams_of_one(fort: &Fort) -> String {
    let own = fort.authority.device("hoarder").unwrap();
    let Ok(channel) = fort.connect(Some(&own)).await else {
        return "closed".to_owned();
    };
    let mut held = Vec::new();
    while let (Ok(stream), true) = (open(channel.clone()).await, held.len() < 50) {
        held.push(stream);
    }
    format!("{} held", held.len())
}

/// Comes and goes once.
pub(crate) async fn reconnect(fort: &Fort) -> String {
    let own = fort.authority.device("restless").unwrap();
    drop(fort.stream(&own).await);
    "gone".to_owned()
}

/// Small batches in masses; refused ones, so that nothing waits for the store.
pub(crate) async fn batches(fort: &Fort) -> String {
    let device = fort.device("chatterbox").await;
    let worthless = |number| Batch {
        format: 0,
        ..batch(number, 0, 1)
    };
    until_told_to_wait(device, 20_000, worthless).await
}

pub(crate) async fn bytes(fort: &Fort) -> String {
    let device = fort.device("shouter").await;
    let payload = vec![7; 1_900_000];
    let checksum = checksum(&payload);
    let large = |batch_seq| Batch {
        epoch: 1,
        batch_seq,
        format: FORMAT + 1,
        checksum,
        payload: payload.clone(),
        ..Batch::default()
    };
    until_told_to_wait(device, 100, large).await
}
