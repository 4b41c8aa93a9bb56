//! The whole river: a line is appended to CBS.log and becomes a row that a
//! query sees. The analyzer rests meanwhile: it reads rows that are there.
//!
//! Ours is the CPU of collectors, `kbwatch up` and ClickHouse together; the
//! rival is the sum of what the bare engines need for the same bytes and rows
//! ([`limits`]).

mod collectors;
pub(crate) mod limits;
pub(crate) mod load;
mod stream;

pub(crate) use collectors::collectors_if_asked;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::report::{Pair, Report, median, quantile};
use crate::server::Busy;
use stream::Stream;

/// Events per measured run: some seconds' worth, so that what starts once and
/// what ticks weigh as little as they do in a fleet.
const EVENTS: u32 = 300_000;

/// Pairs per case.
const PAIRS: usize = 5;

/// Largest acceptable and wished-for ratio over the sum of limits.
const FLOOR: f64 = 2.5;
const AIM: f64 = 1.5;

/// How often the trickle looks for rows: each look is a query that the server
/// answers beside its work.
const LOOK: Duration = Duration::from_millis(20);

/// How long a run may take until everything is visible.
const DEADLINE: Duration = Duration::from_mins(2);

/// Measures both journals at 10, 100 and 1,000 devices.
pub(crate) fn measure(seed: u64, kafka: Option<&str>) -> Result<Vec<Report>, Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut reports = Vec::new();
    for brokers in [None, kafka] {
        if brokers.is_none() && !reports.is_empty() {
            say("SKIPPED: the Kafka journal, no brokers given (./run bench starts them)");
            break;
        }
        for devices in [10, 100, 1000] {
            reports.push(case(&runtime, seed, devices, brokers)?);
        }
    }
    Ok(reports)
}

#[expect(clippy::print_stderr, reason = "progress of a long measurement")]
fn say(text: &str) {
    eprintln!("bench: {text}");
}

/// What one run of the river showed.
struct Run {
    cpu_collectors: f64,
    cpu_river: f64,
    cpu_clickhouse: f64,
    events_per_s: f64,
    busy: Vec<(String, f64)>,
}

impl Run {
    fn cpu(&self) -> f64 {
        self.cpu_collectors + self.cpu_river + self.cpu_clickhouse
    }
}

fn case(
    runtime: &tokio::runtime::Runtime,
    seed: u64,
    devices: u32,
    brokers: Option<&str>,
) -> Result<Report, Failure> {
    let journal = if brokers.is_some() { "kafka" } else { "direct" };
    let name = format!("{journal}, {devices} devices");
    let mut pairs = Vec::new();
    let mut runs = Vec::new();
    let mut latencies = Vec::new();
    for round in 0..PAIRS {
        say(&format!("{name}: pair {} of {PAIRS}", round + 1));
        let folder = tempfile::tempdir()?;
        let mut stream = runtime.block_on(Stream::start(folder.path(), devices, brokers))?;
        let run = flood(&mut stream, seed, devices)?;
        if round == 0 {
            latencies = trickle(&mut stream, seed, devices)?;
        }
        let rival = rival(runtime, &stream, folder.path(), devices, brokers)?;
        runtime.block_on(stream.stop())?;
        pairs.push(Pair {
            ours: run.cpu(),
            rival,
            unit: "CPU s",
        });
        runs.push(run);
    }
    let mut report = Report::new(name, pairs, FLOOR, AIM);
    report.lines_in = u64::from(EVENTS) * load::LINES_PER_EVENT;
    report.lines_out = report.lines_in;
    let middle = |of: fn(&Run) -> f64| median(&runs.iter().map(of).collect::<Vec<_>>());
    report.figures = vec![
        (
            "events/s, append to visible".to_owned(),
            middle(|run| run.events_per_s),
        ),
        (
            "latency p50 ms at 500 events/s".to_owned(),
            quantile(&latencies, 0.5),
        ),
        (
            "latency p99 ms at 500 events/s".to_owned(),
            quantile(&latencies, 0.99),
        ),
        (
            "CPU s collectors".to_owned(),
            middle(|run| run.cpu_collectors),
        ),
        (
            "CPU s receive, store".to_owned(),
            middle(|run| run.cpu_river),
        ),
        (
            "CPU s ClickHouse".to_owned(),
            middle(|run| run.cpu_clickhouse),
        ),
    ];
    let last = runs.pop().map(|run| run.busy);
    report.figures.extend(last.into_iter().flatten());
    Ok(report)
}

/// Appends everything at once and waits until the last row is visible.
fn flood(stream: &mut Stream, seed: u64, devices: u32) -> Result<Run, Failure> {
    let each = EVENTS / devices;
    let texts: Vec<String> = (0..devices)
        .map(|device| load::lines(seed, device, 0, each))
        .collect();
    let counted = Busy::now(stream.engine().connection())?;
    let before = stream.cpu();
    let begin = Instant::now();
    for (device, text) in (0..devices).zip(&texts) {
        load::append(stream.logs(), device, text)?;
    }
    stream.wait_for(u64::from(EVENTS), DEADLINE)?;
    let took = begin.elapsed().as_secs_f64();
    let after = stream.cpu();
    Ok(Run {
        cpu_collectors: after[0] - before[0],
        cpu_river: after[1] - before[1],
        cpu_clickhouse: after[2] - before[2],
        events_per_s: f64::from(EVENTS) / took,
        busy: Busy::now(stream.engine().connection())?.since(&counted),
    })
}

/// Appends 500 events a second for some seconds; milliseconds from the append
/// of each until the count of visible rows includes it.
fn trickle(stream: &mut Stream, seed: u64, devices: u32) -> Result<Vec<f64>, Failure> {
    const EVENTS_PER_TICK: u32 = 25;
    const TICKS: u32 = 120;
    let base = stream.visible()?;
    let begin = Instant::now();
    let mut appended: Vec<Duration> = Vec::new();
    let mut latencies = Vec::new();
    let mut tick = 0;
    while latencies.len() < (EVENTS_PER_TICK * TICKS) as usize {
        std::thread::sleep(LOOK);
        if begin.elapsed() > DEADLINE {
            return Err("the trickle did not arrive".into());
        }
        if tick < TICKS && begin.elapsed() >= Duration::from_millis(50) * tick {
            for event in 0..EVENTS_PER_TICK {
                let number = tick * EVENTS_PER_TICK + event;
                let device = number % devices;
                load::append(
                    stream.logs(),
                    device,
                    &load::lines(seed, device, 5_000_000 + number, 1),
                )?;
                appended.push(begin.elapsed());
            }
            tick += 1;
        }
        let arrived = usize::try_from(stream.visible()?.saturating_sub(base))?;
        let now = begin.elapsed();
        // Rows become visible in about the order of appending: the n-th
        // visible row stands for the n-th appended line.
        for at in appended.iter().take(arrived).skip(latencies.len()) {
            latencies.push(now.saturating_sub(*at).as_secs_f64() * 1000.0);
        }
    }
    Ok(latencies)
}

/// CPU of the bare engines for what [`flood`] sent.
fn rival(
    runtime: &tokio::runtime::Runtime,
    stream: &Stream,
    folder: &Path,
    devices: u32,
    brokers: Option<&str>,
) -> Result<f64, Failure> {
    let logs: Vec<_> = (0..devices)
        .map(|device| load::log_of(stream.logs(), device))
        .collect();
    let batches = limits::batches(&logs, 500)?;
    let mut spent = limits::scan(&logs)?
        + runtime.block_on(limits::echo(&batches))?
        + limits::insert(
            runtime,
            stream.engine(),
            stream.engine().connection(),
            u64::from(EVENTS),
        )?;
    if let Some(brokers) = brokers {
        let topic = format!(
            "bench-{}",
            folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .trim_start_matches('.')
        );
        spent += limits::produce(brokers, &topic, &batches)?;
    }
    Ok(spent)
}
