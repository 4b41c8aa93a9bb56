//! What people run beside the stages: dead letters, topics, check.

use std::process::{Command, Output};

use kbwatch_clickhouse_engine::testing::TestEngine;
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::store::letters::{Wanted, list};
use kbwatch_proto::hex;
use kbwatch_proto::journal::{self, JournalRecord};
use prost::Message;

use crate::device::batch;
use crate::gateway::fresh_database;
use crate::kafka_process::fresh_topic;

/// When the gateway had the batches of these letters.
const RECEIVED_AT_MS: i64 = 1_700_000_000_000;

fn run(engine: &TestEngine, kafka: Option<&KafkaConfig>, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ingest.toml");
    let mut text = "[receive]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    if let Some(kafka) = kafka {
        let own = format!(
            "[kafka]\nbrokers = {:?}\ntopic = {:?}\ngroup = {:?}\npartitions = {}\n",
            kafka.brokers, kafka.topic, kafka.group, kafka.partitions
        );
        text.push_str(&own);
    }
    std::fs::write(&file, text).unwrap();
    let connection = engine.connection();
    Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"))
        .args(arguments)
        .arg("--config")
        .arg(&file)
        .env_remove("KBWATCH_KAFKA_BROKERS")
        .env("RUST_LOG", "error")
        .env("KBWATCH_CLICKHOUSE_URL", &connection.url)
        .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
        .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
        .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database)
        .output()
        .unwrap()
}

fn shown(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Puts a letter there as an older store would have left it.
async fn leave_letter(engine: &TestEngine, device_id: &str, record: &[u8], kind: &str) {
    let sql = format!(
        "INSERT INTO dead_letters (letter_id, device_id, received_at, kind, reason, event_count, record)
         SELECT reverse(sipHash128('{device_id}')), '{device_id}',
                fromUnixTimestamp64Milli({RECEIVED_AT_MS}), '{kind}',
                'an older reason', 3, unhex('{}')",
        hex::encode(record)
    );
    engine.client().query(&sql).execute().await.unwrap();
}

fn record(device_id: &str, format: u32) -> Vec<u8> {
    let mut sealed = batch(1, 0, 3);
    sealed.format += format;
    JournalRecord {
        version: journal::VERSION,
        batch: Some(sealed),
        device_id: device_id.to_owned(),
        received_at_ms: RECEIVED_AT_MS,
        ..JournalRecord::default()
    }
    .encode_to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_and_stored_once_they_can_be_read() {
    let engine = fresh_database().await;
    let empty = shown(&run(&engine, None, &["dead-letters", "list"]));
    assert_eq!(empty, "no dead letters\n");
    leave_letter(&engine, "pc-1", &record("pc-1", 0), "batch").await;
    leave_letter(&engine, "pc-2", &record("pc-2", 1), "parked").await;
    leave_letter(&engine, "pc-3", b"no record", "batch").await;

    let listed = shown(&run(&engine, None, &["dead-letters", "list"]));
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert!(listed.contains("an older reason") && listed.contains("parked"));
    let id = listed.lines().find(|line| line.contains("pc-1")).unwrap();
    let id = id.split(' ').next().unwrap();
    let one = shown(&run(&engine, None, &["dead-letters", "show", id]));
    assert!(
        one.contains("device    pc-1") && one.contains("0.1.0"),
        "{one}"
    );

    let unnamed = run(&engine, None, &["dead-letters", "replay"]);
    assert_eq!(unnamed.status.code(), Some(64));
    let done = shown(&run(&engine, None, &["dead-letters", "replay", "--all"]));
    let expected = "opened 1 letters: 3 events stored, 1 letters stored whole, 1 of no batch, \
                    1 still too new\n";
    assert_eq!(done, expected);
    let client = engine.client();
    let stored = "SELECT count() FROM v_update_events WHERE device_id = 'pc-1'";
    let stored: u64 = client.query(stored).fetch_one().await.unwrap();
    assert_eq!(stored, 3);
    let wanted = Wanted {
        limit: 10,
        ..Wanted::default()
    };
    let mut left = list(&client, &wanted).await.unwrap();
    left.sort_by(|one, other| one.device_id.cmp(&other.device_id));
    let kinds: Vec<&str> = left.iter().map(|letter| letter.kind.as_str()).collect();
    assert_eq!(kinds, ["replayed", "parked", "batch"]);

    // Again: nothing is doubled, nothing is left to open of the first.
    let again = shown(&run(
        &engine,
        None,
        &["dead-letters", "replay", "--device", "pc-1"],
    ));
    assert!(again.starts_with("opened 0 letters"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_yet_keeps_its_bytes_through_a_replay() {
    let engine = fresh_database().await;
    // A field that this code does not know, and a batch that it cannot open.
    let unknown = [0xf8, 0x07, 0x2a];
    let mut damaged = JournalRecord::decode(&*record("pc-1", 0)).unwrap();
    damaged.batch.as_mut().unwrap().event_count = 99;
    // Filed under another name than the record's own.
    damaged.device_id = "PC-1".to_owned();
    damaged.received_at_ms += 1;
    let damaged = [&damaged.encode_to_vec()[..], &unknown].concat();
    let newer = [&record("pc-2", 1)[..], &unknown].concat();
    leave_letter(&engine, "pc-1", &damaged, "batch").await;
    leave_letter(&engine, "pc-2", &newer, "parked").await;

    let done = shown(&run(&engine, None, &["dead-letters", "replay", "--all"]));
    let expected = "opened 1 letters: 0 events stored, 0 letters stored whole, 0 of no batch, \
                    1 still too new\n";
    assert_eq!(done, expected);
    let kept: Vec<(String, String)> = engine
        .client()
        .query(
            "SELECT toString(kind), lower(hex(record)) FROM dead_letters FINAL ORDER BY device_id",
        )
        .fetch_all()
        .await
        .unwrap();
    let left = [("batch", damaged), ("parked", newer)];
    assert_eq!(
        kept,
        left.map(|(kind, bytes)| (kind.to_owned(), hex::encode(&bytes)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_letters_than_are_listed_are_counted_and_replayed_all_the_same() {
    let engine = fresh_database().await;
    let sql = format!(
        "INSERT INTO dead_letters (letter_id, device_id, received_at, kind, reason, event_count, record)
         SELECT reverse(sipHash128(number)), 'pc-1', fromUnixTimestamp64Milli({RECEIVED_AT_MS}),
                'batch', 'an older reason', 3, unhex('{}') FROM numbers(130)",
        hex::encode(&record("pc-1", 0))
    );
    engine.client().query(&sql).execute().await.unwrap();

    let listed = shown(&run(&engine, None, &["dead-letters", "list"]));
    assert_eq!(listed.lines().count(), 102, "{listed}");
    assert!(listed.contains("\nand 30 more: "), "{listed}");
    let all = shown(&run(&engine, None, &["dead-letters", "list", "--all"]));
    assert_eq!(all.lines().count(), 131);

    for id in ["", "pc-1"] {
        let refused = run(&engine, None, &["dead-letters", "replay", id]);
        assert_eq!(refused.status.code(), Some(64));
    }
    let done = run(
        &engine,
        None,
        &["dead-letters", "replay", "--kind", "batch"],
    );
    let done = shown(&done);
    assert!(done.starts_with("opened 130 letters: "), "{done}");
    assert!(done.contains(" 130 letters stored whole"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_created_as_configured_and_described() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let missing = run(&engine, Some(&kafka), &["topics", "describe"]);
    assert_eq!(missing.status.code(), Some(1));
    let made = shown(&run(&engine, Some(&kafka), &["topics", "create"]));
    assert!(made.contains("partitions            3"), "{made}");
    assert!(made.contains("kept for              168 hours"), "{made}");
    let described = shown(&run(&engine, Some(&kafka), &["topics", "describe"]));
    assert!(described.contains("behind by  0 batches"), "{described}");
    let without = run(&engine, None, &["topics", "describe"]);
    assert_eq!(without.status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_river_well_or_says_what_to_do() {
    let (engine, kafka) = (fresh_database().await, fresh_topic().await);
    let topicless = run(&engine, Some(&kafka), &["check"]);
    assert_eq!(topicless.status.code(), Some(1));
    let said = String::from_utf8_lossy(&topicless.stdout).into_owned();
    assert!(
        said.contains("BAD   kafka") && said.contains("topics create"),
        "{said}"
    );
    shown(&run(&engine, Some(&kafka), &["topics", "create"]));
    let well = shown(&run(&engine, Some(&kafka), &["check"]));
    for line in [
        "ok    kafka",
        "ok    stores",
        "ok    clickhouse",
        "ok    tables",
    ] {
        assert!(well.contains(line), "{well}");
    }
    engine
        .client()
        .query("ALTER TABLE ingest_schema_migrations DELETE WHERE name LIKE '0008%' SETTINGS mutations_sync = 1")
        .execute()
        .await
        .unwrap();
    let old = run(&engine, None, &["check"]);
    assert_eq!(old.status.code(), Some(1));
    let said = String::from_utf8_lossy(&old.stdout).into_owned();
    assert!(
        said.contains("BAD   tables") && said.contains("0008"),
        "{said}"
    );
}
