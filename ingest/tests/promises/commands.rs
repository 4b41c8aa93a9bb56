//! The commands as processes: exit codes, messages, probes, stopping.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use kbwatch_clickhouse_engine::testing::{TestEngine, engine};

use crate::device::{batch, connect, open};
use crate::gateway::{PATIENCE, until};

pub(crate) fn ingest(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"));
    command
        .args(arguments)
        .env_remove("KBWATCH_KAFKA_BROKERS")
        .env_remove("KBWATCH_CLICKHOUSE_URL");
    command
}

fn with_config(command: &str, text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ingest.toml");
    std::fs::write(&file, text).unwrap();
    ingest(&[command, "--config"]).arg(&file).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unknown_key_ends_with_64_and_its_name() {
    for command in ["receive", "store", "migrate"] {
        let output = with_config(command, "[receive]\nlisten_on = \"127.0.0.1:0\"\n");
        assert_eq!(output.status.code(), Some(64));
        assert!(said(&output).contains("listen_on"), "{}", said(&output));
    }
}

#[test]
fn an_impossible_value_ends_with_64_the_key_the_value_and_the_remedy() {
    let output = with_config("receive", "[receive]\nlisten = \"0.0.0.0:7443\"\n");
    assert_eq!(output.status.code(), Some(64));
    let said = said(&output);
    assert!(
        said.contains("receive.listen = 0.0.0.0:7443") && said.contains("certificates"),
        "{said}"
    );
}

#[test]
fn a_store_without_brokers_ends_with_64() {
    let output = with_config("store", "");
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("kafka.brokers"));
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    assert_eq!(
        ingest(&["receive", "--port"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(64)
    );
    assert_eq!(ingest(&[]).output().unwrap().status.code(), Some(64));
    let help = ingest(&["--help"]).output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
}

#[test]
fn pki_gives_out_a_token_for_each_device_and_founds_no_authority_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let token = ["pki", "token", "--folder", path, "--device", "PC-1"];
    let refused = ingest(&token).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("ca.pem"), "{}", said(&refused));
    let made = ingest(&["pki", "--folder", path]).output().unwrap();
    assert!(made.status.success());
    let list = folder.path().join("devices");
    std::fs::write(&list, "# tellers\nteller-1\n\nteller-2\n").unwrap();
    let mut given = ingest(&token);
    let given = given.arg("--devices").arg(&list).output().unwrap();
    assert!(given.status.success(), "{}", said(&given));
    let told = String::from_utf8(given.stdout).unwrap();
    let lines: Vec<_> = told
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let ids: Vec<_> = lines.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["PC-1", "teller-1", "teller-2"]);
    assert!(lines.iter().all(|(_, token)| token.len() == 32), "{told}");
    let kept = std::fs::read_dir(folder.path().join("tokens")).unwrap();
    assert_eq!(kept.count(), 3);
}

#[test]
fn a_revocation_says_whose_and_founds_no_authority_in_a_mistyped_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let made = ingest(&["pki", "--folder", path, "--device", "pc-1"]).output();
    assert!(made.unwrap().status.success());
    let (cert, wrong) = (format!("{path}/pc-1.pem"), format!("{path}/wrong"));
    let refused = ingest(&["pki", "--folder", &wrong, "--revoke", &cert]).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("wrong/ca.pem"),
        "{}",
        said(&refused)
    );
    assert!(!folder.path().join("wrong").exists());
    let done = ingest(&["pki", "--folder", path, "--revoke", &cert]).output();
    let told = String::from_utf8(done.unwrap().stdout).unwrap();
    assert_eq!(told, format!("revoked CN=pc-1\nlist {path}/crl.pem\n"));
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// One page of the status server; empty when nobody listens.
fn page(address: SocketAddr, path: &str) -> String {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        drop(stream.read_to_string(&mut text));
    }
    text
}

pub(crate) fn on(engine: &TestEngine, command: &mut Command) {
    let connection = engine.connection();
    command
        .env("KBWATCH_CLICKHOUSE_URL", &connection.url)
        .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
        .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
        .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn receive_without_kafka_stores_by_itself_and_ends_well_on_sigterm() {
    let engine = engine().await;
    let mut migrate = ingest(&["migrate"]);
    on(&engine, &mut migrate);
    assert!(migrate.output().unwrap().status.success());

    let (gate, status) = (free_address(), free_address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ingest.toml");
    let text = format!("[receive]\nlisten = \"{gate}\"\n[status]\nlisten = \"{status}\"\n");
    std::fs::write(&file, text).unwrap();
    let mut receive = ingest(&["receive", "--config"]);
    on(&engine, &mut receive);
    let mut running = receive.arg(&file).stderr(Stdio::null()).spawn().unwrap();
    until("it is ready", async || {
        page(status, "/ready").contains("200 OK")
    })
    .await;

    let mut device = open(connect(gate, None).await).await.unwrap();
    let mut events = batch(1, 0, 5);
    events.declared_device = "pc-1".to_owned();
    device.deliver(events).await;
    assert!(page(status, "/metrics").contains("kbwatch_store_stored_events_total 5"));
    assert!(page(status, "/live").contains("200 OK"));

    assert!(
        Command::new("kill")
            .arg(running.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    let ended = tokio::task::spawn_blocking(move || running.wait());
    let ended = tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    assert!(ended.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_wait_for_a_kafka_that_is_away_and_end_well_when_asked() {
    let engine = engine().await;
    for command in ["receive", "store"] {
        let (gate, status) = (free_address(), free_address());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ingest.toml");
        let text = format!(
            "[receive]\nlisten = \"{gate}\"\n[status]\nlisten = \"{status}\"\n\
             [kafka]\nbrokers = \"{}\"\n",
            free_address()
        );
        std::fs::write(&file, text).unwrap();
        let mut stage = ingest(&[command, "--config"]);
        on(&engine, &mut stage);
        let mut running = stage.arg(&file).stderr(Stdio::null()).spawn().unwrap();
        until("it lives", async || page(status, "/live").contains("200")).await;
        let ready = page(status, "/ready");
        assert!(ready.contains(" 503 "), "{ready}");
        assert!(ready.contains("waiting for Kafka"), "{ready}");
        let pid = running.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || running.wait());
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
        assert!(ended.unwrap().unwrap().unwrap().success(), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_not_waited_for_when_asked_to_stop() {
    // It takes the connection, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut waiting = ingest(&["dead-letters", "list"])
        .env("KBWATCH_CLICKHOUSE_URL", url)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let taken = tokio::time::timeout(PATIENCE, silent.accept()).await;
    let _held = taken.unwrap().unwrap();
    let pid = waiting.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    until("it ends", async || waiting.try_wait().unwrap().is_some()).await;
    let output = waiting.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(
        said(&output).contains("stopped before"),
        "{}",
        said(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_asked_after_ends_with_two_where_there_is_something_to_do() {
    let engine = engine().await;
    let run = |arguments: &[&str]| {
        let mut command = ingest(arguments);
        on(&engine, &mut command);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = run(&["migrate", "--dry-run"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("-- 0001_update_events\n"), "{text}");
    assert!(text.contains("CREATE TABLE IF NOT EXISTS update_events"));
    assert_eq!(run(&["migrate"]), (Some(0), String::new()));
    let nothing = "-- nothing to do\n".to_owned();
    assert_eq!(run(&["migrate", "--dry-run"]), (Some(0), nothing));
    assert_eq!(run(&["rebuild", "--check"]).0, Some(0));
    let odd = "INSERT INTO codes_seen (hresult, phase) VALUES (5, 'install')";
    engine.client().query(odd).execute().await.unwrap();
    let (code, text) = run(&["rebuild", "--check"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of 1 it knows more"), "{text}");
    let (code, text) = run(&["rebuild"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("anew with 0 codes"), "{text}");
    let event = "INSERT INTO update_events (device_id, hresult, printed_at) VALUES ('a', 5, now())";
    for odd in [event, "TRUNCATE TABLE codes_seen"] {
        engine.client().query(odd).execute().await.unwrap();
    }
    assert_eq!(run(&["rebuild", "--check"]).0, Some(2));
    assert_eq!(run(&["rebuild"]).0, Some(0));
    assert_eq!(run(&["rebuild", "--check"]).0, Some(0));
}
