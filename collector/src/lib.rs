//! The collector: reads Windows update logs on an endpoint and streams update
//! events to the gateway.
//!
//! A library without globals: thousands of collectors fit in one process.

pub mod parse;
pub mod parse_command;
