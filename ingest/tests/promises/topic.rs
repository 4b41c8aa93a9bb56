//! The topic itself goes wrong: made anew, cut short, too narrow.

use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::{Journal, Metrics};
use kbwatch_proto::batch::{FORMAT, checksum};
use kbwatch_proto::telemetry::{Batch, Outcome};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::watch;

use crate::device::batch;
use crate::gateway::{PATIENCE, River, fresh_database, quick_store, until};
use crate::kafka_process::{Store, caught_up, fresh_topic};

fn admin(kafka: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .create()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_offsets_of_a_topic_made_anew_are_other_rows() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    for (seq, from) in [(1, 0), (2, 100)] {
        let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
        let mut device = river.device("pc-1").await;
        device.deliver(batch(seq, from, 10)).await;
        let store = Store::start(&engine, engine.url(), &kafka);
        caught_up(&kafka).await;
        assert!(store.stop());
        delete_topic(&kafka).await;
    }
    let raw: u64 = engine
        .client()
        .query("SELECT count() FROM update_events")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(raw, 20);
}

pub(crate) async fn delete_topic(kafka: &KafkaConfig) {
    let admin = admin(kafka);
    let deleted = admin.delete_topics(&[&kafka.topic], &AdminOptions::new());
    assert!(deleted.await.unwrap()[0].is_ok());
    until("the topic is gone", async || {
        // Asked by name, a broker might make it again.
        let all = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
        all.topics().iter().all(|topic| topic.name() != kafka.topic)
    })
    .await;
}

/// Runs a store in this process until everything is committed.
async fn store_all(client: clickhouse::Client, kafka: &KafkaConfig) -> Metrics {
    let metrics = Metrics::default();
    let (stop, shutdown) = watch::channel(false);
    let feed = Feed::Kafka(kafka.clone());
    let own = metrics.clone();
    let running = tokio::spawn(store::run(quick_store(), feed, client, own, shutdown));
    caught_up(kafka).await;
    stop.send_replace(true);
    running.await.unwrap().unwrap();
    metrics
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_removed_before_a_store_took_it_is_counted() {
    let engine = fresh_database().await;
    let kafka = KafkaConfig {
        partitions: 1,
        ..fresh_topic().await
    };
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let mut device = river.device("pc-1").await;
    device.deliver(batch(0, 0, 10)).await;
    let metrics = store_all(engine.client(), &kafka).await;
    assert_eq!(metrics.lost_records(), 0);

    for seq in 1..=3_u32 {
        device.deliver(batch(u64::from(seq), seq * 10, 10)).await;
    }
    // As retention does when stores are down for too long.
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(&kafka.topic, 0, Offset::Offset(3))
        .unwrap();
    let admin = admin(&kafka);
    let removed = admin.delete_records(&before, &AdminOptions::new()).await;
    assert_eq!(removed.unwrap().elements()[0].error(), Ok(()));
    let metrics = store_all(engine.client(), &kafka).await;
    assert_eq!(metrics.lost_records(), 2);
    assert_eq!(river.stored().await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_its_topic_never_takes_is_refused_and_the_stream_goes_on() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let river = River::start_into(&engine, Journal::kafka(&kafka).await.unwrap()).await;
    let narrow =
        AlterConfig::new(ResourceSpecifier::Topic(&kafka.topic)).set("max.message.bytes", "20000");
    let admin = admin(&kafka);
    let altered = admin.alter_configs([&narrow], &AdminOptions::new()).await;
    assert!(altered.unwrap()[0].is_ok());

    let payload = vec![7; 100_000];
    let large = Batch {
        epoch: 1,
        batch_seq: 1,
        format: FORMAT + 1,
        checksum: checksum(&payload),
        payload,
        ..Batch::default()
    };
    let mut device = river.device("pc-1").await;
    // Until the broker noticed its new setting.
    let refused = loop {
        let receipt = device.ask(large.clone()).await;
        if receipt.outcome() != Outcome::Durable {
            break receipt;
        }
    };
    assert_eq!(refused.outcome(), Outcome::Refused, "{refused:?}");
    assert!(refused.reason.contains("larger than its topic allows"));
    device.deliver(batch(2, 0, 1)).await;
    assert_eq!(river.metrics.refused("journal_too_large"), 1);
    assert!(river.metrics.receive_batches().balances());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_too_narrow_stops_the_start() {
    let kafka = fresh_topic().await;
    let narrow = NewTopic::new(&kafka.topic, 1, TopicReplication::Fixed(1))
        .set("max.message.bytes", "1000000");
    let created = admin(&kafka)
        .create_topics([&narrow], &AdminOptions::new())
        .await;
    assert!(created.unwrap()[0].is_ok());
    let refused = Journal::kafka(&kafka).await.err().unwrap().to_string();
    assert!(refused.contains("max.message.bytes = 1000000"), "{refused}");
    assert!(refused.contains("raise it"), "{refused}");
}
