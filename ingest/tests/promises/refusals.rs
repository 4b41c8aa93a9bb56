//! ClickHouse and Kafka refuse: what would pass is tried again, what cannot is
//! told, and nothing is lost or thrown away for it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kbwatch_ingest::Journal;
use kbwatch_ingest::config::{
    KafkaConfig, KafkaProtocol, KafkaSecurity, ReceiveConfig, SaslMechanism,
};
use kbwatch_ingest::journal::{await_topic, ensure_topic};
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::{Batch, Outcome};
use tokio::sync::watch;

use crate::broken_line::{BrokenLine, Fault};
use crate::device::{Stream, batch};
use crate::gateway::{PATIENCE, River, fresh_database, until};
use crate::kafka_process::{Broker, fresh_topic, topic_on};
use crate::topic::delete_topic;

/// A ClickHouse that refuses three times; what it says then.
async fn refused_for_a_while(fault: Fault) -> String {
    let engine = fresh_database().await;
    let line = BrokenLine::to(engine.url(), [fault; 3]).await;
    let client = engine.client().with_url(&line.url);
    let river = River::start_on(engine, client, ReceiveConfig::default()).await;
    let mut devices = [river.device("pc-1").await, river.device("pc-2").await];
    devices[0].send(batch(1, 0, 40)).await;
    until("it is refused", async || {
        river.metrics.refused_groups() == 1
    })
    .await;
    devices[1].send(batch(1, 100, 40)).await;
    for device in &mut devices {
        let receipt = device.receipt().await.unwrap().unwrap();
        assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
    }
    let passed = line.passed();
    assert_eq!(passed.len(), 5, "no other group is begun meanwhile");
    assert!(passed[..4].iter().all(|again| *again == passed[0]));
    assert_eq!(river.metrics.refused_groups(), 0);
    assert_eq!(river.stored().await, 80);
    assert_eq!(river.count("dead_letters").await, 0);
    assert!(river.metrics.store_events().balances());
    let refusals = line.refusals();
    assert_eq!(refusals.len(), 3);
    refusals[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clickhouse_that_is_read_only_is_tried_again() {
    let said = refused_for_a_while(Fault::ReadOnly).await;
    assert!(said.contains("READONLY"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clickhouse_without_space_is_tried_again() {
    let said = refused_for_a_while(Fault::NoSpace).await;
    assert!(said.contains("NOT_ENOUGH_SPACE"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_older_than_the_store_hold_it_up_until_they_are_migrated() {
    let engine = fresh_database().await;
    let run = async |statement: &str| {
        let client = engine.client();
        client.query(statement).execute().await.unwrap();
    };
    run("ALTER TABLE update_events DROP COLUMN evidence").await;
    let river = River::start_in(engine.clone()).await;
    let mut device = river.device("pc-1").await;
    device.send(batch(1, 0, 40)).await;
    until("it is refused", async || {
        river.metrics.insert_retries() >= 2
    })
    .await;
    assert_eq!(river.metrics.refused_groups(), 1);
    run("ALTER TABLE update_events ADD COLUMN evidence String AFTER origin").await;
    let receipt = device.receipt().await.unwrap().unwrap();
    assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
    assert_eq!(
        river.count("v_update_events WHERE evidence != ''").await,
        40
    );
    assert_eq!(river.count("dead_letters").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_for_a_topic_that_is_gone_come_again_until_it_is_there() {
    let engine = fresh_database().await;
    let kafka = KafkaConfig {
        delivery_deadline_ms: 3_000,
        ..fresh_topic().await
    };
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let mut device = river.device("pc-1").await;
    deliver_in_the_end(&mut device, &batch(1, 0, 10)).await;
    delete_topic(&kafka).await;
    let receipt = device.ask(batch(2, 10, 10)).await;
    assert_eq!(receipt.outcome(), Outcome::Retry, "{receipt:?}");
    ensure_topic(&kafka).await.unwrap();
    deliver_in_the_end(&mut device, &batch(2, 10, 10)).await;
    assert!(river.metrics.receive_batches().balances());
}

/// As a collector does: again and again.
async fn deliver_in_the_end(device: &mut Stream, batch: &Batch) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while device.ask(batch.clone()).await.outcome() != Outcome::Durable {
        assert!(tokio::time::Instant::now() < end, "it is there again");
    }
}

/// The configuration of one who says to be this user.
fn as_user(brokers: &str, user: &str, password: &str) -> KafkaConfig {
    KafkaConfig {
        security: Some(Box::new(KafkaSecurity {
            protocol: KafkaProtocol::SaslPlaintext,
            ca: None,
            cert: None,
            key: None,
            mechanism: SaslMechanism::Plain,
            user: user.to_owned(),
            password: password.to_owned(),
        })),
        ..topic_on(brokers)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_waited_for_and_told_and_a_missing_right_stops_the_start() {
    let broker = tokio::task::spawn_blocking(|| Broker::start_for("kbwatch", "s3cret", "guest"));
    let broker = broker.await.unwrap();
    let kafka = as_user(&broker.address, "kbwatch", "s3cret");
    let journal = Journal::kafka(&kafka).await.unwrap();
    let record = JournalRecord {
        version: journal::VERSION,
        device_id: "pc-1".to_owned(),
        batch: Some(batch(1, 0, 1)),
        ..JournalRecord::default()
    };
    journal.append(record).await.unwrap();

    let guest = as_user(&broker.address, "guest", "s3cret");
    let refused = ensure_topic(&guest).await.unwrap_err();
    assert!(!refused.may_pass(), "{refused:?}");
    assert!(format!("{refused:?}").contains("Authoriz"), "{refused:?}");

    // Passwords are changed on both sides, and never at one moment.
    let wrong = as_user(&broker.address, "kbwatch", "wrong");
    let (stop, mut shutdown) = watch::channel(false);
    let waiting = {
        let wrong = wrong.clone();
        tokio::spawn(async move { await_topic(&wrong, &mut shutdown).await })
    };
    // A broker that is slow to answer is told as such first.
    let end = tokio::time::Instant::now() + Duration::from_mins(2);
    loop {
        let wrong = wrong.clone();
        let told = tokio::task::spawn_blocking(move || check(&wrong)).await;
        let told = told.unwrap();
        assert!(told.contains("BAD   kafka"), "{told}");
        if told.to_lowercase().contains("authentication") {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{told}");
    }
    assert!(!waiting.is_finished());
    stop.send_replace(true);
    assert!(!waiting.await.unwrap().unwrap(), "asked to stop first");
}

/// What `kbwatch-ingest check` says.
fn check(kafka: &KafkaConfig) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ingest.toml");
    let security = kafka.security.as_ref().unwrap();
    let text = format!(
        "[kafka]\nbrokers = {:?}\ntopic = {:?}\n[kafka.security]\n\
         protocol = \"sasl_plaintext\"\nmechanism = \"PLAIN\"\nuser = {:?}\npassword = {:?}\n",
        kafka.brokers, kafka.topic, security.user, security.password
    );
    std::fs::write(&file, text).unwrap();
    let output = run_check(&file);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

fn run_check(file: &Path) -> std::process::Output {
    let mut check = Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"));
    check
        .args(["check", "--config"])
        .arg(file)
        .output()
        .unwrap()
}
