//! What can be asked of rollouts.

use clap::Subcommand;
use kbwatch_analyzer::{DecisionWords, ExceptionWords, ListRefused, RolloutList, WindowList};

use super::ConfigFile;

/// What to do with rollouts.
#[derive(Debug, Subcommand)]
pub(super) enum RolloutAsk {
    /// Import a target list; the same name replaces the list before.
    Import {
        #[command(flatten)]
        list: RolloutList,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Record what a person decides on a ring, beside the verdict that stands.
    Decide {
        #[command(flatten)]
        words: DecisionWords,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Excuse devices until a date.
    Excuse {
        #[command(flatten)]
        words: ExceptionWords,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Import maintenance windows in place of those before.
    Windows {
        #[command(flatten)]
        list: WindowList,
        #[command(flatten)]
        config: ConfigFile,
    },
}

impl RolloutAsk {
    /// Where its settings stand.
    pub(super) fn config(&self) -> &ConfigFile {
        match self {
            Self::Import { config, .. }
            | Self::Decide { config, .. }
            | Self::Excuse { config, .. }
            | Self::Windows { config, .. } => config,
        }
    }

    /// Does it, and says what was done.
    pub(super) async fn answer(
        &self,
        client: &clickhouse::Client,
        now_ms: i64,
    ) -> Result<String, ListRefused> {
        Ok(match self {
            Self::Import { list, .. } => list
                .import(client, now_ms)
                .await?
                .told(&list.name, list.preview),
            Self::Decide { words, .. } => {
                let decided = words.record(client, now_ms).await?;
                format!(
                    "recorded {:?} beside verdict {:?}",
                    decided.decision, decided.verdict
                )
            }
            Self::Excuse { words, .. } => {
                let done = words.record(client, now_ms).await?;
                format!(
                    "excused {} devices, took back {}",
                    done.excused, done.taken_back
                )
            }
            Self::Windows { list, .. } => {
                format!("imported {} windows", list.import(client, now_ms).await?)
            }
        })
    }
}
