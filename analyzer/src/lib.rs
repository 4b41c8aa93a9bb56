//! Finds what fails across the fleet, why, what heals it, and tells people.
//!
//! One [`Analyzer::cycle`] runs load → find → judge → tell and publishes an
//! immutable [`view::View`]; API and pages only read it, through [`Shared`].

pub mod api;
pub mod attempts;
mod baseline;
mod board;
mod causes;
mod claim;
mod clusters;
pub mod config;
mod damage;
pub mod dashboard;
mod explain;
mod facts;
mod find;
mod fleet;
pub mod http;
mod judge;
pub mod kb;
mod keep;
mod ledger;
mod lists;
pub mod load;
mod look;
mod metrics;
mod migrate;
mod picture;
pub mod pipeline;
mod readiness;
mod rehearsal;
pub mod releases;
mod remedy;
mod shared;
pub mod tell;
mod understood;
pub mod view;

pub use baseline::{BaselineError, import_baseline};
pub use claim::{Claim, ClaimError, EXIT_CLAIMED, Owner};
pub use config::{AnalyzerConfig, ConfigError, VerdictRules};
pub use explain::{Cause, ExplainError, explain_csv};
pub use lists::{CodeList, DecisionWords, ExceptionWords, ListRefused, RolloutList, WindowList};
pub use migrate::{MigrateError, Schema, Step, migrate, schema};
pub use pipeline::{Analyzer, AnalyzerError, run};
pub use rehearsal::Rehearsal;
pub use releases::{
    DecisionRefused, Difference, Excuse, ExcuseRefused, Excused, ExcusedDevice, ImportError,
    ImportReport, ImportRollout, ListError, Mapping, RingDecision, TargetList, WindowsRefused,
    excuse, import_rollout, import_windows, read_exception_list, record_decision,
};
pub use remedy::Depot;
pub use remedy::steps_for_log;
pub use shared::Shared;
