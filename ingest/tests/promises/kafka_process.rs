//! Apache Kafka and stores as processes of their own, to be killed.
//!
//! Needs Java and Maven, or brokers in `KBWATCH_KAFKA_BROKERS`; fails loudly
//! without.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kbwatch_clickhouse_engine::testing::TestEngine;
use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::journal::lag;
use tokio::sync::OnceCell;

use crate::gateway::until;
use crate::hearing::SHOWN_OF_PROCESSES;

static BROKERS: OnceCell<String> = OnceCell::const_new();
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A topic of its own, on brokers that all tests share.
pub(crate) async fn fresh_topic() -> KafkaConfig {
    let brokers = BROKERS.get_or_init(async || match std::env::var("KBWATCH_KAFKA_BROKERS") {
        Ok(brokers) => brokers,
        Err(_) => tokio::task::spawn_blocking(start_shared).await.unwrap(),
    });
    topic_on(brokers.await)
}

/// A topic of its own on some brokers.
pub(crate) fn topic_on(brokers: &str) -> KafkaConfig {
    let number = TOPICS.fetch_add(1, Ordering::SeqCst);
    let own = format!("{}-{number}", std::process::id());
    KafkaConfig {
        brokers: brokers.to_owned(),
        topic: format!("batches-{own}"),
        group: format!("stores-{own}"),
        partitions: 3,
        ..KafkaConfig::default()
    }
}

/// A broker that goes, with its folder, when this process goes.
fn start_shared() -> String {
    let folder = format!("kafka-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let ports = [free_port(), free_port()];
    let mut script = kafka_script(&folder, ports);
    wait_until_ready(script.env("KBWATCH_KAFKA_EPHEMERAL", "yes")).1
}

fn kafka_script(folder: &Path, ports: [u16; 2]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut script = Command::new("bash");
    script
        .arg(root.join("deploy/kafka/kafka.sh"))
        .arg(folder)
        .args(ports.map(|port| port.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    script
}

fn wait_until_ready(script: &mut Command) -> (Child, String) {
    let mut script = script.spawn().unwrap();
    let said = BufReader::new(script.stdout.take().unwrap()).lines().next();
    match said {
        Some(Ok(line)) if line.starts_with("ready ") => (script, line["ready ".len()..].to_owned()),
        _ => panic!(
            "no Apache Kafka for the tests (see above): {:?}; install Java 17 and Maven, or set \
             KBWATCH_KAFKA_BROKERS",
            script.wait()
        ),
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A broker of one's own that can be killed and started again.
pub(crate) struct Broker {
    pub(crate) address: String,
    folder: tempfile::TempDir,
    ports: [u16; 2],
    script: Child,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port()];
        let (script, address) = wait_until_ready(&mut kafka_script(folder.path(), ports));
        Self {
            address,
            folder,
            ports,
            script,
        }
    }

    /// One that knows two users of the same password: the first may do all, the
    /// second nothing.
    pub(crate) fn start_for(user: &str, password: &str, guest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port()];
        let mut script = kafka_script(folder.path(), ports);
        script
            .env("KBWATCH_KAFKA_USER", user)
            .env("KBWATCH_KAFKA_PASSWORD", password)
            .env("KBWATCH_KAFKA_GUEST", guest);
        let (script, address) = wait_until_ready(&mut script);
        Self {
            address,
            folder,
            ports,
            script,
        }
    }

    /// kill -9 of the broker.
    pub(crate) fn kill(&mut self) {
        let pid = std::fs::read_to_string(self.folder.path().join("broker.pid")).unwrap();
        let killed = Command::new("kill").args(["-9", pid.trim()]).status();
        assert!(killed.unwrap().success());
        self.script.wait().unwrap();
    }

    /// The same broker, on the same address and data.
    pub(crate) fn start_again(&mut self) {
        self.script = wait_until_ready(&mut kafka_script(self.folder.path(), self.ports)).0;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Already gone where a test ended it.
        let pid = self.script.id().to_string();
        drop(Command::new("kill").arg(pid).status());
        drop(self.script.wait());
    }
}

/// Waits until everything in the topic is committed.
pub(crate) async fn caught_up(kafka: &KafkaConfig) {
    until("the stores caught up", async || {
        let kafka = kafka.clone();
        let behind = tokio::task::spawn_blocking(move || lag(&kafka));
        behind.await.unwrap().unwrap() == 0
    })
    .await;
}

/// A `kbwatch-ingest store` of its own.
pub(crate) struct Store {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Store {
    pub(crate) fn start(engine: &TestEngine, url: &str, kafka: &KafkaConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ingest.toml");
        let text = format!(
            "[store]\ngroup_age_ms = 20\nretry_cap_ms = 200\n\
             [kafka]\nbrokers = {:?}\ntopic = {:?}\ngroup = {:?}\n",
            kafka.brokers, kafka.topic, kafka.group
        );
        std::fs::write(&file, text).unwrap();
        let connection = engine.connection();
        let process = Command::new(env!("CARGO_BIN_EXE_kbwatch-ingest"))
            .args(["store", "--config"])
            .arg(&file)
            .env("RUST_LOG", SHOWN_OF_PROCESSES)
            .env("KBWATCH_CLICKHOUSE_URL", url)
            .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
            .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
            .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database)
            .spawn()
            .unwrap();
        Self {
            process,
            _folder: folder,
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; says whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.process.wait().unwrap().success()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Already gone where a test ended it.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
