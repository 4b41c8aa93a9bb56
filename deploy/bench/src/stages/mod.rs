//! The stages of ingest one by one, each against the engine under it.
//!
//! What is measured runs in a process of its own, so that its CPU is told apart
//! from that of whoever sends.

mod child;
mod idle;
mod send;

pub(crate) use child::serve_if_asked;

use kbwatch_clickhouse_engine::{Connection, Engine, EngineConfig};
use kbwatch_proto::telemetry::Batch;
use tokio::runtime::Runtime;

use crate::report::{Pair, Report, median};
use crate::river::{limits, load};
use crate::server::Busy;
use crate::{Failure, cpu};
use child::Child;
use send::{keep, report_all};

/// Pairs per case.
const PAIRS: usize = 5;

/// Different batches; longer runs send them again under other numbers.
const DIFFERENT: usize = 100;

/// Events that the store is given in a run.
const STORED: usize = 400_000;

/// Gateway CPU per batch, beside a bare echo of the same bytes.
pub(crate) fn receive(seed: u64) -> Result<Vec<Report>, Failure> {
    let runtime = Runtime::new()?;
    let mut reports = Vec::new();
    for (events, count) in [(1, 20_000), (50, 10_000), (500, 4_000)] {
        let batches = repeated(&batches(seed, events, DIFFERENT)?, count);
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            let mut spent = [0.0; 2];
            for (kind, spent) in ["gateway", "echo"].into_iter().zip(&mut spent) {
                let child = Child::start(&[kind, "-"])?;
                let before = cpu::fine_seconds(child.pid());
                runtime.block_on(report_all(child.port, &batches))?;
                *spent = cpu::fine_seconds(child.pid()) - before;
            }
            pairs.push(per_event(spent, events * count));
        }
        let case = format!("batches of {events}");
        reports.push(told(case, pairs, events * count, (2.0, 1.3)));
    }
    if let Some(first) = reports.first_mut() {
        first.figures = idle::figures(&runtime)?;
    }
    Ok(reports)
}

/// Gateway CPU until Kafka has reported a batch, beside a bare producer.
pub(crate) fn journal(seed: u64, brokers: Option<&str>) -> Result<Vec<Report>, Failure> {
    let brokers = brokers.ok_or("no Kafka: ./run bench journal starts one")?;
    let runtime = Runtime::new()?;
    let (events, count) = (500, 4_000);
    let batches = repeated(&batches(seed, events, DIFFERENT)?, count);
    let folder = tempfile::tempdir()?;
    let kept = keep(&batches, folder.path())?;
    let mut pairs = Vec::new();
    for round in 0..PAIRS {
        let topic = format!("bench-journal-{}-{round}", std::process::id());
        let child = Child::start(&["gateway", brokers, &topic])?;
        let before = cpu::fine_seconds(child.pid());
        runtime.block_on(report_all(child.port, &batches))?;
        let ours = cpu::fine_seconds(child.pid()) - before;
        drop(child);
        let rival = child::spent(&["produce", brokers, &topic, &kept])?;
        pairs.push(per_event([ours, rival], events * count));
    }
    let case = "batches of 500".to_owned();
    Ok(vec![told(case, pairs, events * count, (3.0, 1.5))])
}

/// CPU of store and ClickHouse, beside the same rows as prepared blocks.
pub(crate) fn store(seed: u64) -> Result<Vec<Report>, Failure> {
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let batches = batches(seed, 500, STORED / 500)?;
    let kept = keep(&batches, folder.path())?;
    let engine = runtime.block_on(Engine::start(EngineConfig::new(
        folder.path().join("clickhouse"),
    )))?;
    let mut pairs = Vec::new();
    let (mut own, mut server, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..PAIRS {
        let database = format!("bench_{round}");
        let there = engine.connection().with_database(&database);
        runtime.block_on(there.create_database())?;
        runtime.block_on(kbwatch_ingest::migrate(&there.client()))?;
        limits::settle(&there)?;
        let begun = Busy::now(&there)?;
        let before = cpu::seconds(engine.pid());
        let Connection {
            url,
            user,
            password,
            ..
        } = &there;
        let spent = child::spent(&["store", &kept, url, user, password, &database])?;
        limits::settle(&there)?;
        let by_server = cpu::seconds(engine.pid()) - before;
        busy = Busy::now(&there)?.since(&begun);
        let merged = Busy::now(&there)?;
        let rival = limits::insert(&runtime, &engine, &there, STORED as u64)?;
        let merged = Busy::now(&there)?.since(&merged);
        let merged = merged
            .into_iter()
            .filter(|(name, _)| name.contains("merge"));
        busy.extend(merged.map(|(name, value)| (format!("rival, {name}"), value)));
        own.push(spent);
        server.push(by_server);
        pairs.push(per_event([spent + by_server, rival], STORED));
    }
    runtime.block_on(engine.stop())?;
    // Speed of at least 0.6 and 0.85 of the limit.
    let mut report = told("memory".to_owned(), pairs, STORED, (1.0 / 0.6, 1.0 / 0.85));
    report.figures = vec![
        ("CPU s store".to_owned(), median(&own)),
        ("CPU s ClickHouse".to_owned(), median(&server)),
    ];
    report.figures.extend(busy);
    Ok(vec![report])
}

#[expect(clippy::cast_precision_loss, reason = "some millions of events")]
fn per_event([ours, rival]: [f64; 2], events: usize) -> Pair {
    let microseconds = 1_000_000.0 / events as f64;
    Pair {
        ours: ours * microseconds,
        rival: rival * microseconds,
        unit: "CPU µs/event",
    }
}

fn told(case: String, pairs: Vec<Pair>, events: usize, (floor, aim): (f64, f64)) -> Report {
    let mut report = Report::new(case, pairs, floor, aim);
    // Every receipt was counted: a run that lost one is void.
    report.lines_in = events as u64;
    report.lines_out = report.lines_in;
    report
}

/// Sealed batches as a collector makes them of a log.
fn batches(seed: u64, events: usize, count: usize) -> Result<Vec<Batch>, Failure> {
    let folder = tempfile::tempdir()?;
    let text = load::lines(seed, 0, 0, u32::try_from(events * count)?);
    load::append(folder.path(), 0, &text)?;
    let batches = limits::batches(&[load::log_of(folder.path(), 0)], events)?;
    if batches.len() == count {
        Ok(batches)
    } else {
        Err(format!("{} batches instead of {count}", batches.len()).into())
    }
}

fn repeated(batches: &[Batch], count: usize) -> Vec<Batch> {
    let again = batches.iter().cycle().take(count).cloned();
    again
        .zip(0..)
        .map(|(batch, batch_seq)| Batch { batch_seq, ..batch })
        .collect()
}
