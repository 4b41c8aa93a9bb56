//! The way of one batch through processes of their own, as an OpenTelemetry
//! collector hears of it.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use kbwatch_clickhouse_engine::testing::TestEngine;
use kbwatch_ingest::config::KafkaConfig;
use serde_json::{Value, json};

use crate::device::{batch, connect, open_under};
use crate::gateway::{fresh_database, until};
use crate::hearing::SHOWN_OF_PROCESSES;
use crate::kafka_process::fresh_topic;

const SENDER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Spans as they came, each with the process that sent it.
type Spans = Arc<Mutex<Vec<Value>>>;

/// A collector of OpenTelemetry, as far as it takes spans.
async fn collector() -> (String, Spans) {
    let spans = Spans::default();
    let router = axum::Router::new()
        .route("/v1/traces", post(take))
        .with_state(spans.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, spans)
}

async fn take(State(spans): State<Spans>, Json(request): Json<Value>) -> Json<Value> {
    for part in request["resourceSpans"].as_array().unwrap() {
        let sender = part["resource"]["attributes"].as_array().unwrap();
        assert!(sender.contains(&json!({
            "key": "service.name", "value": { "stringValue": "kbwatch-ingest" },
        })));
        let pid = &sender[1]["value"]["intValue"];
        let told = part["scopeSpans"][0]["spans"].as_array().unwrap();
        for span in told {
            let mut span = span.clone();
            span["pid"] = pid.clone();
            spans.lock().unwrap().push(span);
        }
    }
    Json(json!({}))
}

/// A stage as a process, ended with its test.
struct Stage(Child);

impl Stage {
    fn start(name: &str, engine: &TestEngine, config: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        let (_, path) = file.keep().unwrap();
        let connection = engine.connection();
        let process = Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"))
            .args([name, "--config"])
            .arg(path)
            .env("RUST_LOG", SHOWN_OF_PROCESSES)
            .env("KBWATCH_CLICKHOUSE_URL", &connection.url)
            .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
            .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
            .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database)
            .spawn();
        Self(process.unwrap())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Sends one batch through the stages and says what the collector heard of it.
async fn spans_of_one_batch(kafka: Option<KafkaConfig>) -> Vec<Value> {
    let engine = fresh_database().await;
    let (url, spans) = collector().await;
    let gate = free_address();
    let mut config =
        format!("[receive]\nlisten = \"{gate}\"\n[trace]\notlp = \"{url}\"\nsample = 1.0\n");
    let mut stages = Vec::new();
    if let Some(kafka) = kafka {
        let KafkaConfig {
            brokers,
            topic,
            group,
            ..
        } = kafka;
        write!(
            config,
            "[kafka]\nbrokers = {brokers:?}\ntopic = {topic:?}\ngroup = {group:?}\n"
        )
        .unwrap();
        stages.push(Stage::start("store", &engine, &config));
    }
    stages.push(Stage::start("receive", &engine, &config));
    until("the gateway listens", async || {
        tokio::net::TcpStream::connect(gate).await.is_ok()
    })
    .await;
    let mut device = open_under(connect(gate, None).await, Some(SENDER))
        .await
        .unwrap();
    let mut one = batch(1, 0, 5);
    one.declared_device = "pc-1".to_owned();
    device.deliver(one).await;
    until("all spans came", async || spans.lock().unwrap().len() >= 5).await;
    spans.lock().unwrap().clone()
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} twice");
    span
}

fn check(spans: &[Value]) {
    assert_eq!(spans.len(), 5, "{spans:#?}");
    for (name, parent) in [
        ("journal", "receive"),
        ("store", "journal"),
        ("unpack", "store"),
        ("insert", "store"),
    ] {
        let (span, parent) = (named(spans, name), named(spans, parent));
        assert_eq!(span["parentSpanId"], parent["spanId"], "{name}");
        let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(
            time(span, "startTimeUnixNano") >= time(parent, "startTimeUnixNano"),
            "{name}"
        );
        assert!(
            time(span, "endTimeUnixNano") >= time(span, "startTimeUnixNano"),
            "{name}"
        );
    }
    let (_, sender) = SENDER.split_once('-').unwrap();
    for span in spans {
        assert!(sender.starts_with(span["traceId"].as_str().unwrap()));
        assert_eq!(span["status"], json!({}), "{span}");
    }
    let receive = named(spans, "receive");
    assert_eq!(receive["parentSpanId"], "b7ad6b7169203331");
    let said = receive["attributes"].as_array().unwrap();
    assert!(said.contains(&json!({ "key": "device", "value": { "stringValue": "pc-1" } })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_batch_are_joined_over_receive_kafka_and_store() {
    let spans = spans_of_one_batch(Some(fresh_topic().await)).await;
    check(&spans);
    assert_ne!(
        named(&spans, "receive")["pid"],
        named(&spans, "store")["pid"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_batch_are_joined_in_one_process() {
    let spans = spans_of_one_batch(None).await;
    check(&spans);
    let end = |name: &str| {
        named(&spans, name)["endTimeUnixNano"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(end("journal") >= end("insert"), "durable is inserted");
    assert!(
        end("receive") >= end("insert"),
        "the receipt comes after the insert"
    );
}
