//! Through Apache Kafka, with everything dying that can.

use kbwatch_ingest::Journal;
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::journal::lag;
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::Outcome;
use prost::Message;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::broken_line::{BrokenLine, Fault};
use crate::device::batch;
use crate::gateway::{River, fresh_database};
use crate::kafka_process::{Broker, Store, caught_up, fresh_topic, topic_on};

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_die_midway_lose_and_double_nothing() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let mut stores: Vec<Store> = (0..2)
        .map(|_| Store::start(&engine, engine.url(), &kafka))
        .collect();
    let mut sent = 0;
    for round in 0..4_u32 {
        for number in 0..10 {
            let mut device = river.device(&format!("pc-{number}")).await;
            for seq in 0..4 {
                let from = ((round * 10 + number) * 4 + seq) * 50;
                device.send(batch(u64::from(seq), from, 50)).await;
                sent += 50;
            }
            for _ in 0..4 {
                let receipt = device.receipt().await.unwrap().unwrap();
                assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
            }
        }
        let victim = usize::try_from(round).unwrap() % 2;
        stores[victim].kill();
        stores[victim] = Store::start(&engine, engine.url(), &kafka);
    }
    caught_up(&kafka).await;
    assert_eq!(river.stored().await, sent);
    let distinct = river
        .count("(SELECT DISTINCT event_id FROM update_events)")
        .await;
    assert_eq!(distinct, sent);
    assert!(river.metrics.receive_batches().balances());
    for store in stores {
        assert!(store.stop(), "a store that is asked to stop ends well");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_is_committed_after_the_insert_and_never_before() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 40)).await;
    assert_eq!(
        river.stored().await,
        0,
        "the receipt did not wait for a store"
    );

    let line = BrokenLine::to(engine.url(), [Fault::HoldAnswer]).await;
    let mut store = Store::start(&engine, &line.url, &kafka);
    line.held.notified().await;
    assert_eq!(river.stored().await, 40, "ClickHouse has the rows already");
    store.kill();
    let asked = kafka.clone();
    let behind = tokio::task::spawn_blocking(move || lag(&asked))
        .await
        .unwrap();
    assert_eq!(behind.unwrap(), 1, "not committed");

    let store = Store::start(&engine, engine.url(), &kafka);
    caught_up(&kafka).await;
    assert_eq!(river.stored().await, 40);
    assert!(store.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_dead_letters_and_the_rest_is_stored() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let newer = JournalRecord {
        version: journal::VERSION + 1,
        batch: Some(batch(9, 100, 3)),
        device_id: "pc-1".to_owned(),
        ..JournalRecord::default()
    };
    let mut newer = newer.encode_to_vec();
    // A field that this version does not know: number 99, value 1.
    newer.extend([0x98, 0x06, 0x01]);
    poison(&kafka, &[b"\xff\xffnoise", b"", &newer]).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(1, 0, 10)).await;

    let store = Store::start(&engine, engine.url(), &kafka);
    caught_up(&kafka).await;
    assert_eq!(river.stored().await, 10);
    assert_eq!(river.count("v_dead_letters WHERE kind = 'batch'").await, 2);
    let kept = river
        .text("SELECT lower(hex(record)) FROM v_dead_letters WHERE kind = 'parked'")
        .await;
    assert!(kept.ends_with("980601"), "parked in the very bytes: {kept}");
    assert!(store.stop());
}

async fn poison(kafka: &KafkaConfig, values: &[&[u8]]) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .create()
        .unwrap();
    for value in values {
        let record = FutureRecord::to(&kafka.topic).key("pc-1").payload(*value);
        let patience = std::time::Duration::from_secs(10);
        producer.send(record, patience).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_dies_and_comes_back_loses_and_doubles_nothing() {
    let engine = fresh_database().await;
    let mut broker = tokio::task::spawn_blocking(Broker::start).await.unwrap();
    let kafka = topic_on(&broker.address);
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let store = Store::start(&engine, engine.url(), &kafka);
    let mut device = river.device("pc-1").await;
    device.deliver(batch(0, 0, 20)).await;

    broker.kill();
    for seq in 1..=5_u32 {
        device.send(batch(u64::from(seq), seq * 20, 20)).await;
    }
    let broker = tokio::task::spawn_blocking(move || {
        broker.start_again();
        broker
    });
    let broker = broker.await.unwrap();
    for _ in 1..=5 {
        let receipt = device.receipt().await.unwrap().unwrap();
        assert_eq!(receipt.outcome(), Outcome::Durable, "{receipt:?}");
    }
    caught_up(&kafka).await;
    assert_eq!(river.stored().await, 120);
    assert!(store.stop());
    drop(broker);
}
