//! One certificate cannot take what all share.

use kbwatch_ingest::config::ReceiveConfig;
use kbwatch_proto::batch::{FORMAT, checksum};
use kbwatch_proto::telemetry::{Batch, Outcome};
use tonic::Code;
use tonic::transport::{Endpoint, Identity};

use crate::device::{batch, open};
use crate::gateway::{River, fresh_database, until};
use crate::hearing::audited;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_four_streams_and_an_importer_one_for_each_device() {
    let river = River::start().await;
    let own = river.authority.device("hoarder").unwrap();
    let mut streams = Vec::new();
    // Nothing is sent: they count from the certificate on.
    for _ in 0..4 {
        streams.push(river.with_certificate(&own).await.unwrap());
    }
    let refused = river.with_certificate(&own).await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(river.metrics.denied("too_many_streams"), 1);
    assert!(audited(&["too_many_streams", "hoarder has 4 streams"]));
    river.device("pc-1").await.deliver(batch(1, 0, 1)).await;

    streams.pop();
    until("its place is free again", async || {
        river.with_certificate(&own).await.is_ok()
    })
    .await;

    let desk = river.authority.importer("desk").unwrap();
    let mut imports = Vec::new();
    for _ in 0..6 {
        imports.push(river.with_certificate(&desk).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_eight_connections() {
    let river = River::start().await;
    let own = river.authority.device("spinner").unwrap();
    let identity = Identity::from_pem(&own.cert_pem, &own.key_pem);
    let tls = river.trust().identity(identity);
    let endpoint = Endpoint::from_shared(format!("https://{}", river.address)).unwrap();
    let endpoint = endpoint.tls_config(tls).unwrap();
    let mut connections = Vec::new();
    for _ in 0..9 {
        // The gateway counts once it has read the certificate, when the
        // connection may look open from here: any of the nine may be the one.
        connections.extend(endpoint.connect().await.ok());
    }
    until("one is counted and audited", async || {
        river.metrics.denied("too_many_connections") == 1
            && audited(&["too_many_connections", "spinner"])
    })
    .await;
    let mut heard = None;
    for connection in connections {
        heard = open(connection).await.ok();
        if heard.is_some() {
            break;
        }
    }
    heard.unwrap().deliver(batch(1, 0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_fast_is_told_when_to_come_again_and_others_are_heard() {
    let receive = ReceiveConfig {
        device_bytes_per_s: 512 * 1024,
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let client = engine.client();
    let river = River::start_on(engine, client, receive).await;
    let noise = |batch_seq| {
        let payload = vec![7; 1_500_000];
        Batch {
            epoch: 1,
            batch_seq,
            format: FORMAT + 1,
            checksum: checksum(&payload),
            payload,
            ..Batch::default()
        }
    };
    let mut device = river.device("pc-1").await;
    device.send(noise(1)).await;
    device.send(noise(2)).await;
    let mut receipts = [
        device.receipt().await.unwrap().unwrap(),
        device.receipt().await.unwrap().unwrap(),
    ];
    receipts.sort_by_key(|receipt| receipt.batch_seq);
    let [first, second] = receipts;
    assert_eq!(first.outcome(), Outcome::Durable);
    assert_eq!(second.outcome(), Outcome::Retry);
    // 900 KB too many, at 512 KiB a second.
    assert!((200..2_000).contains(&second.retry_after_ms), "{second:?}");
    assert_eq!(river.metrics.throttled("device"), 1);
    assert!(river.metrics.receive_batches().balances());
    river.device("pc-2").await.deliver(batch(1, 0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_sends_too_much_is_slowed_and_the_others_do_not_notice() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("branches.csv");
    std::fs::write(&list, "noisy-*,0123\nquiet-1,0124\n").unwrap();
    let receive = ReceiveConfig {
        branch_bytes_per_s: Some(512 * 1024),
        branches: Some(list),
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let client = engine.client();
    let river = River::start_on(engine, client, receive).await;
    let large = |batch_seq| {
        let payload = vec![7; 900_000];
        Batch {
            epoch: 1,
            batch_seq,
            format: FORMAT + 1,
            checksum: checksum(&payload),
            payload,
            ..Batch::default()
        }
    };
    let mut slowed = 0;
    // Each sends little, together they send too much: two batches at once are
    // the branch's, and half of one a second.
    for device in 0..6 {
        let mut device = river.device(&format!("noisy-{device}")).await;
        let receipt = device.ask(large(1)).await;
        if receipt.outcome() == Outcome::Retry {
            assert!(receipt.reason.contains("branch"), "{receipt:?}");
            assert!(receipt.retry_after_ms > 0);
            slowed += 1;
        }
    }
    assert!(slowed >= 2, "{slowed}");
    assert_eq!(river.metrics.throttled("branch"), slowed);
    // A branch that the list names, one that a certificate does, and none.
    river.device("quiet-1").await.deliver(large(1)).await;
    let urns = ["urn:kbwatch:device:pc-7", "urn:kbwatch:branch:0200"].map(str::to_owned);
    let own = river.authority.client("pc-7", &urns).unwrap();
    let mut named = river.with_certificate(&own).await.unwrap();
    named.deliver(large(1)).await;
    named.deliver(large(2)).await;
    assert_eq!(named.ask(large(3)).await.outcome(), Outcome::Retry);
    river.device("pc-8").await.deliver(large(1)).await;
    assert_eq!(river.metrics.throttled("device"), 0);
    assert!(river.metrics.receive_batches().balances());
}
