//! How long people wait for an answer, beside the same asked of the bare events:
//! the real analyzer and its web face over a real ClickHouse, at several sizes.

mod questions;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clickhouse::Client;
use kbwatch_analyzer::{Analyzer, AnalyzerConfig, ImportRollout, import_rollout};
use kbwatch_clickhouse_engine::{Engine, EngineConfig};
use tokio::runtime::Runtime;

use self::questions::{From, Question, questions};
use crate::Failure;
use crate::cycle::fleet::{Fleet, NEWEST};
use crate::report::{Pair, Report, median, quantile};

/// Events of each size.
const SIZES: [u64; 3] = [1_000_000, 10_000_000, 100_000_000];

/// Events that a device of the made-up fleet has.
const EVENTS_OF_A_DEVICE: u64 = 56;

/// Times that each question is asked, and for how long at most.
const ASKED: usize = 60;
const LONGEST: Duration = Duration::from_secs(6);
const ASKED_AT_LEAST: usize = 8;
const RAW_ASKED: usize = 3;

/// The bare events may take twenty times as long, and the p95 grow by the fifth
/// root of the events.
const FLOOR: f64 = 1.0 / 20.0;
const AIM: f64 = 1.0 / 100.0;
const SLOPE: f64 = 0.2;
const P95_MS: f64 = 100.0;

/// What was measured of one question at one size, milliseconds.
struct Timed {
    events: u64,
    p50: f64,
    p95: f64,
    raw: Vec<f64>,
    bytes: usize,
}

/// Asks everything at each size up to `most` events.
pub(crate) fn measure(seed: u64, most: u64) -> Result<Vec<Report>, Failure> {
    let runtime = Runtime::new()?;
    let mut timed: BTreeMap<usize, (Question, Vec<Timed>)> = BTreeMap::new();
    let mut lines = [0, 0];
    for events in SIZES.into_iter().filter(|size| *size <= most) {
        let folder = tempfile::tempdir()?;
        let engine = runtime.block_on(Engine::start(EngineConfig {
            memory_mb: 8_000,
            ..EngineConfig::new(folder.path().join("clickhouse"))
        }))?;
        let stage = runtime.block_on(Stage::set(&engine, events, seed))?;
        lines = stage.events;
        for (number, question) in stage.questions().into_iter().enumerate() {
            let one = stage.ask(&runtime, &question)?;
            let asked = timed.entry(number).or_insert((question, Vec::new()));
            asked.1.push(one);
        }
        runtime.block_on(engine.stop())?;
    }
    let mut reports: Vec<Report> = timed.values().flat_map(told).collect();
    for report in &mut reports {
        [report.lines_in, report.lines_out] = lines;
    }
    Ok(reports)
}

/// A fleet that was looked at, and the web face over it.
struct Stage {
    client: Client,
    address: String,
    cluster: String,
    /// Stored, and counted by the analyzer.
    events: [u64; 2],
}

impl Stage {
    #[expect(clippy::print_stderr, reason = "a large fleet takes minutes")]
    async fn set(engine: &Engine, events: u64, seed: u64) -> Result<Self, Failure> {
        let client = engine.client();
        kbwatch_ingest::migrate(&client).await?;
        kbwatch_analyzer::migrate(&client).await?;
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let fleet = Fleet {
            client: client.clone(),
            devices: u32::try_from(events / EVENTS_OF_A_DEVICE)?,
            seed,
            now_ms,
        };
        let begun = Instant::now();
        fleet.fill().await?;
        let filled = begun.elapsed().as_secs_f64();
        let targets = (0..fleet.devices).map(|n| format!("pc-{n:07},ring{}\n", n % 4));
        let list = ImportRollout {
            name: "february".into(),
            release: "2023-02".into(),
            targets: format!("device_id,ring\n{}", targets.collect::<String>()).into(),
            ..ImportRollout::default()
        };
        import_rollout(&client, &list, now_ms).await?;
        let begun = Instant::now();
        let mut analyzer = Analyzer::open(AnalyzerConfig::default(), client.clone());
        let view = analyzer.cycle(now_ms).await?;
        eprintln!(
            "{events} events filled in {filled:.0} s, looked at in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
        let planted = view.clusters.iter().find(|cluster| cluster.kb == NEWEST);
        let cluster = planted.ok_or("the planted cluster was not found")?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = kbwatch_analyzer::http::router(analyzer.shared());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            cluster: cluster.id.clone(),
            events: [fleet.events().await?, view.fleet.events],
            client,
            address,
        })
    }

    fn questions(&self) -> Vec<Question> {
        questions(&self.cluster, "pc-0000012")
    }

    #[expect(clippy::print_stderr, reason = "a large fleet takes minutes")]
    fn ask(&self, runtime: &Runtime, question: &Question) -> Result<Timed, Failure> {
        let bytes = self.answer(runtime, question)?;
        let begun = Instant::now();
        let mut took = Vec::new();
        while took.len() < ASKED && (took.len() < ASKED_AT_LEAST || begun.elapsed() < LONGEST) {
            let asked = Instant::now();
            self.answer(runtime, question)?;
            took.push(milliseconds(asked));
        }
        let mut raw = Vec::new();
        for _ in 0..=RAW_ASKED {
            let asked = Instant::now();
            let sql = format!("{} FORMAT Null", question.raw);
            runtime.block_on(self.client.query(&sql).execute())?;
            raw.push(milliseconds(asked));
        }
        raw.remove(0);
        let (p50, p95) = (median(&took), quantile(&took, 0.95));
        let bare = median(&raw);
        eprintln!(
            "{}: p95 {p95:.1} ms, bare events {bare:.0} ms",
            question.name
        );
        Ok(Timed {
            events: self.events[0],
            p50,
            p95,
            raw,
            bytes,
        })
    }

    /// Bytes of the answer.
    fn answer(&self, runtime: &Runtime, question: &Question) -> Result<usize, Failure> {
        if question.from == From::View {
            let sql = format!("{} FORMAT Null", question.ours);
            runtime.block_on(self.client.query(&sql).execute())?;
            return Ok(0);
        }
        let address = format!("{}{}", self.address, question.ours);
        let mut answer = ureq::get(&address).call()?;
        Ok(answer
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()?
            .len())
    }
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}

/// The largest size beside the bare events, and how the p95 grew up to it.
fn told((question, timed): &(Question, Vec<Timed>)) -> Vec<Report> {
    let (Some(first), Some(last)) = (timed.first(), timed.last()) else {
        return Vec::new();
    };
    let name = format!("{} ({})", question.name, question.from.as_str());
    // By its key, an event is found as fast as anything: only the time counts.
    let by_key = question.from == From::Key;
    let pairs = last.raw.iter().map(|raw| Pair {
        ours: last.p95,
        rival: if by_key { P95_MS } else { *raw },
        unit: if by_key { "ms, beside 100" } else { "ms, p95" },
    });
    let (floor, aim) = if by_key { (1.0, 1.0) } else { (FLOOR, AIM) };
    let mut speed = Report::new(name.clone(), pairs.collect(), floor, aim);
    for one in timed {
        let size = |what: &str| format!("{what}, {} events", one.events);
        speed.figures.push((size("p50 ms"), one.p50));
        speed.figures.push((size("p95 ms"), one.p95));
        speed.figures.push((size("bare ms"), median(&one.raw)));
    }
    let kib = f64::from(u32::try_from(last.bytes / 1_024).unwrap_or(u32::MAX));
    speed.figures.push(("KiB of the answer".to_owned(), kib));
    speed.met_aim &= last.p95 <= P95_MS;
    if timed.len() < 2 {
        return vec![speed];
    }
    let real = |events: u64| f64::from(u32::try_from(events).unwrap_or(u32::MAX));
    let slope = (last.p95 / first.p95).ln() / (real(last.events) / real(first.events)).ln();
    let pair = Pair {
        ours: slope.max(0.0),
        rival: 1.0,
        unit: "log p95 by log events",
    };
    let slope = Report::new(
        format!("{}, slope", question.name),
        vec![pair],
        SLOPE,
        SLOPE,
    );
    vec![speed, slope]
}
