//! From a collector's sealed batch to rows in ClickHouse.
//!
//! [`receive`] identifies the device and answers it; [`journal`] is what lies
//! between: memory on one machine, Kafka on several; [`store`] unpacks, checks
//! and inserts. A receipt is given only for what survives the death of any
//! process, and whatever is not stored is counted with its reason.

pub mod config;
pub mod journal;
mod kafka;
pub mod metrics;
pub mod migrate;
pub mod pki;
pub mod rebuild;
pub mod receive;
pub mod status;
pub mod store;
pub mod trace;

pub use journal::Journal;
pub use metrics::Metrics;
pub use migrate::migrate;

/// Milliseconds since 1970 UTC by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// Returns once shutdown is asked for, or its sender is gone.
pub(crate) async fn stopped(shutdown: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that nobody can ask any more: the same as being asked.
    let asked = shutdown.wait_for(|stop| *stop).await;
    drop(asked);
}
