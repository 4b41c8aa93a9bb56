//! How far the store is behind the journal, asked from the brokers.

use std::time::Duration;

use kbwatch_ingest::config::KafkaConfig;
use kbwatch_ingest::journal::lag;
use tokio::time::Instant;

use super::Failure;
use super::result::Check;

/// How long the store may take for what is left in the journal.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until everything in the journal is committed, and says what is left.
pub(super) async fn check(kafka: &KafkaConfig) -> Result<Check, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = kafka.clone();
        let behind = tokio::task::spawn_blocking(move || lag(&asked)).await??;
        if behind == 0 || Instant::now() > deadline {
            return Ok(Check::equal("the_journal_is_read_to_its_end", 0, behind));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
