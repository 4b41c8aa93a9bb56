//! The pages as people and browsers get them: over HTTP, from the real routes.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "sample figures are small, and what is missing fails the test"
)]

mod api;
mod browser;
mod chromium;
mod html;
mod pages;
mod sample_view;
mod server;
