//! From a device's stream to rows in ClickHouse, in one process.

use crate::broken_line::{BrokenLine, Fault};
use crate::device::{batch, event, sealed};
use crate::gateway::{River, fresh_database, until};
use kbwatch_ingest::config::ReceiveConfig;
use kbwatch_proto::batch::{Contents, pack};
use kbwatch_proto::event::{FactsSnapshot, Health};
use kbwatch_proto::telemetry::{Batch, Outcome};

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_batch_is_in_the_table_with_every_field() {
    let river = River::start().await;
    let mut device = river.device("PC-1").await;
    device.deliver(batch(1, 0, 3)).await;
    assert_eq!(river.stored().await, 3);
    let row = river
        .text(
            "SELECT concat(device_id, ' ', source_kind, ' ', phase, ' ', result, ' ', kb, ' ',
                    hex(assumeNotNull(hresult)), ' ', evidence, ' ', extra['stage'], ' ', time_quality, ' ',
                    toString(printed_at), ' ', hex(event_id))
             FROM v_update_events ORDER BY printed_at LIMIT 1",
        )
        .await;
    assert_eq!(
        row,
        "pc-1 cbs install fail KB5022286 800F0985 line 0 commit sound \
         2023-01-11 09:00:00.000 00000000000000000000000000000001"
    );
    let seen = river.count("v_codes_seen WHERE devices = 1").await;
    assert_eq!(seen, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_many_devices_are_answered_and_none_is_lost_or_doubled() {
    let river = River::start().await;
    let mut devices = Vec::new();
    for number in 0..20_u32 {
        let mut device = river.device(&format!("pc-{number}")).await;
        for seq in 0..5 {
            device
                .send(batch(u64::from(seq), number * 1000 + seq * 50, 50))
                .await;
        }
        devices.push(device);
    }
    for device in &mut devices {
        for _ in 0..5 {
            let receipt = device.receipt().await.unwrap().unwrap();
            assert_eq!(receipt.outcome(), Outcome::Durable);
        }
    }
    assert_eq!(river.stored().await, 20 * 5 * 50);
    assert!(river.metrics.store_events().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sent_again_doubles_nothing() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    for _ in 0..3 {
        device.deliver(batch(1, 0, 10)).await;
    }
    assert_eq!(river.stored().await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fuller_reading_replaces_a_poorer_one_whichever_comes_first() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    let mut fuller = event(0);
    fuller.file = "ntoskrnl.exe".to_owned();
    fuller.rate_completeness();
    device.deliver(sealed(1, vec![fuller])).await;
    device.deliver(sealed(2, vec![event(0)])).await;
    assert_eq!(
        river.text("SELECT file FROM v_update_events").await,
        "ntoskrnl.exe"
    );
}

fn heartbeat(batch_seq: u64) -> Batch {
    let contents = Contents {
        events: Vec::new(),
        facts: Some(FactsSnapshot {
            revision: 4,
            observed_at_ms: 1_673_427_600_000,
            facts: [("ubr".to_owned(), "3770".to_owned())].into(),
        }),
        health: Some(Health {
            started_at_ms: 1_673_000_000_000,
            lag_bytes: 77,
            sent_bytes_24h: 4_242,
            ..Health::default()
        }),
    };
    Batch {
        epoch: 1,
        batch_seq,
        sent_at_ms: 1_673_427_600_000,
        collector_version: "0.1.0".to_owned(),
        ..pack(&contents).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_brings_facts_and_presence_and_no_event() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    device.deliver(heartbeat(1)).await;
    let ubr = river
        .text("SELECT facts['ubr'] FROM v_device_facts WHERE revision = 4")
        .await;
    assert_eq!(ubr, "3770");
    until("presence is written", async || {
        river
            .count(
                "v_presence WHERE lag_bytes = 77 AND sent_bytes_24h = 4242 AND peer = '127.0.0.1'",
            )
            .await
            == 1
    })
    .await;
    device.deliver(batch(2, 0, 1)).await;
    until("presence is newer and remembers the health", async || {
        river.count("v_presence WHERE lag_bytes = 77 AND sent_bytes_24h = 4242 AND last_heard_at > (SELECT max(received_at) FROM device_facts)").await == 1
    })
    .await;
    assert_eq!(river.stored().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_gives_the_last_receipts_and_ends_the_streams() {
    let river = River::start().await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 10)).await;
    let metrics = river.metrics.clone();
    let (received, stored) = river.stop().await;
    received.unwrap();
    stored.unwrap();
    assert!(matches!(device.receipt().await, Ok(None) | Err(_)));
    assert!(metrics.receive_batches().balances());
    assert_eq!(metrics.store_events().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_identity_from_two_addresses_is_flagged_in_its_presence() {
    let river = River::start().await;
    let own = river.authority.device("pc-1").unwrap();
    let mut first = river.with_certificate(&own).await.unwrap();
    first.deliver(batch(1, 0, 1)).await;
    until("it is present and no clone", async || {
        river.count("v_presence WHERE NOT cloned").await == 1
    })
    .await;
    let elsewhere = std::net::IpAddr::from([127, 0, 0, 2]);
    let mut second = river.from(elsewhere, &own).await;
    second.deliver(batch(1, 1, 1)).await;
    until("it is flagged", async || {
        river
            .count("v_presence WHERE cloned AND peer = '127.0.0.2'")
            .await
            == 1
    })
    .await;
    assert_eq!(river.metrics.clones(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_gateway_asks_to_come_again_and_loses_nothing() {
    let receive = ReceiveConfig {
        max_in_flight_bytes: 4 * 1024 * 1024,
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, receive).await;
    let mut device = river.device("pc-1").await;
    // Noise of a newer format does not shrink, and is parked unopened.
    let large = |seq| {
        let payload = (0..1_500_000_u32).map(|byte| (byte % 251) as u8).collect();
        newer(seq, payload)
    };
    device.send(batch(0, 0, 1)).await;
    line.held.notified().await;
    for seq in 1..=3 {
        device.send(large(seq)).await;
    }
    let receipt = device.receipt().await.unwrap().unwrap();
    assert_eq!((receipt.batch_seq, receipt.outcome()), (3, Outcome::Retry));
    assert!(receipt.retry_after_ms > 0);
    assert!(river.metrics.receive_batches().balances());
}

fn newer(batch_seq: u64, payload: Vec<u8>) -> Batch {
    Batch {
        epoch: 1,
        batch_seq,
        format: kbwatch_proto::batch::FORMAT + 1,
        checksum: kbwatch_proto::batch::checksum(&payload),
        payload,
        ..Batch::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_no_more_batches_waiting_than_its_window() {
    let receive = ReceiveConfig {
        window: 2,
        ..ReceiveConfig::default()
    };
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, receive).await;
    let mut device = river.device("pc-1").await;
    for seq in 0..10 {
        device
            .send(batch(seq, u32::try_from(seq).unwrap(), 1))
            .await;
    }
    line.held.notified().await;
    until("the window is full", async || {
        river.metrics.receive_batches().in_flight == 2
    })
    .await;
    // Others are heard meanwhile, and the first one still is not.
    let mut other = river.device("pc-2").await;
    other.send(batch(0, 100, 1)).await;
    until("another stream is read", async || {
        river.metrics.receive_batches().received > 2
    })
    .await;
    assert_eq!(river.metrics.receive_batches().received, 3);
}
