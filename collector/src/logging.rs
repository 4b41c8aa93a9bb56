//! The collector's own log: what it says, and to whom.
//!
//! `RUST_LOG` takes levels by target (`info,kbwatch_collector=debug`); the
//! fuller grammar of spans and patterns would weigh more than the parsers.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs to standard error.
pub fn log_to_stderr() {
    begin(std::io::stderr, std::io::stderr().is_terminal());
}

/// Logs to a file.
#[cfg(windows)]
pub(crate) fn log_to_file(file: crate::log_file::LogFile) {
    begin(std::sync::Mutex::new(file), false);
}

fn begin<W>(writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(ansi);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter(std::env::var("RUST_LOG").ok().as_deref()))
        .init();
}

/// Information and worse, unless told otherwise in words that are understood.
fn filter(told: Option<&str>) -> Targets {
    told.and_then(|told| told.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn words_that_are_not_understood_leave_the_level_as_it_is() {
        let quiet = filter(Some("warn"));
        assert!(!quiet.would_enable("kbwatch_collector", &Level::INFO));
        for told in [None, Some("a[b=c]=x=y")] {
            assert!(filter(told).would_enable("kbwatch_collector", &Level::INFO));
            assert!(!filter(told).would_enable("kbwatch_collector", &Level::DEBUG));
        }
    }
}
