//! All stages of kbwatch in one process, with ClickHouse as a child.
//!
//! The same code that runs on several servers with Kafka between the stages
//! runs here with memory between them: batches go from receive straight to
//! store, and a receipt is given after the INSERT.

pub mod cli;
pub mod config;
pub mod demo;
pub mod drop;
pub mod failure;
pub mod lists;
mod pages;
pub mod pki;
pub mod reach;
pub mod river;
mod stage;
pub mod up;
