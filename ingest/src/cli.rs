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
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
