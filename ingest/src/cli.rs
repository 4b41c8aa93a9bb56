//! The command line, as its help shows it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Receives sealed batches of update events from collectors and stores them in
/// ClickHouse.
///
/// With Kafka between them, `receive` and `store` run as processes of their
/// own, as many of each as wanted. Without, `receive` stores by itself.
///
/// Exit codes: 0 ended as asked; 1 something failed, the message says what; 64
/// wrong usage or a configuration that cannot work.
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
    /// Can be repeated without harm. Tables of a newer version are refused.
    Migrate(Configured),
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
    /// `KBWATCH_KAFKA_BROKERS` win over the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
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
pub(crate) struct PkiArguments {
    /// Folder of ca.pem and ca.key, and of all that is made.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Host name or address that the gateway answers to; makes gateway.pem and
    /// gateway.key. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) server: Vec<String>,
    /// Device to make ID.pem and ID.key for. May be repeated.
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
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
