//! Everything that can go wrong goes wrong, over and over, in an order that a
//! seed decides: and what was written is what is stored.
//!
//! `./run soak chaos` runs it for ten minutes, `./run test` for two. Real
//! Apache Kafka, real ClickHouse, two gateways, two stores, and real collectors
//! over mutual TLS, each a process of its own.

mod devices;
mod disk;
mod fate;
mod process;
mod verdict;
mod world;

use std::time::{Duration, Instant};

use kbwatch_analyzer::{Analyzer, config::AnalyzerConfig};
use kbwatch_ingest::journal::lag;
use serde_json::json;
use tokio::sync::watch;

use self::devices::write_until;
use self::fate::{Fate, Theft, written_by_thief};
use self::verdict::{Verdict, judge, stored};
use self::world::{FIRST_DEVICE, GUEST, World};

/// How long the river may take once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_mins(3);

/// Between two looks at everything.
const BEAT: Duration = Duration::from_millis(50);

/// Between two cycles of the analyzer.
const CYCLE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: a step of its own in ./run test, and ./run soak chaos"]
async fn whatever_goes_wrong_nothing_is_lost_and_nothing_doubled() {
    let seed = number("KBWATCH_SOAK_SEED").unwrap_or(1);
    let minutes = number("KBWATCH_SOAK_MINUTES").unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut world = World::begin().await;
    let mut fate = Fate::new(seed);
    let logs = world.logs.clone();
    let writing = tokio::task::spawn_blocking(move || write_until(&logs, end, seed));
    let (rest, resting) = watch::channel(false);
    let looking = tokio::spawn(look(world.engine.client(), resting));
    while Instant::now() < end {
        world.tend();
        fate.pass(&mut world).await;
        tokio::time::sleep(BEAT).await;
    }
    fate.relent(&mut world).await;
    writing.await.unwrap();
    let took = settle(&mut world).await;
    rest.send_replace(true);
    looking.await.unwrap();
    if matches!(fate.theft, Theft::RevokedAt(_)) {
        fate.theft = Theft::NoticedAfter(written_by_thief(&world));
    }
    let verdict = judge(&world.engine.client(), &world.logs, &fate.theft).await;
    let panics = stop(&mut world).await;
    publish(seed, minutes, took, &world, &fate, &verdict);
    assert_eq!(panics, [""; 0], "panics");
    assert!(verdict.is_exact(), "{verdict:?}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// An analyzer at work, which has to live with a database that is away; its
/// last look is at all there is.
async fn look(client: clickhouse::Client, mut resting: watch::Receiver<bool>) {
    let mut analyzer = Analyzer::open(AnalyzerConfig::default(), client);
    loop {
        let last = *resting.borrow();
        let looked = analyzer.cycle(now_ms()).await;
        if last {
            looked.unwrap();
            return;
        }
        // Whoever rests is not waited for.
        drop(tokio::time::timeout(CYCLE, resting.changed()).await);
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Waits until everything that was written is stored and committed, or time is
/// up; says how long that took.
async fn settle(world: &mut World) -> Duration {
    let begun = Instant::now();
    let client = world.engine.client();
    let written: u64 = world.logs.iter().map(devices::Log::written).sum();
    let written = written - written_by_thief(world);
    while begun.elapsed() < PATIENCE {
        world.tend();
        let asked = tokio::time::timeout(Duration::from_secs(5), stored(&client)).await;
        if matches!(asked, Ok(Ok(stored)) if stored >= written) {
            let kafka = world.kafka.clone();
            let behind = tokio::task::spawn_blocking(move || lag(&kafka)).await;
            if matches!(behind, Ok(Ok(0))) {
                break;
            }
        }
        tokio::time::sleep(4 * BEAT).await;
    }
    begun.elapsed()
}

/// Stops everything from the source on, and returns who panicked.
async fn stop(world: &mut World) -> Vec<String> {
    for number in (0..world.processes.len()).rev() {
        if number == GUEST || number == FIRST_DEVICE - 2 {
            // Gateways and stores after those who send.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        world.processes[number].stop(None);
    }
    let begun = Instant::now();
    while world
        .processes
        .iter()
        .any(|process| process.pid().is_some())
    {
        world.tend();
        assert!(begun.elapsed() < PATIENCE, "a process does not go");
        tokio::time::sleep(BEAT).await;
    }
    let panicked = world.processes.iter().filter_map(|process| {
        let said = process.said();
        let line = said.lines().find(|line| line.contains("panicked"))?;
        Some(format!("{}: {line}", process.name))
    });
    panicked.collect()
}

fn publish(seed: u64, minutes: u64, took: Duration, world: &World, fate: &Fate, verdict: &Verdict) {
    let sum = |counted: fn(&process::Process) -> u32| -> u32 {
        world.processes.iter().map(counted).sum()
    };
    let line = json!({
        "name": "chaos", "seed": seed, "minutes": minutes, "exact": verdict.is_exact(),
        "written": verdict.written, "stored": verdict.stored, "lost": verdict.lost,
        "doubled": verdict.doubled, "foreign": verdict.foreign,
        "stored_again": verdict.surplus, "dead_letters": verdict.dead_letters,
        "stale_tables": verdict.stale, "revoked_device": {
            "written": verdict.thief.0, "stored": verdict.thief.1,
        },
        "faults": fate.counts, "clickhouse_restarts": world.engine.restarts(),
        "ended_unasked": sum(|process| process.ended_unasked),
        "ended_badly": sum(|process| process.ended_badly),
        "settled_after_s": took.as_secs(),
    });
    if let Ok(path) = std::env::var("KBWATCH_SOAK_LEDGER") {
        std::fs::write(path, line.to_string()).unwrap();
    }
    if let Ok(folder) = std::env::var("KBWATCH_SOAK_LOGS") {
        for process in &world.processes {
            let path = std::path::Path::new(&folder).join(format!("{}.log", process.name));
            std::fs::write(path, process.said()).unwrap();
        }
    }
}
