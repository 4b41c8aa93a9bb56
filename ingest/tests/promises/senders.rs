//! Who may speak: receive turns away whoever speaks as or for another.

use std::time::{Duration, SystemTime};

use kbwatch_ingest::pki::{Authority, CertifiedKey};
use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};
use tokio::io::AsyncWriteExt;
use tonic::Code;
use tonic::transport::{Endpoint, Identity};

use crate::device::{Stream, batch, connect, event, open, sealed};
use crate::gateway::{River, until};
use crate::hearing::audited;

/// Sends one batch and says with which code the stream ended.
async fn turned_away(mut stream: Stream, batch: Batch) -> Code {
    stream.send(batch).await;
    stream.receipt().await.unwrap_err().code()
}

/// Whether a certificate opens no stream, refused by the handshake or at once
/// after it: TLS 1.3 lets a client believe for a moment that it is in.
pub(crate) async fn is_turned_away_by_tls(river: &River, own: &CertifiedKey) -> bool {
    let identity = Identity::from_pem(&own.cert_pem, &own.key_pem);
    let endpoint = Endpoint::from_shared(format!("https://{}", river.address)).unwrap();
    let endpoint = endpoint.tls_config(river.trust().identity(identity));
    match endpoint.unwrap().connect().await {
        Ok(channel) => open(channel).await.is_err(),
        Err(_) => true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_certificate_is_denied() {
    let river = River::start().await;
    let channel = connect(river.address, Some(river.trust())).await;
    let refused = open(channel).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(river.metrics.denied("no_certificate"), 1);
    assert!(audited(&["no_certificate", "127.0.0.1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_is_not_listened_to() {
    let river = River::start().await;
    let foreign = Authority::create("foreign").unwrap();
    let own = foreign.device("pc-1").unwrap();
    assert!(is_turned_away_by_tls(&river, &own).await);
    until("it is counted, for each try", async || {
        river.metrics.denied("foreign_certificate") > 0
    })
    .await;
    assert!(audited(&["foreign_certificate", "127.0.0.1"]));
    assert_eq!(river.metrics.receive_batches().received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expired_is_counted_and_audited_as_such() {
    let river = River::start().await;
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 30);
    let own = river.authority.device_until("pc-1", long_ago).unwrap();
    assert!(is_turned_away_by_tls(&river, &own).await);
    until("it is counted, for each try", async || {
        river.metrics.denied("expired_certificate") > 0
    })
    .await;
    assert!(audited(&["expired_certificate", "127.0.0.1"]));
    assert_eq!(river.metrics.denied("foreign_certificate"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_device_is_denied() {
    let river = River::start().await;
    let nobody = river.authority.client("no such device", &[]).unwrap();
    let refused = river.with_certificate(&nobody).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(river.metrics.denied("invalid_id"), 1);
    assert!(audited(&["invalid_id", "no such device"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_calls_itself_another_is_denied_and_stores_nothing() {
    let river = River::start().await;
    let device = river.device("forger").await;
    let forged = Batch {
        declared_device: "pc-2".to_owned(),
        ..batch(1, 0, 1)
    };
    assert_eq!(turned_away(device, forged).await, Code::PermissionDenied);
    assert_eq!(river.metrics.denied("other_device"), 1);
    assert!(audited(&[
        "other_device",
        "forger may not speak as \"pc-2\""
    ]));
    assert_eq!(river.stored().await, 0);
    assert!(river.metrics.receive_batches().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_without_the_role_is_denied_and_with_it_stored_for_the_device() {
    let river = River::start().await;
    let imported = Batch {
        on_behalf_of: "PC-9".to_owned(),
        ..batch(1, 0, 1)
    };
    let device = river.device("meddler").await;
    let code = turned_away(device, imported.clone()).await;
    assert_eq!(code, Code::PermissionDenied);
    assert_eq!(river.metrics.denied("no_importer"), 1);
    assert!(audited(&["no_importer", "meddler may not speak for pc-9"]));

    let desk = river.authority.importer("desk").unwrap();
    let mut desk = river.with_certificate(&desk).await.unwrap();
    desk.deliver(imported).await;
    let device = river.text("SELECT device_id FROM v_update_events").await;
    assert_eq!(device, "pc-9");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brought_a_record_is_stored_as_authenticated_and_not_as_claimed() {
    let river = River::start().await;
    let claim = |seq: u32| {
        let mut claimed = event(seq);
        let by = ("imported_by".into(), "boss".into());
        claimed.extra.extend([by]);
        sealed(u64::from(seq), vec![claimed])
    };
    river.device("pc-1").await.deliver(claim(1)).await;
    let desk = river.authority.importer("desk").unwrap();
    let mut desk = river.with_certificate(&desk).await.unwrap();
    desk.deliver(Batch {
        on_behalf_of: "pc-9".to_owned(),
        ..claim(2)
    })
    .await;
    let told = river
        .text(
            "SELECT arrayStringConcat(groupArray(device_id || ':' || extra['imported_by']), ' ')
             FROM (SELECT * FROM v_update_events ORDER BY device_id)",
        )
        .await;
    assert_eq!(told, "pc-1: pc-9:desk");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_are_on_their_way_come_before_the_denial() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    device.send(batch(1, 0, 5)).await;
    device
        .send(Batch {
            on_behalf_of: "pc-2".to_owned(),
            ..batch(2, 5, 5)
        })
        .await;
    let first = device.receipt().await.unwrap().unwrap();
    assert_eq!((first.batch_seq, first.outcome()), (1, Outcome::Durable));
    let end = device.receipt().await.unwrap_err();
    assert_eq!(end.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_the_first_batch_pins_who_speaks() {
    let river = River::start_plain().await;
    let declared = |device: &str, seq| Batch {
        declared_device: device.to_owned(),
        ..batch(seq, 0, 1)
    };
    let mut device = river.declared().await;
    device.deliver(declared("pc-1", 1)).await;
    assert_eq!(
        turned_away(device, declared("pc-2", 2)).await,
        Code::PermissionDenied
    );
    let silent = river.declared().await;
    assert_eq!(
        turned_away(silent, batch(1, 0, 1)).await,
        Code::PermissionDenied
    );
    assert_eq!(river.metrics.denied("not_declared"), 1);
    let stored = river.text("SELECT device_id FROM v_update_events").await;
    assert_eq!(stored, "pc-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_size_ends_its_stream_and_is_counted() {
    let river = River::start().await;
    let device = river.device("pc-1").await;
    let oversize = Batch {
        payload: vec![0; 3 * 1024 * 1024],
        ..batch(1, 0, 0)
    };
    assert_eq!(turned_away(device, oversize).await, Code::OutOfRange);
    assert_eq!(river.metrics.broken("message_too_long"), 1);
}

/// A batch whose version text is no UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
struct Malformed {
    #[prost(bytes = "vec", tag = "4")]
    collector_version: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_envelope_ends_its_stream_and_is_counted() {
    let river = River::start_plain().await;
    let channel = connect(river.address, None).await;
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let malformed = Malformed {
        collector_version: vec![0xff, 0xfe],
    };
    let codec = tonic_prost::ProstCodec::<Malformed, Receipt>::default();
    let path = "/kbwatch.telemetry.v1.Gateway/Report".parse().unwrap();
    let request = tonic::Request::new(tokio_stream::iter([malformed]));
    let mut receipts = grpc
        .streaming(request, path, codec)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(receipts.message().await.unwrap_err().code(), Code::Internal);
    assert_eq!(river.metrics.broken("malformed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_speaks_no_tls_is_counted_and_holds_up_nobody() {
    let river = River::start().await;
    let mut silent = tokio::net::TcpStream::connect(river.address).await.unwrap();
    let mut noisy = tokio::net::TcpStream::connect(river.address).await.unwrap();
    noisy.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until("the noise is counted", async || {
        river.metrics.broken("handshake") == 1
    })
    .await;
    river.device("pc-1").await.deliver(batch(1, 0, 1)).await;
    silent.shutdown().await.unwrap();
}
