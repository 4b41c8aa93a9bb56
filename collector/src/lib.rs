//! The part of kbwatch that runs on an endpoint.
//!
//! It reads the update logs where they are, turns them into update events,
//! seals those into batches and reports them to the gateway. It does no harm:
//! read-only, no scan triggered, no command taken, no port opened, and bounded
//! in memory, disk and bytes.
//!
//! A [`Collector`] is a plain value with an injected clock, so that thousands
//! of them run in one process; a [`Sender`] keeps one connection to the
//! gateway; [`run()`] joins the two into what the binary does.

pub mod carry;
pub mod check_command;
pub mod config;
pub mod credentials;
pub mod enroll;
pub mod identity;
pub mod import;
pub mod logging;
pub mod parse;
pub mod parse_command;
pub mod pipeline;
pub mod run;
pub mod run_command;
pub mod send;
pub mod standing;
#[cfg(windows)]
pub mod windows;

#[cfg(any(windows, test))]
mod log_file;
mod outbox;
mod pace;
mod pack;
mod refused;
mod remember;
mod spool;
mod status;
mod traffic;
mod watch;
mod zone;

pub use config::{CollectorConfig, SourcesConfig, TlsConfig};
pub use pipeline::{Collector, OpenError};
pub use run::{RunError, RunSummary, run, run_once};
pub use send::{DeliverError, Exchanged, SendError, Sender};
pub use standing::{Counts, Pending, Stepped};
