//! Reads what the other stages stored: the only SQL of the analyzer that reads.

mod timeline;

pub use timeline::{AttemptLine, DeviceTimeline, FactsLine, PresenceLine, Reader, TimelineEvent};

/// The database did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Try again in the next cycle.
    #[error("could not read {what} from ClickHouse")]
    Retry {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: clickhouse::error::Error,
    },
}
