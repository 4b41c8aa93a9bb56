//! What a technician reads when something is not as it should be.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::gateway::TestGateway;
use crate::world::World;

/// One pass of the real program; its exit status and what it logged.
async fn run_once(config: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"));
    command.args(["run", "--once", "--config"]).arg(config);
    command.env("RUST_LOG", "info");
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(Duration::from_mins(1), ended).await;
    let output = output.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

fn configure(world: &World, address: &str, logs: &str) -> std::path::PathBuf {
    let text = format!(
        "gateway = \"http://{address}\"\ndeclared_device = \"pc-1\"\nstate_dir = {:?}\n\
         history_days = 36500\nreceipt_timeout_ms = 1000\nbackoff_max_ms = 100\n[sources]\n{logs}\n",
        world.path("state"),
    );
    let path = world.path("collector.toml");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_finds_no_log_says_which_are_missing_and_exits_2() {
    let gateway = TestGateway::default();
    let world = World::new();
    let serving = gateway.serve(None);
    let log = world.path("CSB.log");
    let logs = format!("cbs_log = {log:?}");
    let config = configure(&world, &serving.address.to_string(), &logs);
    let (code, said) = run_once(&config).await;
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said.matches("sources.cbs_log").count(), 1, "{said}");
    for words in ["log is not there", "CSB.log", "no log could be read"] {
        assert!(said.contains(words), "{words} is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_of_two_is_enough_and_the_other_is_named() {
    let gateway = TestGateway::default();
    let mut world = World::new();
    let serving = gateway.serve(None);
    world.append_records(3);
    let (there, missing) = (world.path("CBS.log"), world.path("none/dism.log"));
    let logs = format!("cbs_log = {there:?}\ndism_log = {missing:?}");
    let address = serving.address.to_string();
    let (code, said) = run_once(&configure(&world, &address, &logs)).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("sources.dism_log"), "{said}");
    let connected = format!("connected to http://{address} as pc-1");
    assert_eq!(said.matches(&connected).count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_not_there_is_told_once_in_plain_words() {
    let mut world = World::new();
    world.append_records(1);
    // Held, so that nobody else gets the port, and deaf.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let logs = format!("cbs_log = {:?}", world.path("CBS.log"));
    let (code, said) = run_once(&configure(&world, &address, &logs)).await;
    assert_eq!(code, Some(1), "{said}");
    let words = "refuses the connection: check the port in the key gateway";
    assert_eq!(said.matches(words).count(), 1, "{said}");
    for raw in ["os error", "transport error", "connected to"] {
        assert!(!said.contains(raw), "{raw} is in: {said}");
    }
}
