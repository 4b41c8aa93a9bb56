//! Through Apache Kafka, with stores as processes of their own that die.
//!
//! Needs Java and Maven, or brokers in `KBWATCH_KAFKA_BROKERS`; fails loudly
//! without.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kbwatch_clickhouse_engine::testing::TestEngine;
use kbwatch_ingest::Journal;
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::journal::lag;
use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::Outcome;
use prost::Message;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::OnceCell;

use crate::broken_line::{BrokenLine, Fault};
use crate::gateway::{River, batch, fresh_database, until};

static BROKERS: OnceCell<String> = OnceCell::const_new();
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A topic of its own, on brokers that all tests share.
async fn fresh_topic() -> KafkaConfig {
    let brokers = BROKERS.get_or_init(async || match std::env::var("KBWATCH_KAFKA_BROKERS") {
        Ok(brokers) => brokers,
        Err(_) => tokio::task::spawn_blocking(start_broker).await.unwrap(),
    });
    let own = format!(
        "{}-{}",
        std::process::id(),
        TOPICS.fetch_add(1, Ordering::SeqCst)
    );
    KafkaConfig {
        brokers: brokers.await.clone(),
        topic: format!("batches-{own}"),
        group: format!("stores-{own}"),
        partitions: 3,
        ..KafkaConfig::default()
    }
}

/// Starts a broker that goes with this process.
fn start_broker() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{}", std::process::id()));
    let mut script = Command::new("bash")
        .arg(root.join("deploy/kafka/kafka.sh"))
        .arg(&folder)
        .args([free_port(), free_port()])
        .env("KBWATCH_KAFKA_EPHEMERAL", "yes")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(script.stdout.take().unwrap()).lines().next();
    match said {
        Some(Ok(line)) if line.starts_with("ready ") => line["ready ".len()..].to_owned(),
        _ => panic!(
            "no Apache Kafka for the tests (see above): {:?}; install Java 17 and Maven, or set \
             KBWATCH_KAFKA_BROKERS",
            script.wait()
        ),
    }
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// A `kbwatch-ingest store` of its own.
struct Store {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Store {
    fn start(engine: &TestEngine, url: &str, kafka: &KafkaConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ingest.toml");
        let text = format!(
            "[store]\ngroup_age_ms = 20\nretry_cap_ms = 200\n\
             [kafka]\nbrokers = {:?}\ntopic = {:?}\ngroup = {:?}\n",
            kafka.brokers, kafka.topic, kafka.group
        );
        std::fs::write(&file, text).unwrap();
        let connection = engine.connection();
        let process = Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"))
            .args(["store", "--config"])
            .arg(&file)
            .env("KBWATCH_CLICKHOUSE_URL", url)
            .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
            .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
            .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database)
            .spawn()
            .unwrap();
        Self {
            process,
            _folder: folder,
        }
    }

    /// kill -9.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; says whether it ended well.
    fn stop(mut self) -> bool {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.process.wait().unwrap().success()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Already gone where a test ended it.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn caught_up(kafka: &KafkaConfig) {
    until("the stores caught up", async || {
        let kafka = kafka.clone();
        tokio::task::spawn_blocking(move || lag(&kafka))
            .await
            .unwrap()
            .unwrap()
            == 0
    })
    .await;
}

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
