//! Finds what fails across the fleet, why, what heals it, and tells people.

pub mod view;
