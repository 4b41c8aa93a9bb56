//! A running collector against a real gateway endpoint.

use std::fs;
use std::process::Command;
use std::time::Duration;

use kbwatch_collector::{CollectorConfig, RunError, RunSummary, run, run_once};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::gateway::{Answer, Serving, TestGateway, make_pki, until};
use crate::world::World;

type Running = JoinHandle<Result<RunSummary, RunError>>;

fn start(config: &CollectorConfig) -> (Running, watch::Sender<bool>) {
    let (stop, shutdown) = watch::channel(false);
    (tokio::spawn(run(config.clone(), shutdown)), stop)
}

async fn stop(running: Running, stop: watch::Sender<bool>) -> RunSummary {
    stop.send_replace(true);
    running.await.unwrap().unwrap()
}

/// A world of today whose records are young enough, and a plain gateway.
fn plain(gateway: &TestGateway) -> (World, Serving) {
    let serving = gateway.serve(None);
    let mut world = World::new();
    world.config.gateway = format!("http://{}", serving.address);
    world.config.history_days = 36_500;
    world.config.poll_ms = 10;
    world.config.batch_max_age_ms = 20;
    world.config.backoff_max_ms = 50;
    (world, serving)
}

async fn until_all_arrived(gateway: &TestGateway, world: &World) {
    let expected = world.expected();
    until("every record arrives", || gateway.notes().ids() == expected).await;
}

#[tokio::test]
async fn records_arrive_over_mutual_tls_and_the_certificate_names_the_device() {
    let gateway = TestGateway::default();
    let mut world = World::new();
    let pki = make_pki(world.folder.path(), "pc-1");
    let serving = gateway.serve(Some(pki.server));
    world.config.gateway = format!("https://{}", serving.address);
    world.config.tls = Some(pki.device);
    world.config.declared_device = None;
    world.config.history_days = 36_500;
    world.config.poll_ms = 10;
    world.append_records(1_000);
    let (running, shutdown) = start(&world.config);
    until_all_arrived(&gateway, &world).await;
    world.append_records(10);
    world.rotate();
    world.append_records(10);
    until_all_arrived(&gateway, &world).await;
    let summary = stop(running, shutdown).await;
    assert!(summary.is_drained());
    let notes = gateway.notes();
    assert_eq!(notes.events.len(), 1_020);
    assert!(
        notes
            .batches
            .iter()
            .all(|batch| batch.declared_device.is_empty())
    );
}

#[tokio::test]
async fn a_gateway_of_another_authority_gets_nothing() {
    let gateway = TestGateway::default();
    let mut world = World::new();
    let pki = make_pki(world.folder.path(), "pc-1");
    let serving = gateway.serve(Some(pki.server));
    // The device now trusts another authority than the gateway's.
    let other = make_pki(world.folder.path(), "pc-1");
    world.config.gateway = format!("https://{}", serving.address);
    world.config.tls = Some(other.device);
    world.config.declared_device = None;
    world.config.receipt_timeout_ms = 300;
    world.append_records(1);
    let (_stop, shutdown) = watch::channel(false);
    let summary = run_once(world.config.clone(), shutdown).await.unwrap();
    assert!(!summary.is_complete());
    assert_eq!(gateway.streams(), 0);
}

#[tokio::test]
async fn what_the_gateway_cannot_take_now_is_sent_again_byte_for_byte() {
    let gateway = TestGateway::answering([Answer::Durable, Answer::Retry, Answer::Retry]);
    let (mut world, _serving) = plain(&gateway);
    world.append_records(3);
    let (running, shutdown) = start(&world.config);
    until_all_arrived(&gateway, &world).await;
    until("three tries", || gateway.notes().batches.len() >= 4).await;
    let summary = stop(running, shutdown).await;
    assert_eq!(summary.counts.retries, 2);
    assert_eq!(summary.counts.durable_events, 3);
    let notes = gateway.notes();
    assert_eq!(notes.batches[1].batch_seq, notes.batches[3].batch_seq);
    assert_eq!(notes.batches[1].payload, notes.batches[3].payload);
    assert_eq!(gateway.streams(), 1);
}

#[tokio::test]
async fn a_receipt_lost_with_its_connection_doubles_no_event() {
    let gateway =
        TestGateway::answering([Answer::LoseReceipt, Answer::Durable, Answer::LoseReceipt]);
    let (mut world, _serving) = plain(&gateway);
    world.append_records(3);
    let (running, shutdown) = start(&world.config);
    until("two broken streams", || gateway.streams() >= 3).await;
    until_all_arrived(&gateway, &world).await;
    let summary = stop(running, shutdown).await;
    assert!(summary.is_drained());
    assert_eq!(summary.counts.durable_events, 3);
}

#[tokio::test]
async fn a_silent_gateway_is_left_and_called_again() {
    let gateway = TestGateway::answering([Answer::Silence]);
    let (mut world, _serving) = plain(&gateway);
    world.config.receipt_timeout_ms = 100;
    world.append_records(1);
    let (running, shutdown) = start(&world.config);
    until("a second stream", || gateway.streams() >= 2).await;
    until_all_arrived(&gateway, &world).await;
    assert!(stop(running, shutdown).await.is_drained());
}

#[tokio::test]
async fn a_killed_collector_loses_and_doubles_nothing() {
    let gateway = TestGateway::answering([Answer::Durable, Answer::LoseReceipt]);
    let (mut world, _serving) = plain(&gateway);
    world.config.checkpoint_s = 0;
    for round in 0..5 {
        world.append_records(40);
        let (running, _stop) = start(&world.config);
        if round % 2 == 0 {
            until_all_arrived(&gateway, &world).await;
        }
        running.abort();
        assert!(running.await.is_err());
        world.rotate();
    }
    let (running, shutdown) = start(&world.config);
    until_all_arrived(&gateway, &world).await;
    assert!(stop(running, shutdown).await.is_drained());
}

#[tokio::test]
async fn a_gateway_that_was_away_finds_everything_when_it_is_back() {
    let gateway = TestGateway::default();
    let (mut world, serving) = plain(&gateway);
    let (running, shutdown) = start(&world.config);
    until("the first stream", || gateway.streams() == 1).await;
    let address = serving.address;
    drop(serving);
    world.append_records(50);
    world.rotate();
    world.append_records(50);
    let _serving = gateway.serve_at(address, None);
    until_all_arrived(&gateway, &world).await;
    assert!(stop(running, shutdown).await.is_drained());
}

#[tokio::test]
async fn a_stopping_collector_says_what_it_could_not_deliver() {
    let gateway = TestGateway::answering([Answer::Silence; 10]);
    let (mut world, _serving) = plain(&gateway);
    world.config.stop_grace_ms = 50;
    let (running, shutdown) = start(&world.config);
    until("a batch", || !gateway.notes().batches.is_empty()).await;
    let summary = stop(running, shutdown).await;
    assert!(!summary.is_drained());
    assert_eq!(summary.left.unreceipted_batches, 1);
}

#[tokio::test]
async fn a_last_heartbeat_that_nobody_answers_is_nothing_left_behind() {
    let gateway = TestGateway::default();
    let (mut world, _serving) = plain(&gateway);
    world.config.stop_grace_ms = 500;
    world.append_records(5);
    let (running, shutdown) = start(&world.config);
    until_all_arrived(&gateway, &world).await;
    // Lines that no heartbeat told of yet.
    world.append_records(5);
    until_all_arrived(&gateway, &world).await;
    let before = gateway.notes().batches.len();
    gateway.answer_next([Answer::Silence; 10]);
    let summary = stop(running, shutdown).await;
    assert_eq!(gateway.notes().batches.len(), before + 1);
    assert!(summary.is_drained(), "{summary:?}");
}

#[tokio::test]
async fn a_single_pass_ends_when_everything_is_durable() {
    let gateway = TestGateway::default();
    let (mut world, _serving) = plain(&gateway);
    world.append_records(2_000);
    let (_stop, shutdown) = watch::channel(false);
    let summary = run_once(world.config.clone(), shutdown).await.unwrap();
    assert!(summary.is_complete());
    assert_eq!(gateway.notes().ids(), world.expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_follows_its_configuration_and_exits_as_it_says() {
    let gateway = TestGateway::answering([Answer::Durable, Answer::Refused]);
    let (mut world, serving) = plain(&gateway);
    world.append_records(5);
    let text = format!(
        "gateway = \"http://{}\"\ndeclared_device = \"PC-1\"\nstate_dir = {:?}\n\
         history_days = 36500\nstart_spread_ms = 0\n[sources]\ncbs_log = {:?}\n",
        serving.address,
        world.path("state"),
        world.path("CBS.log"),
    );
    fs::write(world.path("collector.toml"), text).unwrap();
    let config = world.path("collector.toml");
    let once = move |variable: (&str, &str)| {
        let status = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
            .args(["run", "--once", "--config"])
            .arg(&config)
            .env(variable.0, variable.1)
            .status();
        status.unwrap().code()
    };
    let codes = tokio::task::spawn_blocking(move || {
        [
            once(("KBWATCH_COLLECTOR_POLL_MS", "100")),
            once(("KBWATCH_COLLECTOR_POLL_MS", "100")),
            once(("KBWATCH_COLLECTOR_POLL_MS", "1")),
        ]
    });
    let codes = tokio::time::timeout(Duration::from_mins(1), codes);
    // Refused first, nothing left to do second, impossible third.
    assert_eq!(codes.await.unwrap().unwrap(), [Some(1), Some(0), Some(64)]);
    assert_eq!(gateway.notes().ids(), world.expected());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_binary_stops_cleanly_on_sigterm() {
    let gateway = TestGateway::default();
    let (mut world, serving) = plain(&gateway);
    world.append_records(5);
    let text = format!(
        "gateway = \"http://{}\"\ndeclared_device = \"pc-1\"\nstate_dir = {:?}\n\
         history_days = 36500\nstart_spread_ms = 0\n[sources]\ncbs_log = {:?}\n",
        serving.address,
        world.path("state"),
        world.path("CBS.log"),
    );
    fs::write(world.path("collector.toml"), text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .args(["run", "--config"])
        .arg(world.path("collector.toml"))
        .spawn()
        .unwrap();
    until_all_arrived(&gateway, &world).await;
    // A second one must not touch the first one's checkpoint.
    let config = world.path("collector.toml");
    let second = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .args(["run", "--config"])
        .arg(config)
        .status();
    assert_eq!(second.unwrap().code(), Some(73));
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    let status = tokio::task::spawn_blocking(move || child.wait()).await;
    assert_eq!(status.unwrap().unwrap().code(), Some(0));
    assert!(world.path("state/checkpoint.json").exists());
}
