//! The engine lives and dies as promised.

use std::time::{Duration, Instant};

use kbwatch_clickhouse_engine::{Engine, EngineConfig, EngineError, testing};

fn exists(pid: u32) -> bool {
    // A zombie has left already.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_none_or(|(_, rest)| !rest.starts_with(" Z"))
    })
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut holds: F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn config_in(folder: &tempfile::TempDir) -> EngineConfig {
    EngineConfig {
        host_program: Some(testing::host_program()),
        ..EngineConfig::new(folder.path().join("engine"))
    }
}

#[tokio::test]
async fn two_tests_get_two_databases_of_one_server() {
    let (one, two) = tokio::join!(testing::engine(), testing::engine());
    assert_eq!(one.url(), two.url());
    assert_ne!(one.connection().database, two.connection().database);
    let answer: u64 = one
        .client()
        .query("SELECT toUInt64(40 + 2)")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(answer, 42);
}

#[tokio::test]
async fn a_killed_engine_comes_back_for_the_same_clients_with_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(config_in(&folder)).await.unwrap();
    let client = engine.client();
    client
        .query("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
        .execute()
        .await
        .unwrap();
    client
        .query("INSERT INTO kept SELECT number FROM numbers(1000)")
        .execute()
        .await
        .unwrap();
    let killed = engine.pid();
    kill(killed);
    eventually("the engine is back", async || engine.restarts() == 1).await;
    assert_ne!(engine.pid(), killed);
    let kept: u64 = client
        .query("SELECT count() FROM kept")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(kept, 1000);
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_engine_is_gone_and_its_folder_can_be_started_again() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let engine = Engine::start(config_in(&folder)).await.unwrap();
        let pid = engine.pid();
        engine.stop().await.unwrap();
        assert!(!exists(pid));
    }
}

#[tokio::test]
async fn a_dropped_engine_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(config_in(&folder)).await.unwrap();
    let pid = engine.pid();
    drop(engine);
    eventually("the host is gone", async || !exists(pid)).await;
}

#[tokio::test]
async fn the_user_without_a_password_reads_writes_and_fetches_nothing() {
    let engine = testing::engine().await;
    engine
        .client()
        .query("CREATE TABLE secret (n UInt8) ENGINE = MergeTree ORDER BY n")
        .execute()
        .await
        .unwrap();
    let stranger = clickhouse::Client::default()
        .with_url(engine.url())
        .with_database(&engine.connection().database);
    for statement in [
        "SELECT n FROM secret",
        "INSERT INTO secret VALUES (1)",
        "CREATE TABLE mine (n UInt8) ENGINE = Memory",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    ] {
        let refused = stranger.query(statement).execute().await.unwrap_err();
        assert!(
            refused.to_string().contains("ACCESS_DENIED"),
            "{statement}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_another_layout_ends_with_73_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_in(&folder);
    std::fs::create_dir_all(&config.data_dir).unwrap();
    std::fs::write(config.data_dir.join("layout"), "kbwatch clickhouse 99\n").unwrap();
    let error = Engine::start(config).await.unwrap_err();
    assert!(matches!(error, EngineError::DataFolder { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 73);
    assert!(error.to_string().contains("name another folder"), "{error}");
}

#[tokio::test]
async fn the_host_dies_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut parent = std::process::Command::new(testing::host_program())
        .arg(folder.path().join("engine"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(parent.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    assert!(line.starts_with("http://127.0.0.1:"), "{line}");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.id()))
        .unwrap_or_default();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let config = config_in(&folder);
    // The next start waits for the folder: it succeeds only once the orphan is gone.
    let engine = Engine::start(config).await.unwrap();
    for pid in children.split_whitespace() {
        assert!(!exists(pid.parse().unwrap()));
    }
    engine.stop().await.unwrap();
}
