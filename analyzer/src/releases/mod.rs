//! Releases and rollouts: what is to be on which devices, and how far it is.
//!
//! The target list is the denominator: its rows add up to it, whoever is
//! silent, excluded or without a collector included.

mod calendar;
mod depots;
mod exceptions;
mod forecast;
mod import;
mod progress;
mod rollouts;
mod status;
mod table;
mod targets;
mod verdict;

pub(crate) use calendar::{Calendar, WindowRow};
pub use calendar::{WindowsRefused, import_windows};
pub(crate) use exceptions::ExceptionRow;
pub use exceptions::{Excuse, ExcuseRefused, Excused, ExcusedDevice, excuse, read_exception_list};
pub(crate) use import::ImportRow;
pub use import::{ImportError, ImportReport, ImportRollout, import_rollout};
pub(crate) use progress::{Progress, Sea};
pub(crate) use rollouts::Rollouts;
pub(crate) use table::{List, cell, decode};
pub use table::{ListError, Mapping};
pub use targets::{Difference, TargetList};
pub use verdict::{DecisionRefused, RingDecision, record_decision};
pub(crate) use verdict::{DecisionRow, VerdictBook, VerdictRow};
