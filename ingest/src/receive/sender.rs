//! Who is at the other end of a stream, and what it may say.

use std::net::SocketAddr;
use std::sync::Arc;

use kbwatch_proto::journal::{self, JournalRecord};
use kbwatch_proto::telemetry::Batch;
use tokio::time::Instant;

use super::allowance::{Allowance, TooMuch};
use super::connection::Caller;
use super::identity::{Denial, Speaker};
use super::presence::Live;
use super::shared::Shared;
use crate::now_ms;

/// Who is at the other end.
#[derive(Default)]
pub(super) struct Sender {
    /// Known from the certificate; else pinned by the first batch.
    speaker: Option<Arc<Speaker>>,
    /// Its place among the streams of its identity, once that is known.
    live: Option<Live>,
    local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// Under a certificate.
    pub(super) caller: Option<Caller>,
    /// What it may still send, once that is known.
    allowance: Option<Allowance>,
    /// Its address as records state it, once there is one.
    address: String,
}

impl Sender {
    /// Under a certificate, with its place among the streams.
    pub(super) fn certified(speaker: Arc<Speaker>, live: Live, caller: &Caller) -> Self {
        Self {
            speaker: Some(speaker),
            live: Some(live),
            local: caller.local,
            peer: Some(caller.peer),
            caller: Some(caller.clone()),
            ..Self::default()
        }
    }

    /// Who says itself who it is, where it may.
    pub(super) fn declaring(local: Option<SocketAddr>, peer: Option<SocketAddr>) -> Self {
        Self {
            local,
            peer,
            ..Self::default()
        }
    }

    /// Whose events these are; pins the stream's identity at its first batch.
    pub(super) fn identify(
        &mut self,
        shared: &Shared,
        batch: &Batch,
        now: Instant,
    ) -> Result<String, Denial> {
        let speaker = match &self.speaker {
            Some(speaker) => speaker,
            None => self.speaker.insert(Arc::new(Speaker::of_declaration(
                self.local.map(|address| address.ip()),
                self.peer.map(|address| address.ip()),
                &batch.declared_device,
            )?)),
        };
        if let (None, Some(peer)) = (&self.live, self.peer) {
            self.live = Some(shared.enter(speaker, peer.ip())?);
        }
        if self.allowance.is_none() {
            self.allowance = Some(shared.allowance(speaker, now.into_std()));
            self.address = self
                .peer
                .map(|peer| peer.ip().to_string())
                .unwrap_or_default();
        }
        speaker.subject_of(batch)
    }

    /// Takes bytes off what it may send.
    pub(super) fn spend(&self, bytes: usize, now: Instant) -> Result<(), TooMuch> {
        match &self.allowance {
            Some(allowance) => allowance.spend(now.into_std(), bytes),
            None => Ok(()),
        }
    }

    /// What the journal keeps of a batch.
    pub(super) fn record(&self, batch: Batch, device_id: String) -> JournalRecord {
        let speaker = self.speaker.as_deref();
        let sender_id = speaker
            .filter(|_| !batch.on_behalf_of.is_empty())
            .map(|speaker| speaker.device_id.clone());
        JournalRecord {
            version: journal::VERSION,
            batch: Some(batch),
            device_id,
            role: speaker.map_or(0, |speaker| speaker.role.into()),
            received_at_ms: now_ms(),
            peer: self.address.clone(),
            sender_id: sender_id.unwrap_or_default(),
            cloned: self.live.as_ref().is_some_and(Live::is_cloned),
        }
    }
}
