//! Nothing is lost and nothing doubled when what the river stands on is away
//! for a minute.

use std::time::Duration;

use kbwatch_clickhouse_engine::{Connection, testing};
use kbwatch_simulator::run::RunningFleet;

use crate::harness::{Plan, signal};
use crate::kafka::Broker;
use crate::kills::{check_in_the_end, meets_work, start};
use crate::line::Line;
use crate::load::{assert_exact, fleet, settle};

/// How long it is away.
const AWAY: Duration = Duration::from_mins(1);

/// What was acknowledged before may still be on its way to the collectors.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Sees to it that no receipt is given while nothing can be kept.
async fn no_receipt_while_away(fleet: &RunningFleet) {
    tokio::time::sleep(ON_ITS_WAY).await;
    let before = fleet.progress().durable_events;
    tokio::time::sleep(AWAY).await;
    let after = fleet.progress();
    assert_eq!(after.durable_events, before, "a receipt for nothing");
    assert!(after.settled < after.devices, "nothing was left to send");
}

/// The server of a connection, behind a line.
fn behind(line: &Line, there: &Connection) -> Connection {
    Connection {
        url: format!("http://{}", line.address),
        ..there.clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_gone_for_a_minute_holds_receipts_back_and_loses_nothing() {
    let engine = testing::engine().await;
    let there = engine.connection();
    let server = there.url.trim_start_matches("http://").parse().unwrap();
    let mut line = Line::to(&[server]);
    line.mend().await;
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    plan.arguments = vec!["--clickhouse".to_owned(), behind(&line, there).to_url()];
    let river = start(&plan);
    let fleet = fleet(&plan, folder.path(), 300);
    assert!(meets_work(&fleet, 0).await);
    line.cut();
    no_receipt_while_away(&fleet).await;
    line.mend().await;
    let left = settle(fleet).await;
    assert_eq!(river.stop(), Some(0));
    assert_exact(there, &left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kafka_gone_for_a_minute_holds_receipts_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    let mut broker = tokio::task::block_in_place(|| Broker::start(folder.path()));
    broker.join(&mut plan);
    let river = start(&plan);
    let fleet = fleet(&plan, folder.path(), 300);
    assert!(meets_work(&fleet, 0).await);
    tokio::task::block_in_place(|| broker.kill());
    no_receipt_while_away(&fleet).await;
    tokio::task::block_in_place(|| broker.restart());
    check_in_the_end(&plan, fleet, river).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_for_a_while_holds_receipts_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(&folder.path().join("data"));
    // Inserts give up within the pause, so that the retry is what is tested.
    plan.variables = vec![
        (
            "KBWATCH_STORE__INSERT_DEADLINE_MS".to_owned(),
            "2000".to_owned(),
        ),
        (
            "KBWATCH_RECEIVE__RECEIPT_DEADLINE_MS".to_owned(),
            "4000".to_owned(),
        ),
    ];
    let river = start(&plan);
    let fleet = fleet(&plan, folder.path(), 60);
    assert!(meets_work(&fleet, 0).await);
    let engine = river.engine().unwrap();
    signal(engine, "STOP");
    // What was acknowledged before may still be on its way to the collectors.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = fleet.progress().durable_events;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(
        fleet.progress().durable_events,
        before,
        "a receipt without an insert"
    );
    signal(engine, "CONT");
    check_in_the_end(&plan, fleet, river).await;
}
