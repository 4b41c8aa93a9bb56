//! A fresh database on a real server, for tests of any crate.
//!
//! All tests of a process share one engine, which dies with the process. With
//! `KBWATCH_CLICKHOUSE_URL` set that server is used instead.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use clickhouse::Client;
use tokio::sync::OnceCell;

use crate::launch::random_bytes;
use crate::server_config::hex;
use crate::{Connection, Engine, EngineConfig};

static ENGINE: OnceCell<Server> = OnceCell::const_new();
static DATABASES: AtomicU64 = AtomicU64::new(0);

enum Server {
    Given(Connection),
    Ours(Engine),
}

/// A database of its own for one test.
#[derive(Debug, Clone)]
pub struct TestEngine {
    connection: Connection,
}

impl TestEngine {
    /// A client of the fresh database.
    pub fn client(&self) -> Client {
        self.connection.client()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Address, user, password and database.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Gives a fresh, empty database on a server that all tests of this process share.
///
/// # Panics
/// With what is missing and how to get it, if no server can be had: a test
/// that needs ClickHouse must not pass without.
pub async fn engine() -> TestEngine {
    let server = ENGINE.get_or_init(|| async { start().await }).await;
    let connection = match server {
        Server::Given(connection) => connection,
        Server::Ours(engine) => engine.connection(),
    };
    let name = format!(
        "test_{}_{}",
        std::process::id(),
        DATABASES.fetch_add(1, Ordering::SeqCst)
    );
    let connection = connection.with_database(&name);
    let made = connection.create_database().await;
    assert!(made.is_ok(), "create database {name}: {made:?}");
    TestEngine { connection }
}

async fn start() -> Server {
    if let Ok(url) = std::env::var("KBWATCH_CLICKHOUSE_URL") {
        return match Connection::from_url(&url) {
            Ok(connection) => Server::Given(connection),
            Err(error) => panic!("KBWATCH_CLICKHOUSE_URL: {error}"),
        };
    }
    match Engine::start(config()).await {
        Ok(engine) => Server::Ours(engine),
        Err(error) => panic!("no ClickHouse for the tests: {error}"),
    }
}

/// A small engine in a temporary folder that goes when the engine goes.
pub fn config() -> EngineConfig {
    let tag = random_bytes::<6>().map_or_else(|_| "0".to_owned(), |bytes| hex(&bytes));
    let folder = std::env::temp_dir().join(format!("kbwatch-engine-{}-{tag}", std::process::id()));
    EngineConfig {
        host_program: Some(host_program()),
        ephemeral: true,
        ..EngineConfig::new(folder)
    }
}

/// The host beside the test binary, built first if it is not there.
///
/// # Panics
/// If it can neither be found nor built.
pub fn host_program() -> PathBuf {
    let tests = std::env::current_exe().unwrap_or_default();
    // target/release/deps/some_test-0123 → target/release
    let folder = tests
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name().is_none_or(|name| name != "deps"))
        .unwrap_or(Path::new("."))
        .to_owned();
    let host = folder.join("kbwatch-clickhouse-engine");
    if !host.is_file() {
        build(&folder);
    }
    assert!(
        host.is_file(),
        "{} is missing: cargo build --release -p kbwatch-clickhouse-engine",
        host.display()
    );
    host
}

fn build(folder: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "-q", "-p", "kbwatch-clickhouse-engine", "--bins"]);
    if folder.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let built = cargo.status();
    assert!(
        built.as_ref().is_ok_and(std::process::ExitStatus::success),
        "could not build the ClickHouse host: {built:?}"
    );
}
