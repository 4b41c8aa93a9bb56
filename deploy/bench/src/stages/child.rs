//! What is measured, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use clickhouse::Client;
use kbwatch_ingest::config::{KafkaConfig, ReceiveConfig, StoreConfig, TlsConfig, TlsVersion};
use kbwatch_ingest::receive::Gate;
use kbwatch_ingest::store::{self, Feed};
use kbwatch_ingest::{Journal, Metrics};
use kbwatch_proto::journal::{JournalRecord, VERSION};
use kbwatch_proto::telemetry::Batch;
use tokio::sync::{Semaphore, watch};

use super::send::{DEVICE, kept};
use crate::river::limits;
use crate::{Failure, cpu};

/// First argument that makes this executable what is measured.
const ARGUMENT: &str = "bench-stage";

/// Batches on their way to the store at once: as many as waiting devices after
/// an hour without a database.
const IN_FLIGHT: usize = 512;

/// A server of ours or of the rival's; it ends when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    pub(super) port: u16,
}

impl Child {
    pub(super) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut process = command(arguments)?.stdin(Stdio::piped()).spawn()?;
        let said = process.stdout.take().ok_or("no output")?;
        let line = BufReader::new(said).lines().next().ok_or("no port")??;
        let port = line.trim().parse()?;
        Ok(Self { process, port })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Runs a child to its end and returns the CPU seconds that it says it spent.
pub(super) fn spent(arguments: &[&str]) -> Result<f64, Failure> {
    let done = command(arguments)?.stdin(Stdio::null()).output()?;
    if !done.status.success() {
        return Err(format!("{}: {}", arguments[0], done.status).into());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().parse()?)
}

fn command(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT).args(arguments).stdout(Stdio::piped());
    Ok(command)
}

/// Becomes what is measured if this process was started as that.
pub(crate) fn serve_if_asked() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (first, rest) = arguments.split_first()?;
    (first == ARGUMENT).then(|| {
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        match run(&rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        }
    })
}

#[expect(clippy::print_stderr, reason = "the parent's terminal")]
fn complain(error: &Failure) {
    eprintln!("stage: {error}");
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments {
        ["echo", ..] => runtime.block_on(echo()),
        ["gateway", _] => runtime.block_on(gateway_of_memory(None)),
        ["gateway-tls", folder] => runtime.block_on(gateway_of_memory(Some(files(folder)))),
        ["gateway", brokers, topic] => runtime.block_on(gateway_of_kafka(brokers, topic)),
        ["produce", brokers, topic, path] => say(limits::produce(brokers, topic, &kept(path)?)?),
        ["store", path, url, user, password, database] => {
            let client = Client::default()
                .with_url(*url)
                .with_user(*user)
                .with_password(*password)
                .with_database(*database);
            let batches = kept(path)?;
            let before = cpu::fine_seconds(std::process::id());
            runtime.block_on(store_all(client, batches))?;
            say(cpu::fine_seconds(std::process::id()) - before)
        }
        _ => Err("unknown stage".into()),
    }
}

fn say(what: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}

async fn echo() -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say(listener.local_addr()?.port())?;
    limits::serve_echo(listener).await?;
    Ok(())
}

/// Over a journal in which everything is durable at once; groups are answered
/// together, as the store does.
async fn gateway_of_memory(tls: Option<TlsConfig>) -> Result<(), Failure> {
    let (journal, mut entries) = Journal::direct(1_024);
    tokio::spawn(async move {
        let mut group = Vec::new();
        while entries.recv_many(&mut group, 1_024).await > 0 {
            for entry in group.drain(..) {
                // Whoever waited may have gone.
                entry.durable.send(()).unwrap_or_default();
            }
        }
    });
    gateway(journal, tls).await
}

/// Certificates as they lie in a folder.
fn files(folder: &str) -> TlsConfig {
    let folder = Path::new(folder);
    TlsConfig {
        cert: folder.join("gateway.pem"),
        key: folder.join("gateway.key"),
        client_ca: folder.join("ca.pem"),
        client_crl: Some(folder.join("crl.pem")),
        min_version: TlsVersion::default(),
    }
}

async fn gateway_of_kafka(brokers: &str, topic: &str) -> Result<(), Failure> {
    let kafka = KafkaConfig {
        brokers: brokers.to_owned(),
        topic: topic.to_owned(),
        ..KafkaConfig::default()
    };
    gateway(Journal::kafka(&kafka).await?, None).await
}

async fn gateway(journal: Journal, tls: Option<TlsConfig>) -> Result<(), Failure> {
    let config = ReceiveConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tls,
        device_bytes_per_s: u32::MAX,
        ..ReceiveConfig::default()
    };
    let gate = Gate::open(config).await?;
    say(gate.address().port())?;
    let (_stop, shutdown) = watch::channel(false);
    gate.serve(journal, Metrics::default(), shutdown).await?;
    Ok(())
}

/// Gives the store every batch, many at once, and waits until all are durable.
async fn store_all(client: Client, batches: Vec<Batch>) -> Result<(), Failure> {
    let (_stop, shutdown) = watch::channel(false);
    let (journal, entries) = Journal::direct(1_024);
    let feed = Feed::Direct(entries);
    let config = StoreConfig::default();
    let storing = tokio::spawn(store::run(
        config,
        feed,
        client,
        Metrics::default(),
        shutdown,
    ));
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut waiting = tokio::task::JoinSet::new();
    for batch in batches {
        let place = places.clone().acquire_owned().await?;
        let journal = journal.clone();
        waiting.spawn(async move {
            let _place = place;
            let record = JournalRecord {
                version: VERSION,
                batch: Some(batch),
                device_id: DEVICE.to_owned(),
                ..JournalRecord::default()
            };
            journal.append(record).await
        });
    }
    drop(journal);
    while let Some(appended) = waiting.join_next().await {
        appended??;
    }
    storing.await??;
    Ok(())
}
