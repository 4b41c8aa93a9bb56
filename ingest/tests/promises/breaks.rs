//! Each promise with the world broken at its spot.

use std::time::Duration;

use kbwatch_clickhouse_engine::{Engine, testing};
use kbwatch_ingest::config::ReceiveConfig;
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::{Journal, Metrics, migrate};
use kbwatch_proto::batch::{Contents, pack};
use kbwatch_proto::event::{Health, SourceLines};
use kbwatch_proto::telemetry::{Batch, Outcome};

use crate::broken_line::{BrokenLine, Fault};
use crate::device::batch;
use crate::gateway::{River, fresh_database, quick_store, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_insert_is_retried_with_the_same_rows_and_token() {
    let engine = fresh_database().await;
    let faults = [Fault::LoseRequest, Fault::LoseAnswer, Fault::LoseAnswer];
    let line = BrokenLine::to(engine.url(), faults).await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;

    let passed = line.passed();
    assert_eq!(passed.len(), 4);
    assert!(!passed[0].token.is_empty() && !passed[0].body.is_empty());
    assert!(passed.iter().all(|again| *again == passed[0]));
    assert_eq!(river.metrics.insert_retries(), 3);
    // Not even before FINAL: the token marked the repetitions.
    assert_eq!(river.count("update_events").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_killed_between_insert_and_receipt_doubles_nothing() {
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let client = engine.client().with_url(&line.url);
    let mut river = River::start_on(engine.clone(), client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    device.send(batch(1, 0, 40)).await;
    line.held.notified().await;
    assert_eq!(river.stored().await, 40, "ClickHouse has the rows already");
    river.kill_store().await;
    let receipt = device.receipt().await.unwrap().unwrap();
    assert_eq!(receipt.outcome(), Outcome::Retry);

    let river = River::start_in(engine).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;
    assert_eq!(river.stored().await, 40);
    assert_eq!(
        river.count("update_events").await,
        80,
        "raw surplus is no harm"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_gone_for_seconds_loses_and_doubles_nothing() {
    let own = Engine::start(testing::config()).await.unwrap();
    let client = own.client();
    migrate(&client).await.unwrap();
    let river = River::start_on_client(client.clone()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(0, 0, 100)).await;

    let before = own.pid();
    kill(before);
    for seq in 1..=6 {
        device
            .send(batch(seq, u32::try_from(seq).unwrap() * 100, 100))
            .await;
    }
    for _ in 1..=6 {
        let receipt = device.receipt().await.unwrap().unwrap();
        assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
    }
    assert!(own.restarts() > 0 && own.pid() != before);
    assert!(river.metrics.insert_retries() > 0);
    assert_eq!(river.stored().await, 700);
    assert!(river.metrics.store_events().balances());
    drop(river);
    own.stop().await.unwrap();
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_durable_in_time_is_asked_for_again() {
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let client = engine.client().with_url(&line.url);
    let receive = ReceiveConfig {
        receipt_deadline_ms: 100,
        retry_after_ms: 7,
        ..ReceiveConfig::default()
    };
    let river = River::start_on(engine, client, receive).await;
    let mut device = river.device("pc-1").await;
    let receipt = device.ask(batch(1, 0, 1)).await;
    assert_eq!(receipt.outcome(), Outcome::Retry);
    assert_eq!(receipt.retry_after_ms, 7);
    assert!(river.metrics.receive_batches().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_without_clickhouse_ends_and_says_what_was_left() {
    let engine = fresh_database().await;
    let client = engine.client().with_url("http://127.0.0.1:1");
    let receive = ReceiveConfig {
        grace_ms: 100,
        ..ReceiveConfig::default()
    };
    let river = River::start_on(engine, client, receive).await;
    let metrics = river.metrics.clone();
    let mut device = river.device("pc-1").await;
    device.send(batch(1, 0, 1)).await;
    until("the batch waits", async || {
        metrics.store_batches().received == 1
    })
    .await;
    let (received, stored) = tokio::time::timeout(Duration::from_secs(20), river.stop())
        .await
        .unwrap();
    received.unwrap();
    assert!(
        stored
            .unwrap_err()
            .to_string()
            .contains("1 batches were left")
    );
    assert!(device.receipt().await.is_err());
    assert!(metrics.store_events().balances() && metrics.receive_batches().balances());
    assert_eq!(metrics.store_events().returned, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_whose_answer_hangs_does_not_outlast_the_grace_period() {
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let client = engine.client().with_url(&line.url);
    let receive = ReceiveConfig {
        grace_ms: 100,
        ..ReceiveConfig::default()
    };
    let river = River::start_on(engine, client, receive).await;
    let metrics = river.metrics.clone();
    let mut device = river.device("pc-1").await;
    device.send(batch(1, 0, 1)).await;
    line.held.notified().await;
    // Far below the deadline of one insert, far above the grace period.
    let (received, stored) = tokio::time::timeout(Duration::from_secs(10), river.stop())
        .await
        .expect("the store stops while its insert hangs");
    received.unwrap();
    assert!(stored.unwrap_err().to_string().contains("1 batches"));
    assert_eq!(metrics.store_events().returned, 1);
    assert!(metrics.store_events().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clickhouse_that_takes_connections_and_never_answers_holds_up_no_stop() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = clickhouse::Client::default().with_url(url);
    let (journal, entries) = Journal::direct(1);
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    let feed = Feed::Direct(entries);
    let storing = store::run(quick_store(), feed, client, Metrics::default(), shutdown);
    let storing = tokio::spawn(storing);
    // It is looking for parked batches now.
    let asked = silent.accept().await.unwrap();
    drop(journal);
    let ended = tokio::time::timeout(Duration::from_secs(10), storing).await;
    ended.expect("it ends with its feed").unwrap().unwrap();
    drop(asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_does_not_wait_for_what_was_parked() {
    let engine = fresh_database().await;
    let line = BrokenLine::silent_about(engine.url(), "dead_letters FINAL").await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    line.held.notified().await;
    device.deliver(batch(1, 0, 40)).await;
    assert_eq!(river.stored().await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_does_not_wait_for_what_devices_read() {
    let engine = fresh_database().await;
    let line = BrokenLine::silent_about(engine.url(), "source_lines FINAL").await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    let told = Contents {
        health: Some(Health {
            lag_bytes: 77,
            sources: vec![SourceLines::default()],
            ..Health::default()
        }),
        ..Contents::default()
    };
    device
        .deliver(Batch {
            epoch: 1,
            batch_seq: 1,
            ..pack(&told).unwrap()
        })
        .await;
    line.held.notified().await;
    assert_eq!(river.count("v_presence WHERE lag_bytes = 77").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_do_not_wait_for_what_is_asked_about_presence() {
    let engine = fresh_database().await;
    let line = BrokenLine::silent_about(engine.url(), "FROM presence FINAL").await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, ReceiveConfig::default()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;
    line.held.notified().await;
    for seq in 2..=4_u32 {
        let delivered = device.deliver(batch(u64::from(seq), seq * 40, 40));
        // Far below the deadline of what hangs.
        let in_time = tokio::time::timeout(Duration::from_secs(15), delivered);
        in_time.await.expect("a receipt while presence hangs");
    }
    assert_eq!(river.stored().await, 160);
}
