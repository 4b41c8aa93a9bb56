//! What good clients notice of bad ones: nothing that counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{FutureExt, LocalBoxFuture, join_all};
use kbwatch_ingest::config::StoreConfig;

use crate::device::{Stream, batch};
use crate::gateway::{ALONE, Fort};
use crate::{connections, floods, frames, messages, papers};

/// Good devices, each with one batch on its way.
const GOOD: usize = 24;

/// Batches of each in a phase.
const BATCHES: u32 = 8;

/// Quiet and flooded phases, by turns.
const TURNS: u32 = 5;

/// How many times as long good clients may wait.
const MOST: f64 = 2.0;

/// The same on a machine that others keep busy: the bad clients run beside the
/// gateway, and what they take of its processors is not the gateway's doing.
const MOST_WHEN_BUSY: f64 = 4.0;

/// How long good clients may wait here and now.
fn most() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = f64::from(u32::try_from(cores).unwrap_or(1));
    let is_busy = load.is_some_and(|load: f64| load > 2.0 * cores);
    if is_busy {
        println!("load {load:?} on {cores} cores: too busy for a bound of {MOST}");
        return MOST_WHEN_BUSY;
    }
    MOST
}

type Flood = for<'a> fn(&'a Fort) -> LocalBoxFuture<'a, String>;

/// What goes on at once and without a pause.
fn floods() -> Vec<Flood> {
    vec![
        |f| papers::foreign(f).boxed_local(),
        |f| papers::nothing(f).boxed_local(),
        |f| connections::noise(f).boxed_local(),
        |f| connections::silence(f).boxed_local(),
        |f| frames::noise(f).boxed_local(),
        |f| frames::rapid_reset(f).boxed_local(),
        |f| frames::ping_flood(f).boxed_local(),
        |f| messages::garbage(f).boxed_local(),
        |f| floods::streams_of_one(f).boxed_local(),
        |f| floods::batches(f).boxed_local(),
        |f| floods::bytes(f).boxed_local(),
        |f| floods::reconnect(f).boxed_local(),
    ]
}

/// Every device sends its batches one by one, each in a task of its own; how
/// long each receipt took.
async fn latencies(good: &mut Vec<Stream>, turn: u32) -> Vec<Duration> {
    let devices = good.drain(..).zip(0_u32..).map(|(mut device, number)| {
        tokio::spawn(async move {
            let mut took = Vec::new();
            for seq in turn * BATCHES..(turn + 1) * BATCHES {
                let batch = batch(u64::from(seq), number * 100_000 + seq * 20, 20);
                let begun = Instant::now();
                device.deliver(batch).await;
                took.push(begun.elapsed());
            }
            (device, took)
        })
    });
    let mut all = Vec::new();
    for device in devices.collect::<Vec<_>>() {
        let (device, took) = device.await.unwrap();
        good.push(device);
        all.extend(took);
    }
    all
}

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn good_clients_wait_at_most_twice_as_long_beside_floods_of_bad_ones() {
    let _alone = ALONE.lock().await;
    // As it runs: groups of 200 ms.
    let fort = Fort::start(StoreConfig::default()).await;
    let mut good = Vec::new();
    for number in 0..GOOD {
        good.push(fort.device(&format!("good-{number}")).await);
    }
    // Nothing is measured while caches and tables are cold.
    latencies(&mut good, 0).await;
    // Before the bad clients make it busy.
    let most = most();
    let mut ratios = Vec::new();
    for turn in (1..).step_by(2).take(TURNS as usize) {
        let quiet = p99(latencies(&mut good, turn).await);
        let (took, attacks) = beside_floods(&fort, latencies(&mut good, turn + 1)).await;
        let flooded = p99(took);
        println!("p99 quiet {quiet:?}, beside {attacks} attacks {flooded:?}");
        ratios.push(flooded.as_secs_f64() / quiet.as_secs_f64());
    }
    let floods = floods().len();
    let ratio = median(&ratios);
    println!("{GOOD} good devices beside {floods} floods: p99 {ratio:.2} times as long");
    assert!(ratio <= most, "{ratios:?}");
    assert!(fort.metrics.receive_batches().balances());
}

/// Does something while all floods go on; says how many attacks those were.
async fn beside_floods<T>(fort: &Fort, what: impl Future<Output = T>) -> (T, u64) {
    let attacks = AtomicU64::new(0);
    let bad = floods().into_iter().map(async |flood| {
        loop {
            flood(fort).await;
            attacks.fetch_add(1, Ordering::Relaxed);
        }
    });
    let done = tokio::select! {
        done = what => done,
        _ = join_all(bad) => unreachable!("floods do not end"),
    };
    (done, attacks.into_inner())
}

fn median(ratios: &[f64]) -> f64 {
    let mut sorted = ratios.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
