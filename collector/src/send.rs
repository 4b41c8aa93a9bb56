//! Keeping one stream to the gateway open.
//!
//! A [`Sender`] connects, and connects again with growing random pauses, on a
//! task of its own; whoever owns the [`Collector`] calls
//! [`Sender::exchange`] to hand over batches and to take receipts. Nothing is
//! kept here: what has no receipt stays in the collector's outbox and goes
//! again on the next stream.

use std::time::Duration;

use kbwatch_proto::telemetry::{Outcome, Receipt};
use rustls::pki_types::InvalidDnsNameError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use self::stream::chain;
use self::stream::{Heard, Link, Settings, keep_connected};
use crate::config::CollectorConfig;
use crate::credentials::CredentialsError;
use crate::pipeline::Collector;

mod backoff;
pub(crate) mod deliver;
pub(crate) mod dial;
mod stream;
pub(crate) mod why;

pub use self::deliver::DeliverError;

/// Receipts and connection changes that wait for the collector; a stream that
/// outruns it is slowed by flow control.
const HEARD_CAPACITY: usize = 64;

/// How long a closing stream may take to end politely.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// A sender that cannot work; a person must act.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The address is unusable.
    #[error("prepare the connection to {gateway}")]
    Unusable {
        /// The gateway's address.
        gateway: String,
        /// What is wrong.
        #[source]
        source: tonic::codegen::http::uri::InvalidUri,
    },
    /// The address has no name that a certificate could state.
    #[error("check the certificate of {gateway}")]
    Nameless {
        /// The gateway's address.
        gateway: String,
        /// What is wrong.
        #[source]
        source: InvalidDnsNameError,
    },
    /// The connecting task ended on its own, which it never should.
    #[error("the sending task is gone")]
    Gone,
}

/// Connects once, as a sender would, and hangs up.
///
/// # Errors
/// Why no connection came about, for a person.
pub(crate) async fn probe(config: &CollectorConfig) -> Result<(), String> {
    Settings::of(config).connect().await.map(drop)
}

/// What an exchange did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exchanged {
    /// Batches handed over.
    pub sent: u64,
    /// Receipts taken.
    pub receipts: u64,
    /// Whether a stream is open now.
    pub connected: bool,
}

/// Keeps one stream to the gateway open.
#[derive(Debug)]
pub struct Sender {
    heard: mpsc::Receiver<Heard>,
    /// Taken from `heard` while waiting, not yet acted upon.
    stashed: Option<Heard>,
    link: Option<Link>,
    /// The gateway asked for a pause until then.
    paused_until: Option<Instant>,
    /// Since when batches are under way without any receipt.
    silent_since: Option<Instant>,
    receipt_timeout: Duration,
    /// Longest pause that a gateway may ask for.
    longest_pause: Duration,
    task: JoinHandle<()>,
}

impl Sender {
    /// Starts connecting on the current runtime.
    ///
    /// # Errors
    /// When certificates cannot be read now; later they are read again at each
    /// connection, so that renewed ones count at once.
    pub fn start(config: &CollectorConfig) -> Result<Self, SendError> {
        let settings = Settings::of(config);
        settings.check()?;
        let (tell, heard) = mpsc::channel(HEARD_CAPACITY);
        Ok(Self {
            heard,
            stashed: None,
            link: None,
            paused_until: None,
            silent_since: None,
            receipt_timeout: millis(config.receipt_timeout_ms),
            longest_pause: millis(config.backoff_max_ms),
            task: tokio::spawn(keep_connected(settings, tell)),
        })
    }

    /// Takes what arrived and hands over what may go; never waits. `now_ms`
    /// stamps the batches.
    ///
    /// # Errors
    /// [`SendError::Gone`] only.
    pub fn exchange(
        &mut self,
        collector: &mut Collector,
        now_ms: i64,
    ) -> Result<Exchanged, SendError> {
        let mut exchanged = Exchanged::default();
        if let Some(heard) = self.stashed.take() {
            self.take(heard, collector, &mut exchanged);
        }
        loop {
            match self.heard.try_recv() {
                Ok(heard) => self.take(heard, collector, &mut exchanged),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(SendError::Gone),
            }
        }
        self.give_up_if_silent(collector);
        self.give(collector, now_ms, &mut exchanged);
        exchanged.connected = self.link.is_some();
        Ok(exchanged)
    }

    /// Waits until an exchange has something to take, or a pause or a deadline
    /// is over. May be dropped at any moment without loss.
    pub async fn changed(&mut self) {
        if self.stashed.is_some() {
            return;
        }
        let deadline = self.silent_since.map(|since| since + self.receipt_timeout);
        let wake = [self.paused_until, deadline].into_iter().flatten().min();
        let wake_at = wake.unwrap_or_else(Instant::now);
        tokio::select! {
            heard = self.heard.recv() => self.stashed = heard,
            () = tokio::time::sleep_until(wake_at), if wake.is_some() => {}
        }
    }

    /// Ends the stream politely and stops.
    pub async fn close(mut self) {
        let Some(Link { batches, hang_up }) = self.link.take() else {
            return;
        };
        drop(batches);
        let ended = async {
            while let Some(heard) = self.heard.recv().await {
                if matches!(heard, Heard::Disconnected) {
                    break;
                }
            }
        };
        if tokio::time::timeout(CLOSE_GRACE, ended).await.is_err() {
            tracing::debug!("gateway did not end the stream in time");
        }
        drop(hang_up);
    }

    fn take(&mut self, heard: Heard, collector: &mut Collector, exchanged: &mut Exchanged) {
        match heard {
            Heard::Connected(link) => self.link = Some(link),
            Heard::Disconnected => {
                self.link = None;
                self.silent_since = None;
                collector.on_disconnect();
            }
            Heard::Receipt(receipt) => {
                exchanged.receipts += 1;
                self.silent_since = None;
                if receipt.outcome() == Outcome::Retry {
                    let pause = pause_after(&receipt, self.longest_pause);
                    self.paused_until = self.paused_until.max(Some(Instant::now() + pause));
                }
                collector.on_receipt(&receipt);
            }
        }
    }

    fn give(&mut self, collector: &mut Collector, now_ms: i64, exchanged: &mut Exchanged) {
        if self
            .paused_until
            .is_some_and(|until| until > Instant::now())
        {
            return;
        }
        self.paused_until = None;
        let Some(link) = &self.link else {
            return;
        };
        while collector.has_next_batch()
            && let Ok(slot) = link.batches.try_reserve()
            && let Some(batch) = collector.next_batch(now_ms)
        {
            slot.send(batch);
            exchanged.sent += 1;
        }
        if collector.batches_under_way() > 0 {
            self.silent_since.get_or_insert_with(Instant::now);
        }
    }

    fn give_up_if_silent(&mut self, collector: &mut Collector) {
        let silent = self
            .silent_since
            .is_some_and(|since| since.elapsed() >= self.receipt_timeout);
        if silent {
            tracing::warn!("no receipt in time, connecting anew");
            self.link = None;
            self.silent_since = None;
            collector.on_disconnect();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long to wait after RETRY: as long as was asked for, within bounds, and
/// spread, so that a busy gateway is not met by all at once.
fn pause_after(receipt: &Receipt, longest: Duration) -> Duration {
    let asked = Duration::from_millis(u64::from(receipt.retry_after_ms)).min(longest);
    asked + asked.mul_f64(fastrand::f64() / 4.0)
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gateway_can_silence_a_device_for_longer_than_the_longest_backoff() {
        let longest = Duration::from_mins(10);
        let pause = |retry_after_ms| {
            let receipt = Receipt {
                retry_after_ms,
                ..Receipt::default()
            };
            pause_after(&receipt, longest)
        };
        assert!(pause(u32::MAX) <= longest.mul_f64(1.25));
        assert!(pause(1_000) >= Duration::from_secs(1));
        assert!(pause(1_000) <= Duration::from_millis(1_250));
    }
}
