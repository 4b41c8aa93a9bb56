//! The command line, with help texts that can be read as a manual.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kbwatch_analyzer::{CodeList, DecisionWords, ExceptionWords, RolloutList, WindowList};
use kbwatch_collector::parse::FileKind;

/// All stages of kbwatch in one process.
///
/// Collectors send what they read from Windows update logs; this process
/// receives, stores and analyses it, and serves pages that say which KB fails,
/// where and why.
#[derive(Debug, Parser)]
#[command(name = "kbwatch", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the river: receive, store, analyse, show.
    Up(Up),
    /// Say what update logs tell, in plain words, and hand them to a running river.
    Drop(Drop),
    /// Issue the certificate with which a device's collector, or whoever brings
    /// logs by hand, connects.
    Enroll(Enroll),
    /// Declare to a running river what is to be on which devices by when.
    Rollout(Rollout),
    /// Bring along to a running river what is known from before.
    Baseline(Baseline),
    /// Run the river over a simulated fleet of which the truth is known.
    Demo(Demo),
}

/// Run the river: receive, store, analyse, show.
///
/// Exit codes: 0 stopped cleanly, 1 a stage failed or did not drain in time,
/// 2 something is missing, 64 impossible settings, 73 the data folder cannot
/// be used.
#[derive(Debug, Args)]
pub struct Up {
    /// Folder of everything that is kept: database, certificates, settings of
    /// the database. Made if missing; used by one process at a time.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address for collectors (gRPC with client certificates).
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of pages, API and metrics.
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// A ClickHouse server that exists, as `http://user:password@host:8123/database`;
    /// without it a server of our own runs as a child process.
    #[arg(long, value_name = "URL")]
    pub clickhouse: Option<String>,
    /// Kafka brokers, as `host:9092,host:9092`; without them batches go from
    /// receive to store within the process.
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
    /// Settings; see deploy/config/kbwatch.toml for every key.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Replace the analyzer that the database of --clickhouse belonged to before.
    #[arg(long)]
    pub take_over: bool,
}

/// Say what update logs tell, in plain words, and hand them to a running river.
///
/// CBS.log and its archives, dism.log, WindowsUpdate.log, .evtx files, event
/// XML and lists of installed updates are recognised by their content. The
/// files are read here; if a river runs on this machine it gets the events too.
///
/// Exit codes: 0 all files read, 2 a file unreadable or of unknown kind (the
/// others are still told), 64 usage.
#[derive(Debug, Args)]
pub struct Drop {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Kind of the files, such as cbs or dism, where their content does not
    /// tell it; a wrong one lists them all.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<FileKind>,
    /// Pages of the river that gets the events; must be on this machine.
    /// Without it, that on port 8080 if one is there.
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,
    /// Device whose logs these are.
    #[arg(long, value_name = "ID", default_value = "dropped")]
    pub device: String,
    /// Language of the answer.
    #[arg(long, value_enum, default_value_t = Lang::En)]
    pub lang: Lang,
}

/// Issue the certificate with which a device's collector connects.
///
/// Writes ID.pem, ID.key and ca.pem for the collector's settings. The river
/// may be running meanwhile.
#[derive(Debug, Args)]
pub struct Enroll {
    /// Data folder of the river.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder for the three files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// What it may do: `device` speaks for itself, `importer` brings logs that
    /// people collected on any device, `carrier` brings what devices signed.
    #[arg(long, value_enum, value_name = "ROLE", default_value_t)]
    pub role: EnrollRole,
    /// The device, as it will be called for life; for other roles the name of
    /// whoever brings the logs.
    #[arg(value_name = "ID")]
    pub device: String,
}

/// For whom a certificate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum EnrollRole {
    /// For itself.
    #[default]
    Device,
    /// For any device, with logs that people collected.
    Importer,
    /// For any device that signed what is brought.
    Carrier,
}

/// Declare to a running river what is to be on which devices by when.
#[derive(Debug, Args)]
pub struct Rollout {
    /// What to do.
    #[command(subcommand)]
    pub command: RolloutCommand,
}

/// What to do with rollouts.
#[derive(Debug, Subcommand)]
pub enum RolloutCommand {
    /// Import a target list; the same name replaces the list before.
    ///
    /// The list is a CSV in UTF-8, UTF-16 or GBK with a column for the device
    /// (`device_id`, `hostname`, `Name`, `FullDomainName`, 设备, 计算机名 …) and,
    /// if wanted, `ring` and `excluded`: as people write it, or as `ConfigMgr`,
    /// WSUS and Active Directory export it. Pages show it within seconds.
    ///
    /// Exit codes: 0 imported, 2 refused or no river runs there, 64 usage.
    Import {
        /// The list.
        #[command(flatten)]
        list: RolloutList,
        /// Data folder of the running river.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Record what a person decides on a ring, beside the verdict that stands.
    ///
    /// Exit codes: 0 recorded, 2 refused or no river runs there, 64 usage.
    Decide {
        /// What is decided.
        #[command(flatten)]
        words: DecisionWords,
        /// Data folder of the running river.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Excuse devices until a date; afterwards they count again by themselves.
    ///
    /// Exit codes: 0 recorded, 2 refused or no river runs there, 64 usage.
    Excuse {
        /// Who, why and until when.
        #[command(flatten)]
        words: ExceptionWords,
        /// Data folder of the running river.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Import maintenance windows in place of those before.
    ///
    /// Exit codes: 0 imported, 2 refused or no river runs there, 64 usage.
    Windows {
        /// The windows.
        #[command(flatten)]
        list: WindowList,
        /// Data folder of the running river.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// Bring along to a running river what is known from before.
#[derive(Debug, Args)]
pub struct Baseline {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to bring.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Import the result codes that this fleet is known to show, so that
    /// alerts on new codes begin at once instead of after a day.
    ///
    /// Exit codes: 0 imported, 2 refused or no river runs there, 64 usage.
    Import {
        /// The codes.
        #[command(flatten)]
        list: CodeList,
        /// Data folder of the running river.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// Language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// Run the river over a simulated fleet of which the truth is known.
///
/// Without --once the page's address is printed and everything stays up until
/// Ctrl-C. With it the river runs until it is settled, is checked against the
/// simulator's truth, and is removed; the last line is `RESULT {json}`, also
/// in target/demo/result.json.
///
/// Exit codes: 0 all checks hold, 1 a check failed, 2 something is missing.
#[derive(Debug, Args)]
pub struct Demo {
    /// Check once and leave nothing behind.
    #[arg(long)]
    pub once: bool,
    /// Kafka brokers between receive and store.
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
    /// Virtual devices. The planted story needs about 2,000: in a smaller fleet
    /// too few are alike to clear a suspect, and that check fails.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub devices: u32,
    /// Seed of the fleet: the same seed, the same story.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Address of the pages; without it 8080 or the next free port.
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Folder to keep without --once; a temporary one if not named.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
