//! Finds what fails across the fleet, why, what heals it, and tells people.
//!
//! One [`Analyzer::cycle`] runs load → find → judge → tell and publishes an
//! immutable [`view::View`]; API and pages only read it, through [`Shared`].

pub mod api;
pub mod config;
pub mod dashboard;
pub mod http;
pub mod load;
mod migrate;
pub mod pipeline;
mod shared;
pub mod view;

pub use config::AnalyzerConfig;
pub use migrate::{MigrateError, migrate};
pub use pipeline::{Analyzer, AnalyzerError, run};
pub use shared::Shared;
