//! What a look costs where little changed, beside a look at everything: the real
//! analyzer over a real ClickHouse, with fleets of three sizes.

pub(crate) mod fleet;

use std::sync::Arc;
use std::time::Instant;

use kbwatch_analyzer::view::View;
use kbwatch_analyzer::{Analyzer, AnalyzerConfig};
use kbwatch_clickhouse_engine::{Engine, EngineConfig};
use tokio::runtime::Runtime;

use self::fleet::Fleet;
use crate::report::{Pair, Report, median};
use crate::{Failure, cpu};

/// Devices of each fleet, and pairs measured of it: a look at everything in the
/// largest takes minutes.
const FLEETS: [(u32, u32); 3] = [(3_000, 5), (30_000, 5), (300_000, 1)];

/// Slots that change in the rounds of twenty percent, from here on.
const MANY_FROM: u32 = 10;
const MANY: u32 = 20;
const MANY_ROUNDS: u32 = 2;

/// Seconds that a look at the largest fleet may take, one and twenty percent of
/// it changed; and the part of them that is wished for.
const SECONDS: [(f64, f64); 2] = [(5.0, 0.2), (30.0, 1.0 / 3.0)];

/// A look, and what it cost.
struct Cost {
    cpu: f64,
    seconds: f64,
    view: Arc<View>,
}

/// What was measured over one fleet.
#[derive(Default)]
struct Looks {
    pairs: Vec<Pair>,
    few_s: Vec<f64>,
    many_cpu: Vec<f64>,
    many_s: Vec<f64>,
    idle_s: Vec<f64>,
    whole_s: Vec<f64>,
    events: [u64; 2],
    one_mib: f64,
    peak_mib: f64,
}

/// Cycles over the fleets, the smallest first; `largest` bounds their size.
pub(crate) fn measure(seed: u64, largest: u32) -> Result<Vec<Report>, Failure> {
    let runtime = Runtime::new()?;
    let mut reports = Vec::new();
    for (devices, pairs) in FLEETS.into_iter().filter(|(size, _)| *size <= largest) {
        let folder = tempfile::tempdir()?;
        let engine = runtime.block_on(Engine::start(EngineConfig {
            memory_mb: 6_000,
            ..EngineConfig::new(folder.path().join("clickhouse"))
        }))?;
        let looks = runtime.block_on(look_on(&engine, (devices, pairs), seed))?;
        runtime.block_on(engine.stop())?;
        reports.extend(told(devices, looks));
    }
    Ok(reports)
}

fn told(devices: u32, looks: Looks) -> Vec<Report> {
    let mut few = Report::new(
        format!("{devices} devices, 1 %"),
        looks.pairs,
        1.0 / 20.0,
        0.01,
    );
    few.figures = vec![
        ("seconds, nothing changed".to_owned(), median(&looks.idle_s)),
        ("seconds, 1 % changed".to_owned(), median(&looks.few_s)),
        ("seconds, 20 % changed".to_owned(), median(&looks.many_s)),
        ("CPU s, 20 % changed".to_owned(), median(&looks.many_cpu)),
        ("seconds, everything".to_owned(), median(&looks.whole_s)),
        (
            "MiB at most, after the first look".to_owned(),
            looks.one_mib,
        ),
        ("MiB at most, two analyzers".to_owned(), looks.peak_mib),
    ];
    let mut reports = vec![few];
    if devices == FLEETS[FLEETS.len() - 1].0 {
        let cases = [("1 %", looks.few_s), ("20 %", looks.many_s)];
        for ((case, seconds), (most, aim)) in cases.into_iter().zip(SECONDS) {
            let pair = |ours: f64| Pair {
                ours,
                rival: most,
                unit: "s, beside the limit",
            };
            let pairs = seconds.into_iter().map(pair).collect();
            reports.push(Report::new(
                format!("seconds, {case} changed"),
                pairs,
                1.0,
                aim,
            ));
        }
    }
    for report in &mut reports {
        [report.lines_in, report.lines_out] = looks.events;
    }
    reports
}

/// The real thing: one analyzer that goes on, and beside it one after the other
/// that begins anew.
async fn look_on(
    engine: &Engine,
    (devices, pairs): (u32, u32),
    seed: u64,
) -> Result<Looks, Failure> {
    let client = engine.client();
    kbwatch_ingest::migrate(&client).await?;
    kbwatch_analyzer::migrate(&client).await?;
    let mut now_ms = jiff::Timestamp::now().as_millisecond();
    let fleet = Fleet {
        client: client.clone(),
        devices,
        seed,
        now_ms,
    };
    fleet.fill().await?;
    fleet.rest().await?;
    let mut looks = Looks::default();
    let mut analyzer = open(&client);
    look(&mut analyzer, engine, now_ms).await?;
    looks.one_mib = cpu::peak_mib();
    for round in 0..pairs {
        now_ms += 60_000;
        fleet.go_on(round..round + 1, now_ms).await?;
        fleet.rest().await?;
        let few = look(&mut analyzer, engine, now_ms).await?;
        let idle = look(&mut analyzer, engine, now_ms + 2_000).await?;
        let whole = look(&mut open(&client), engine, now_ms).await?;
        agree(&few.view, &whole.view)?;
        looks.few_s.push(few.seconds);
        looks.idle_s.push(idle.seconds);
        looks.whole_s.push(whole.seconds);
        looks.pairs.push(Pair {
            ours: few.cpu,
            rival: whole.cpu,
            unit: "CPU s",
        });
    }
    for round in 0..MANY_ROUNDS {
        now_ms += 60_000;
        let from = MANY_FROM + round * MANY;
        fleet.go_on(from..from + MANY, now_ms).await?;
        fleet.rest().await?;
        let many = look(&mut analyzer, engine, now_ms).await?;
        looks.many_s.push(many.seconds);
        looks.many_cpu.push(many.cpu);
        looks.events[1] = many.view.fleet.events;
    }
    looks.events[0] = fleet.events().await?;
    looks.peak_mib = cpu::peak_mib();
    if looks.events[0] != looks.events[1] {
        return Err(format!("events stored and counted differ: {:?}", looks.events).into());
    }
    Ok(looks)
}

fn open(client: &clickhouse::Client) -> Analyzer {
    Analyzer::open(AnalyzerConfig::default(), client.clone())
}

#[expect(clippy::print_stderr, reason = "a large fleet takes minutes")]
async fn look(analyzer: &mut Analyzer, engine: &Engine, now_ms: i64) -> Result<Cost, Failure> {
    let spent = || [cpu::own(), cpu::seconds(engine.pid())];
    let (before, begun) = (spent(), Instant::now());
    let view = analyzer.cycle(now_ms).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let [own, server] = spent();
    let [own, server] = [own - before[0], server - before[1]];
    eprintln!("a look: {own:.2} CPU s, ClickHouse {server:.2} CPU s, {seconds:.2} s");
    Ok(Cost {
        cpu: own + server,
        seconds,
        view,
    })
}

/// Whoever begins anew must see what the one sees that went on.
fn agree(on: &View, anew: &View) -> Result<(), Failure> {
    let seen = |view: &View| -> Vec<(String, u64, u64, u64)> {
        let kbs = view.kbs.iter();
        kbs.map(|kb| {
            (
                kb.kb.clone(),
                kb.rate.failed,
                kb.rate.tried,
                kb.outcomes.healed,
            )
        })
        .collect()
    };
    let clusters = |view: &View| -> Vec<(String, u64, usize)> {
        let clusters = view.clusters.iter();
        clusters
            .map(|one| (one.id.clone(), one.failed, one.causes.len()))
            .collect()
    };
    let events = on.fleet.events == anew.fleet.events;
    if !events || seen(on) != seen(anew) || clusters(on) != clusters(anew) {
        return Err("a cycle and a look at everything differ".into());
    }
    if on.kbs.len() != 20 || on.clusters.is_empty() {
        let (kbs, clusters) = (on.kbs.len(), on.clusters.len());
        return Err(
            format!("{kbs} updates and {clusters} clusters are not what was planted").into(),
        );
    }
    Ok(())
}
