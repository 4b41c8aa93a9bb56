//! What all streams of a gateway share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, watch};
use tonic::Status;
use tracing::warn;

use super::allowance::{Allowance, Limits};
use super::audit::Audit;
use super::branches::Branches;
use super::connection::Caller;
use super::identity::{Denial, Speaker};
use super::presence::{Live, LiveStreams};
use super::sender::Sender;
use crate::Metrics;
use crate::config::ReceiveConfig;
use crate::journal::Journal;

/// What all streams share.
pub(super) struct Shared {
    pub(super) config: Arc<ReceiveConfig>,
    pub(super) journal: Journal,
    pub(super) metrics: Metrics,
    pub(super) live: LiveStreams,
    pub(super) audit: Audit,
    pub(super) limits: Limits,
    pub(super) branches: Branches,
    pub(super) shutdown: watch::Receiver<bool>,
    /// Bytes of payload that may wait, over all streams.
    pub(super) budget: Arc<Semaphore>,
}

impl Shared {
    /// Audits and counts a sender that is not listened to.
    pub(super) fn deny(&self, denial: &Denial, peer: Option<SocketAddr>) -> Status {
        self.audit.denied(denial.reason(), peer, denial);
        denial.status()
    }

    /// Puts a stream on the list of its identity.
    ///
    /// # Errors
    /// [`Denial::TooManyStreams`].
    pub(super) fn enter(&self, speaker: &Speaker, peer: IpAddr) -> Result<Live, Denial> {
        let (device_id, limit) = (&speaker.device_id, speaker.max_streams());
        let entered = self.live.enter(device_id, peer, limit);
        let live = entered.ok_or_else(|| Denial::TooManyStreams {
            speaker: device_id.clone(),
            limit,
        })?;
        if live.is_cloned() {
            self.metrics.clones.inc();
            warn!(device_id, %peer, "one identity, two peers");
        }
        Ok(live)
    }

    /// What a speaker may send from now on.
    pub(super) fn allowance(&self, speaker: &Speaker, now: Instant) -> Allowance {
        let branch = self.branches.of(speaker);
        self.limits.allowance(now, speaker, branch.as_deref())
    }

    /// Who calls under a certificate, and its place among the streams.
    pub(super) fn meet(&self, caller: &Caller) -> Result<Sender, Denial> {
        let speaker = caller.speaker.clone()?;
        let live = self.enter(&speaker, caller.peer.ip())?;
        Ok(Sender::certified(speaker, live, caller))
    }
}
