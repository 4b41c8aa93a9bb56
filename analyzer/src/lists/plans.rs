//! Decisions, exceptions and maintenance windows, as a command line names them.

use std::path::PathBuf;

use clickhouse::Client;

use super::{ListRefused, parse_pair, read};
use crate::releases::{
    Excuse, Excused, ExcusedDevice, Mapping, RingDecision, excuse, import_windows,
    read_exception_list, record_decision,
};
use crate::view::Decision;

/// What a person decides on a ring, beside what the figures say.
#[derive(Debug, Clone, clap::Args)]
pub struct DecisionWords {
    /// Name of the rollout.
    #[arg(long)]
    pub rollout: String,
    /// Ring.
    #[arg(long)]
    pub ring: String,
    /// `go`, `stop` or `hold`.
    #[arg(long)]
    pub decision: String,
    /// Who decides.
    #[arg(long)]
    pub who: String,
    /// Why.
    #[arg(long)]
    pub why: String,
}

/// Devices to excuse from a rollout until a date.
///
/// Either one device with its owner, reason and end, or a list with the columns
/// `device`, `owner`, `reason` and `until`. Afterwards the devices count again
/// by themselves; `--until now` takes an exception back.
#[derive(Debug, Clone, clap::Args)]
pub struct ExceptionWords {
    /// Name of the rollout.
    #[arg(long)]
    pub rollout: String,
    /// List of devices.
    #[arg(long, value_name = "CSV", conflicts_with = "device")]
    pub list: Option<PathBuf>,
    /// One device.
    #[arg(long, required_unless_present = "list", requires_all = ["owner", "reason", "until"])]
    pub device: Option<String>,
    /// Who answers for it.
    #[arg(long)]
    pub owner: Option<String>,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// Until when: a day, `2026-03-31`, a time, `2026-03-31T18:00+08:00`, or
    /// `now`.
    #[arg(long)]
    pub until: Option<String>,
    /// Which column of the list is what, where it is called otherwise.
    #[arg(long = "map", value_name = "WHAT=COLUMN", value_parser = parse_pair)]
    pub mapping: Vec<(String, String)>,
}

/// Maintenance windows, in place of those before.
///
/// A CSV with `days` (`sat sun`, `mon-fri`, `daily`) or `date`, `from`, `to`
/// and `offset` (`+08:00`), and for whom: `ring`, `branch`, `class`, where an
/// empty one is for any. A window that ends before it begins goes past
/// midnight.
#[derive(Debug, Clone, clap::Args)]
pub struct WindowList {
    /// The windows.
    #[arg(long, value_name = "CSV")]
    pub windows: PathBuf,
    /// Which column is what, where it is called otherwise.
    #[arg(long = "map", value_name = "WHAT=COLUMN", value_parser = parse_pair)]
    pub mapping: Vec<(String, String)>,
}

impl DecisionWords {
    /// Records the decision; pages show it with the next cycle.
    pub async fn record(&self, client: &Client, now_ms: i64) -> Result<Decision, ListRefused> {
        let decided = RingDecision {
            rollout: self.rollout.clone(),
            ring: self.ring.clone(),
            decision: self.decision.clone(),
            who: self.who.clone(),
            why: self.why.clone(),
            via: "command",
        };
        Ok(record_decision(client, &decided, now_ms).await?)
    }
}

impl ExceptionWords {
    /// Records the exceptions; they count from the next cycle on.
    pub async fn record(&self, client: &Client, now_ms: i64) -> Result<Excused, ListRefused> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let devices = match &self.list {
            Some(path) => {
                let mapping = Mapping::of(self.mapping.iter().cloned());
                read_exception_list(&read(path)?, &mapping)?
            }
            None => vec![ExcusedDevice {
                device: text(&self.device),
                owner: text(&self.owner),
                reason: text(&self.reason),
                until: text(&self.until),
            }],
        };
        let order = Excuse {
            rollout: self.rollout.clone(),
            devices,
        };
        Ok(excuse(client, &order, now_ms).await?)
    }
}

impl WindowList {
    /// Imports the windows; returns how many there are now.
    pub async fn import(&self, client: &Client, now_ms: i64) -> Result<usize, ListRefused> {
        let mapping = Mapping::of(self.mapping.iter().cloned());
        Ok(import_windows(client, &read(&self.windows)?, &mapping, now_ms).await?)
    }
}
