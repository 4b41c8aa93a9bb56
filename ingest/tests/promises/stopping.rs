//! What must not go on: a try of an insert beside the next, and a store that can
//! open nothing any more.

use kbwatch_ingest::config::StoreConfig;
use kbwatch_ingest::journal::lag;
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::{Journal, Metrics};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::Batch;
use tokio::sync::watch;

use crate::device::{batch, event, sealed};
use crate::gateway::{fresh_database, quick_store, until};
use crate::kafka_process::fresh_topic;

fn record(device_id: &str, batch: Batch) -> JournalRecord {
    JournalRecord {
        version: journal::VERSION,
        batch: Some(batch),
        device_id: device_id.to_owned(),
        received_at_ms: 1_673_427_600_000,
        ..JournalRecord::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_is_late_is_called_off_before_the_next_and_doubles_nothing() {
    let engine = fresh_database().await;
    // No insert of so many months is done by then at its first try.
    let config = StoreConfig {
        insert_deadline_ms: 30,
        ..quick_store()
    };
    let (journal, entries) = Journal::direct(4);
    let (_stop, shutdown) = watch::channel(false);
    let metrics = Metrics::default();
    let feed = Feed::Direct(entries);
    let (client, counts) = (engine.client(), metrics.clone());
    tokio::spawn(store::run(config, feed, client, counts, shutdown));
    let month = 31 * 24 * 3600 * 1000;
    let events = (0..2_000_u32).map(|number| UpdateEvent {
        printed_at_ms: Some(1_000_000_000_000 + i64::from(number % 100) * month),
        ..event(number)
    });
    let century = record("pc-1", sealed(1, events.collect()));
    journal.append(century).await.unwrap();
    assert!(metrics.insert_retries() > 0, "no try was late");
    let raw = "SELECT count() FROM update_events";
    let raw: u64 = engine.client().query(raw).fetch_one().await.unwrap();
    assert_eq!(raw, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_which_nothing_can_be_opened_is_stopped_before_all_of_it_lies_in_letters() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let journal = Journal::kafka(&kafka).await.unwrap();
    // As from gateways that are newer than this store, in a way nobody foresaw.
    let broken = Batch {
        payload: b"no zstd".to_vec(),
        unpacked_len: 7,
        event_count: 1,
        ..batch(1, 0, 1)
    };
    let appends = (0..1_500_u32).map(|number| {
        let device = format!("pc-{}", number % 30);
        journal.append(record(&device, broken.clone()))
    });
    for appended in futures_util::future::join_all(appends).await {
        appended.unwrap();
    }
    let (stop, shutdown) = watch::channel(false);
    let metrics = Metrics::default();
    let feed = Feed::Kafka(kafka.clone());
    let (client, counts) = (engine.client(), metrics.clone());
    let storing = tokio::spawn(store::run(quick_store(), feed, client, counts, shutdown));
    until("every partition is stopped", async || {
        metrics.stopped_partitions() == 3
    })
    .await;
    assert!(metrics.store_trouble(true).is_some());
    until("what came before is in letters", async || {
        metrics.letters("batch") == 3 * 199
    })
    .await;
    stop.send_replace(true);
    storing.await.unwrap().unwrap();
    let asked = kafka.clone();
    let left = tokio::task::spawn_blocking(move || lag(&asked).unwrap());
    assert_eq!(left.await.unwrap(), 1_500 - 3 * 199, "they come again");
    assert!(metrics.store_batches().balances() && metrics.store_events().balances());
}
