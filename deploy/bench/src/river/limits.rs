//! What the engines could do with the same work, bare: the river's rivals.

use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use kbwatch_clickhouse_engine::{Connection, Engine};
use kbwatch_proto::journal::{JournalRecord, VERSION};
use kbwatch_proto::telemetry::{Batch, Gateway, GatewayClient, GatewayServer, Outcome, Receipt};
use prost::Message;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::{Failure, cpu};

/// Reads every log and looks for line ends: what no collector can do without.
pub(crate) fn scan(logs: &[std::path::PathBuf]) -> Result<f64, Failure> {
    let begin = cpu::own();
    let mut lines = 0;
    let mut chunk = vec![0; 1 << 20];
    for log in logs {
        let mut file = std::fs::File::open(log)?;
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            lines += memchr::memchr_iter(b'\n', &chunk[..read]).count();
        }
    }
    if lines == 0 {
        return Err("nothing to scan".into());
    }
    Ok(cpu::own() - begin)
}

struct Echo;

#[tonic::async_trait]
impl Gateway for Echo {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<Receipt, Status>> + Send>>;

    async fn report(
        &self,
        batches: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let receipts = batches.into_inner().map(|batch| {
            batch.map(|batch| Receipt {
                batch_seq: batch.batch_seq,
                outcome: Outcome::Durable.into(),
                ..Receipt::default()
            })
        });
        Ok(Response::new(Box::pin(receipts)))
    }
}

/// Serves a gateway that only answers, for as long as it is polled.
pub(crate) async fn serve_echo(
    listener: tokio::net::TcpListener,
) -> Result<(), tonic::transport::Error> {
    tonic::transport::Server::builder()
        .add_service(GatewayServer::new(Echo).max_decoding_message_size(16 << 20))
        .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener))
        .await
}

/// Sends the same batches to a server that only answers; CPU of both sides.
pub(crate) async fn echo(batches: &[Batch]) -> Result<f64, Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve_echo(listener));
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?;
    let mut client = GatewayClient::new(endpoint.connect().await?);
    let begin = cpu::own();
    let sent = batches.to_vec();
    let mut receipts = client.report(tokio_stream::iter(sent)).await?.into_inner();
    let mut answered = 0;
    while let Some(receipt) = receipts.next().await {
        receipt?;
        answered += 1;
    }
    server.abort();
    if answered != batches.len() {
        return Err("the echo lost batches".into());
    }
    Ok(cpu::own() - begin)
}

/// Database into which the rows are inserted again.
const LIMIT: &str = "bench_limit";

/// What decides how ClickHouse goes about an insert, as the store sets it.
const SETTINGS: &str =
    "async_insert = 0, optimize_on_insert = 0, max_partitions_per_insert_block = 0";

/// Rows of a block, and of an insert: ClickHouse's own `max_block_size`.
const BLOCK: u64 = 65_409;

/// Inserts the rows of a database's `update_events` again: into the same tables
/// with the same views and settings, one Native block after the other over plain
/// HTTP, each prepared beforehand in the table's order. CPU of the server, its
/// merges included, and of this client.
pub(crate) fn insert(
    runtime: &tokio::runtime::Runtime,
    engine: &Engine,
    from: &Connection,
    rows: u64,
) -> Result<f64, Failure> {
    let columns = ask(
        from,
        "SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns \
         WHERE database = currentDatabase() AND table = 'update_events' AND name != 'stored_at'",
        &[],
    )?;
    let columns = String::from_utf8_lossy(&columns).trim().to_owned();
    let blocks: Result<Vec<_>, _> = (0..rows.div_ceil(BLOCK))
        .map(|block| {
            let select = format!(
                "SELECT {columns} FROM update_events ORDER BY device_id, printed_at, event_id \
                 LIMIT {BLOCK} OFFSET {} FORMAT Native",
                block * BLOCK
            );
            ask(from, &select, &[])
        })
        .collect();
    let blocks = blocks?;
    ask(from, &format!("DROP DATABASE IF EXISTS {LIMIT}"), &[])?;
    let into = from.with_database(LIMIT);
    runtime.block_on(into.create_database())?;
    runtime.block_on(kbwatch_ingest::migrate(&into.client()))?;
    settle(from)?;
    let begin = cpu::own() + cpu::seconds(engine.pid());
    let statement =
        format!("INSERT INTO update_events ({columns}) SETTINGS {SETTINGS} FORMAT Native");
    for block in &blocks {
        ask(&into, &statement, block)?;
    }
    settle(from)?;
    let spent = cpu::own() + cpu::seconds(engine.pid()) - begin;
    let copied = ask(&into, "SELECT count() FROM update_events", &[])?;
    let copied: u64 = String::from_utf8_lossy(&copied).trim().parse()?;
    if copied < rows {
        return Err(format!("{copied} of {rows} rows were copied").into());
    }
    Ok(spent)
}

/// Waits until the server has nothing left to merge.
pub(crate) fn settle(connection: &Connection) -> Result<(), Failure> {
    let mut quiet = 0;
    while quiet < 3 {
        std::thread::sleep(Duration::from_millis(100));
        let merges = ask(connection, "SELECT count() FROM system.merges", &[])?;
        quiet = if merges.trim_ascii() == b"0" {
            quiet + 1
        } else {
            0
        };
    }
    Ok(())
}

/// One statement over plain HTTP.
pub(crate) fn ask(
    connection: &Connection,
    statement: &str,
    body: &[u8],
) -> Result<Vec<u8>, Failure> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_mins(2)))
        .build()
        .into();
    let mut answer = agent
        .post(&connection.url)
        .query("database", &connection.database)
        .query("query", statement)
        .header("X-ClickHouse-User", &connection.user)
        .header("X-ClickHouse-Key", &connection.password)
        .send(body)?;
    Ok(answer
        .body_mut()
        .with_config()
        .limit(4 << 30)
        .read_to_vec()?)
}

/// Produces the same batches to Kafka in a bare loop; CPU of this process.
pub(crate) fn produce(brokers: &str, topic: &str, batches: &[Batch]) -> Result<f64, Failure> {
    let begin = cpu::own();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("compression.codec", "none")
        .create()?;
    for (number, batch) in batches.iter().enumerate() {
        let value = JournalRecord {
            version: VERSION,
            batch: Some(batch.clone()),
            device_id: format!("bench-{}", number % 100),
            ..JournalRecord::default()
        }
        .encode_to_vec();
        let key = format!("bench-{}", number % 100);
        while producer
            .send(BaseRecord::to(topic).key(&key).payload(&value))
            .is_err()
        {
            producer.poll(Duration::from_millis(10));
        }
    }
    producer.flush(Duration::from_mins(1))?;
    Ok(cpu::own() - begin)
}

/// The batches that a collector would make of these logs, so many events each.
pub(crate) fn batches(
    logs: &[std::path::PathBuf],
    events_each: usize,
) -> Result<Vec<Batch>, Failure> {
    let mut batches = Vec::new();
    for log in logs {
        let parsed = kbwatch_collector::parse::parse_file(Path::new(log), None, "bench")?;
        for events in parsed.events.chunks(events_each) {
            let mut batch = kbwatch_proto::batch::pack(&kbwatch_proto::batch::Contents {
                events: events.to_vec(),
                ..Default::default()
            })?;
            batch.batch_seq = batches.len() as u64;
            batches.push(batch);
        }
    }
    Ok(batches)
}
