//! The whole river, in processes of its own: how it lives, dies and counts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helper fails the test as a test does"
)]

mod by_hand;
mod chaos;
mod drop;
mod harness;
mod kafka;
mod kills;
mod life;
mod line;
mod lists;
mod load;
mod outages;
mod poison;
mod understood;
mod unreadable;
mod windows;
mod wine;
