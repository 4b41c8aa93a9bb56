//! One analyzer per database: locks, names, and what a second one is told.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kbwatch_analyzer::{Analyzer, AnalyzerConfig, AnalyzerError, Claim, ClaimError};
use kbwatch_clickhouse_engine::testing::{TestEngine, engine};

async fn database() -> TestEngine {
    let engine = engine().await;
    kbwatch_ingest::migrate(&engine.client()).await.unwrap();
    kbwatch_analyzer::migrate(&engine.client()).await.unwrap();
    engine
}

fn analyzer(database: &TestEngine, claim: Claim) -> Analyzer {
    Analyzer::open(AnalyzerConfig::default(), database.client()).holding(claim)
}

#[tokio::test]
async fn a_database_belongs_to_the_folder_that_claimed_it_until_another_takes_over() {
    let database = database().await;
    let client = database.client();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let claim = Claim::take(one.path(), &client, false).await.unwrap();
    let mut first = analyzer(&database, claim);
    first.cycle(1_000).await.unwrap();

    let refused = Claim::take(other.path(), &client, false).await.unwrap_err();
    assert!(matches!(&refused, ClaimError::Owned(owner) if owner.folder == one.path()));
    assert!(refused.to_string().contains("--take-over"), "{refused}");

    let claim = Claim::take(other.path(), &client, true).await.unwrap();
    let stopped = first.cycle(2_000).await;
    assert!(matches!(stopped, Err(AnalyzerError::TakenOver(_))));
    analyzer(&database, claim).cycle(2_000).await.unwrap();
    drop(first);
    let back = Claim::take(one.path(), &client, false).await;
    assert!(matches!(back, Err(ClaimError::Owned(_))));
}

#[tokio::test]
async fn of_two_that_start_at_once_one_goes_on() {
    let database = database().await;
    let client = database.client();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (one, other) = tokio::join!(
        Claim::take(folders[0].path(), &client, false),
        Claim::take(folders[1].path(), &client, false),
    );
    let mut goes_on = 0;
    for claim in [one, other].into_iter().flatten() {
        goes_on += usize::from(analyzer(&database, claim).cycle(1_000).await.is_ok());
    }
    assert_eq!(goes_on, 1);
}

/// A process that is stopped whatever happens.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Run {
    fn start(database: &TestEngine, folder: &Path) -> Self {
        let connection = database.connection();
        let config = folder.join("analyzer.toml");
        let state = folder.join("state");
        let text = format!(
            "listen = \"127.0.0.1:0\"\nstate_dir = \"{}\"\n",
            state.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kbwatch-analyzer"));
        let command = command.args(["run", "--config"]).arg(&config);
        let command = command
            .env("KBWATCH_CLICKHOUSE_URL", &connection.url)
            .env("KBWATCH_CLICKHOUSE_USER", &connection.user)
            .env("KBWATCH_CLICKHOUSE_PASSWORD", &connection.password)
            .env("KBWATCH_CLICKHOUSE_DATABASE", &connection.database);
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Exit code, if it ends within the time.
    async fn ends_within(&mut self, time: Duration) -> Option<i32> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}

async fn claimed(database: &TestEngine) -> bool {
    let count = "SELECT count() FROM analyzer_state WHERE key = 'owner'";
    database
        .client()
        .query(count)
        .fetch_one::<u64>()
        .await
        .unwrap()
        > 0
}

#[tokio::test]
async fn a_second_process_is_refused_and_one_that_was_killed_is_followed() {
    let database = database().await;
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = Run::start(&database, here.path());
    let deadline = Instant::now() + Duration::from_mins(1);
    while !claimed(&database).await {
        assert!(Instant::now() < deadline, "the first one never claimed");
        assert_eq!(first.0.try_wait().unwrap(), None);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let long = Duration::from_mins(1);
    let mut same_folder = Run::start(&database, here.path());
    assert_eq!(same_folder.ends_within(long).await, Some(73));
    let mut other_folder = Run::start(&database, elsewhere.path());
    assert_eq!(other_folder.ends_within(long).await, Some(73));

    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let mut next = Run::start(&database, here.path());
    // Twice as long as a refusal takes.
    assert_eq!(next.ends_within(Duration::from_secs(10)).await, None);
}
