//! `kbwatch rollout import` and `kbwatch baseline import`: hand lists to the
//! river that runs here.

use std::error::Error;
use std::io::Write as _;

use crate::cli::{Baseline, BaselineCommand, Rollout, RolloutCommand};
use crate::reach;
use crate::stage::chain;

/// A list was refused, or no river runs here.
const EXIT_REFUSED: u8 = 2;

/// `kbwatch rollout import`; returns the exit code.
pub async fn rollout(args: &Rollout) -> u8 {
    let RolloutCommand::Import { list, data } = &args.command;
    let imported = async {
        let client = reach::connection(data)?.client();
        let report = list.import(&client, now_ms()).await?;
        let kbs: Vec<&str> = report.kbs.values().map(String::as_str).collect();
        Ok(format!(
            "imported {:?}: {} targets, {} excluded, {} named twice, {} depots, KBs {}",
            list.name,
            report.targets,
            report.excluded,
            report.repeated,
            report.depots,
            kbs.join(" ")
        ))
    };
    tell(imported.await)
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
