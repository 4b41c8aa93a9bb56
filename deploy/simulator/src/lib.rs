//! A seeded fleet of virtual endpoints with known truth.
//!
//! A plan ([`plan`], [`fleet`], [`scenario`]) says what happens to every
//! device; everything else is drawn from it: the expectations ([`truth`]),
//! the ledger of events that must arrive and the logs themselves.

pub mod command;
pub mod dice;
pub mod fleet;
pub mod ledger;
pub mod pki;
pub mod plan;
pub mod render;
pub mod rollout;
pub mod run;
pub mod scenario;
pub mod story;
pub mod truth;
pub mod worlds;
