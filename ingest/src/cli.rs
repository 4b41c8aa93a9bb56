//! The command line, as its help shows it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kbwatch_proto::identity::device_id;

/// Longest time for which a token is good.
const MAX_VALID_MINUTES: u64 = 90 * 24 * 60;

/// Receives sealed batches of update events from collectors and stores them in
/// ClickHouse.
///
/// With Kafka between them, `receive` and `store` run as processes of their
/// own, as many of each as wanted. Without, `receive` stores by itself.
///
/// Exit codes: 0 ended as asked; 1 something failed, the message says what; 64
/// wrong usage or a configuration that cannot work. `migrate --dry-run` and
/// `rebuild --check` end with 2 where there is something to do.
#[derive(Debug, Parser)]
#[command(name = "kbwatch-ingest", version, max_term_width = 90)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Listens for collectors and answers each batch once it is durable.
    ///
    /// Durable means: acknowledged by all in-sync replicas of Kafka, or, where
    /// no brokers are named, inserted into ClickHouse.
    Receive(Configured),
    /// Takes batches from Kafka and inserts their events into ClickHouse.
    ///
    /// Offsets are committed after the insert. Several stores share the work.
    Store(Configured),
    /// Creates the database and brings its tables to what this version needs.
    ///
    /// Can be repeated without harm. Tables of a newer version are refused. With
    /// `clickhouse.cluster` set, tables are made on all of its servers.
    Migrate(Migrate),
    /// Makes the tables anew that are derived from others.
    ///
    /// That is `codes_seen`, from `update_events`: after rows were removed by hand, or
    /// where --check finds a difference. Readers see the old table until the new
    /// one is whole. Codes of events that are no longer kept are forgotten.
    Rebuild(Rebuild),
    /// Tries everything that the configuration names, and says what to do.
    ///
    /// Certificates, brokers, the topic, ClickHouse, its tables. Changes
    /// nothing. Exit code 1 where something would not work.
    Check(Configured),
    /// What could not be stored: looks at it, and stores what can be by now.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// The topic of sealed batches in Kafka.
    #[command(subcommand)]
    Topics(Topics),
    /// Makes certificates: an authority, and what it signs.
    ///
    /// Takes up the authority in the folder, or makes one there. For
    /// laboratories and first installations; a bank uses its own authority.
    Pki(PkiArguments),
}

#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// Configuration file (TOML); without it the defaults hold.
    ///
    /// `KBWATCH_CLICKHOUSE_URL`, `_USER`, `_PASSWORD`, `_DATABASE` and
    /// `KBWATCH_KAFKA_BROKERS` and `KBWATCH_STATUS_LISTEN` win over the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Prints the statements that would be run, and changes nothing.
    ///
    /// Exit code 0 where nothing is to be done, 2 where something is, 1 where the
    /// tables are of a newer version or were changed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) configured: Configured,
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// Compares only: exit code 2 where the derived tables lack something, else 0.
    /// That they know more comes by itself, where a record is read anew more fully.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) configured: Configured,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Topics {
    /// Creates the topic with the partitions, replicas and retention of the
    /// configuration; one that is there is only looked at.
    Create(Configured),
    /// Shows partitions, replicas, retention and how far the stores are behind.
    Describe(Configured),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// A line for each letter, the newest first.
    List(Letters),
    /// Everything about letters, with the reason of each rejected row.
    Show(Letters),
    /// Opens letters again and stores what can be stored by now.
    ///
    /// For example after an update of kbwatch that can read what an older one
    /// could not. Rows that are stored already stay single; a letter that is
    /// stored whole is marked as replayed. Name letters, a device, a kind, or
    /// --all.
    Replay(Letters),
}

#[derive(Debug, Args)]
pub(crate) struct Letters {
    /// Ids as `list` shows them; their beginnings will do.
    #[arg(value_name = "ID", value_parser = letter_id)]
    pub(crate) ids: Vec<String>,
    /// Only of this device.
    #[arg(long, value_name = "ID")]
    pub(crate) device: Option<String>,
    /// Only of this kind: batch, rows, parked, unparked or replayed.
    #[arg(long, value_name = "KIND",
          value_parser = ["batch", "rows", "parked", "unparked", "replayed"])]
    pub(crate) kind: Option<String>,
    /// All letters; without it, `list` and `show` end after the newest 100, and
    /// say how many more there are.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) configured: Configured,
}

/// The beginning of an id. An empty one would mean every letter.
fn letter_id(text: &str) -> Result<String, &'static str> {
    let hexadecimal = text.bytes().all(|letter| letter.is_ascii_hexdigit());
    if hexadecimal && (1..=32).contains(&text.len()) {
        Ok(text.to_lowercase())
    } else {
        Err("an id is up to 32 hexadecimal digits, as `list` shows it")
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct PkiArguments {
    #[command(subcommand)]
    pub(crate) command: Option<PkiCommand>,
    /// Folder of ca.pem and ca.key, and of all that is made.
    #[arg(long, value_name = "FOLDER", required = true)]
    pub(crate) folder: Option<PathBuf>,
    /// Host name or address that the gateway answers to; makes gateway.pem and
    /// gateway.key. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) server: Vec<String>,
    /// Device to make ID.pem and ID.key for. What is there is never overwritten.
    /// May be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) device: Vec<String>,
    /// Importer of other devices' logs to make ID.pem and ID.key for. May be
    /// repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) importer: Vec<String>,
    /// Certificate (PEM file) that shall count no more: added to crl.pem, which
    /// a gateway reads as `receive.tls.client_crl`. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) revoke: Vec<PathBuf>,
    /// Device all of whose certificates shall count no more, also those that it
    /// enrolled for and those that nobody has any more: what was made stands in
    /// issued.jsonl. Its unused tokens are withdrawn. May be repeated.
    #[arg(long, value_name = "ID", value_parser = device)]
    pub(crate) revoke_device: Vec<String>,
    /// Days for which what is made is valid, but not longer than the authority
    /// itself, which is valid for ten years.
    #[arg(long, value_name = "DAYS", default_value_t = 730,
          value_parser = clap::value_parser!(u64).range(1..=3_650))]
    pub(crate) valid_days: u64,
}

impl PkiArguments {
    /// The authority's folder.
    pub(crate) fn folder(&self) -> &Path {
        // Required wherever it is asked for.
        self.folder.as_deref().unwrap_or(Path::new("."))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Gives out one-time tokens, with which devices enrol.
    ///
    /// Prints a line `ID TOKEN` for each device. A token is good for one
    /// certificate of that device, for a key that never leaves it:
    /// `kbwatch-collector enroll`. It is shown here and never again; only its hash
    /// is kept, in the folder `tokens` beside the authority. Run this as the user
    /// that the gateway runs as, whose `[receive.enrolment]` names the folder.
    Token(TokenArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// Folder of ca.pem and ca.key.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Device that may enrol. May be repeated.
    #[arg(long, value_name = "ID", required_unless_present = "devices")]
    pub(crate) device: Vec<String>,
    /// File with ids of devices, one a line; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) devices: Option<PathBuf>,
    /// Branch at which they stand, written into their certificates: a gateway
    /// may bound what a branch sends.
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// For how long the tokens are good: 30m, 24h, 7d; at most 90d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = validity)]
    pub(crate) valid: Duration,
}

/// An id, as certificates bear it.
fn device(text: &str) -> Result<String, &'static str> {
    device_id(text).ok_or("an id is letters, digits, '.', '_' and '-', at most 128")
}

/// A time as people write it.
fn validity(text: &str) -> Result<Duration, &'static str> {
    let refused = "write minutes, hours or days, at most 90 days: 30m, 24h, 7d";
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(refused)?;
    let minutes = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return Err(refused),
    };
    let number: u64 = number.parse().map_err(|_| refused)?;
    match number.checked_mul(minutes) {
        Some(minutes @ 1..=MAX_VALID_MINUTES) => Ok(Duration::from_mins(minutes)),
        _ => Err(refused),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_id_of_a_letter_is_hexadecimal_and_never_empty() {
        assert_eq!(letter_id("00Ff"), Ok("00ff".to_owned()));
        for text in ["", "pc-1", "%", "0x12", &"0".repeat(33)] {
            assert!(letter_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_good_for_a_time_that_people_write() {
        assert_eq!(validity("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(validity("90d"), Ok(Duration::from_hours(90 * 24)));
        for text in [
            "",
            "h",
            "24",
            "0h",
            "91d",
            "-1h",
            "1.5h",
            "24é",
            "99999999999999999999d",
        ] {
            assert!(validity(text).is_err(), "{text}");
        }
    }

    #[test]
    fn certificates_need_their_folder_and_tokens_theirs() {
        for (line, fits) in [
            ("pki --folder f --device pc-1", true),
            ("pki --device pc-1", false),
            ("pki token --folder f --device pc-1", true),
            ("pki token --folder f --devices -", true),
            ("pki token --folder f", false),
            ("pki token --device pc-1", false),
            ("pki --folder f token --device pc-1", false),
        ] {
            let words = std::iter::once("kbwatch-ingest").chain(line.split(' '));
            assert_eq!(Cli::try_parse_from(words).is_ok(), fits, "{line}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
