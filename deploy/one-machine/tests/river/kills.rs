//! Nothing is lost and nothing doubled when things die under load.

use std::path::Path;
use std::time::Duration;

use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::journal::lag;
use kbwatch_simulator::run::RunningFleet;

use crate::harness::{Plan, UpProcess, eventually, signal};
use crate::kafka::Broker;
use crate::load::{assert_exact, fleet, open_database, settle};

/// How often the whole process is killed.
const KILLS: usize = 20;

/// Waits until the gateway has made something more durable than `before`, so
/// that a kill meets work; false if nothing is left to do.
pub(crate) async fn meets_work(fleet: &RunningFleet, before: u64) -> bool {
    let waited = async {
        loop {
            let progress = fleet.progress();
            let idle = progress.settled == progress.devices;
            if idle || progress.durable_events > before {
                return !idle;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let met = tokio::time::timeout(Duration::from_secs(30), waited).await;
    met.expect("nothing was receipted for 30 s")
}

pub(crate) fn start(plan: &Plan) -> UpProcess {
    tokio::task::block_in_place(|| plan.start())
}

/// Kills the river over and over while a fleet reports to it, then holds the
/// database against the ledger.
async fn kill_under_load(plan: &Plan, folder: &Path) {
    let mut river = start(plan);
    let fleet = fleet(plan, folder, 500);
    let mut met = 0;
    for kill in 0..KILLS {
        let before = fleet.progress().durable_events;
        met += usize::from(meets_work(&fleet, before).await);
        // Other moments of a group's life with every kill.
        tokio::time::sleep(Duration::from_millis((kill as u64 * 37) % 250)).await;
        river.kill();
        river = start(plan);
    }
    assert!(met * 4 >= KILLS * 3, "only {met} kills met work");
    check_in_the_end(plan, fleet, river).await;
}

/// Lets the fleet finish, stops the river, and holds the database against the
/// ledger.
pub(crate) async fn check_in_the_end(plan: &Plan, fleet: RunningFleet, river: UpProcess) {
    let left = settle(fleet).await;
    read_to_the_end(plan);
    assert_eq!(river.stop(), Some(0));
    let engine = open_database(plan).await;
    assert_exact(engine.connection(), &left).await;
    engine.stop().await.unwrap();
}

/// Waits until the store has read the journal to its end.
fn read_to_the_end(plan: &Plan) {
    if !plan.brokers.is_empty() {
        // A receipt says journalled; the rows follow.
        let kafka = KafkaConfig {
            brokers: plan.brokers.clone(),
            ..KafkaConfig::default()
        };
        tokio::task::block_in_place(|| {
            eventually("the journal is read to its end", || {
                lag(&kafka).is_ok_and(|behind| behind == 0)
            });
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_of_the_river_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    kill_under_load(&plan, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_with_kafka_in_between_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    let broker = tokio::task::block_in_place(|| Broker::start(folder.path()));
    broker.join(&mut plan);
    kill_under_load(&plan, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_and_comes_back_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    let mut broker = tokio::task::block_in_place(|| Broker::start(folder.path()));
    broker.join(&mut plan);
    let river = start(&plan);
    let fleet = fleet(&plan, folder.path(), 300);
    let mut met = 0;
    for _ in 0..3 {
        let before = fleet.progress().durable_events;
        met += u32::from(meets_work(&fleet, before).await);
        tokio::task::block_in_place(|| {
            broker.kill();
            broker.restart();
        });
    }
    assert!(met >= 2, "only {met} kills met work");
    check_in_the_end(&plan, fleet, river).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_the_database_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = start(&plan);
    let fleet = fleet(&plan, folder.path(), 300);
    let mut met = 0;
    for _ in 0..8 {
        let before = fleet.progress().durable_events;
        met += u32::from(meets_work(&fleet, before).await);
        let engine = river.engine().unwrap();
        signal(engine, "KILL");
        tokio::task::block_in_place(|| {
            eventually("another engine runs", || {
                river.engine().is_some_and(|pid| pid != engine)
            });
        });
    }
    assert!(met >= 6, "only {met} kills met work");
    check_in_the_end(&plan, fleet, river).await;
}
