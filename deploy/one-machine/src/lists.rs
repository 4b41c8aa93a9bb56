//! `kbwatch rollout …` and `kbwatch baseline import`: hand lists and decisions to
//! the river that runs here.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use crate::cli::{Baseline, BaselineCommand, Rollout, RolloutCommand};
use crate::reach;
use crate::stage::chain;

/// A list was refused, or no river runs here.
const EXIT_REFUSED: u8 = 2;

/// `kbwatch rollout …`; returns the exit code.
pub async fn rollout(args: &Rollout) -> u8 {
    let answered = async {
        let client = reach::connection(args.command.data())?.client();
        let now_ms = now_ms();
        Ok(match &args.command {
            RolloutCommand::Import { list, .. } => {
                let report = list.import(&client, now_ms).await?;
                report.told(&list.name, list.preview)
            }
            RolloutCommand::Decide { words, .. } => {
                let decided = words.record(&client, now_ms).await?;
                format!(
                    "recorded {:?} beside verdict {:?}",
                    decided.decision, decided.verdict
                )
            }
            RolloutCommand::Excuse { words, .. } => {
                let done = words.record(&client, now_ms).await?;
                format!(
                    "excused {} devices, took back {}",
                    done.excused, done.taken_back
                )
            }
            RolloutCommand::Windows { list, .. } => {
                format!("imported {} windows", list.import(&client, now_ms).await?)
            }
        })
    };
    tell(answered.await)
}

impl RolloutCommand {
    fn data(&self) -> &Path {
        match self {
            Self::Import { data, .. }
            | Self::Decide { data, .. }
            | Self::Excuse { data, .. }
            | Self::Windows { data, .. } => data,
        }
    }
}

/// `kbwatch baseline import`; returns the exit code.
pub async fn baseline(args: &Baseline) -> u8 {
    let BaselineCommand::Import { list, data } = &args.command;
    let imported = async {
        let client = reach::connection(data)?.client();
        let known = list.import(&client, now_ms()).await?;
        Ok(format!("imported {known} known result codes"))
    };
    tell(imported.await)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn tell(outcome: Result<String, Box<dyn Error>>) -> u8 {
    let (told, code) = match outcome {
        Ok(done) => (writeln!(std::io::stdout(), "{done}"), 0),
        Err(error) => (
            writeln!(std::io::stderr(), "{}", chain(error.as_ref())),
            EXIT_REFUSED,
        ),
    };
    // Nobody reads: the list is in or refused all the same.
    drop(told);
    code
}
