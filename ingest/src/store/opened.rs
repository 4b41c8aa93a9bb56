//! A batch after opening: what must be written because of it, and what is known
//! of its sender.

use std::sync::Arc;

use kbwatch_proto::batch::Block;
use kbwatch_proto::event::{FactsSnapshot, Health};
use kbwatch_proto::journal::JournalRecord;
use kbwatch_proto::telemetry::Batch;

use super::dead_letter::{DeadLetter, LetterKind};
use super::vouch::Vouched;
use crate::Metrics;
use crate::metrics::{Fate, OpenBatch};
use crate::trace::Span;

/// A batch after opening, with everything that must be written because of it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) device_id: Arc<str>,
    /// Who was authenticated.
    pub(crate) sender: Arc<str>,
    pub(crate) received_at_ms: i64,
    /// Its rows and their texts, until they are grouped.
    pub(crate) block: Block,
    pub(super) vouched: Vouched,
    pub(crate) facts: Option<FactsSnapshot>,
    pub(crate) letter: Option<DeadLetter>,
    pub(crate) heard: Option<Heard>,
    /// Bytes that it takes in a group and in its insert.
    pub(crate) bytes: usize,
    pub(crate) fate: Fate,
    pub(crate) counted: OpenBatch,
    /// Until it is acknowledged; empty unless it is traced.
    pub(crate) span: Span,
}

impl Opened {
    /// Bytes of what is kept of it because it cannot be stored.
    pub(crate) fn letter_len(&self) -> usize {
        self.letter.as_ref().map_or(0, |letter| letter.record.len())
    }
}

/// What a batch says of its device's collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) device_id: Arc<str>,
    pub(crate) received_at_ms: i64,
    pub(crate) sent_at_ms: i64,
    pub(crate) collector_version: String,
    pub(crate) peer: String,
    pub(crate) cloned: bool,
    /// Only heartbeats carry it.
    pub(crate) health: Option<Health>,
}

/// Takes up bytes that are no record at all.
pub(crate) fn open_unreadable(letter: DeadLetter, metrics: &Metrics) -> Opened {
    let device_id: Arc<str> = letter.device_id.as_str().into();
    Opened {
        sender: device_id.clone(),
        device_id,
        received_at_ms: letter.received_at_ms,
        block: Block::default(),
        vouched: Vouched::default(),
        facts: None,
        bytes: letter.record.len(),
        letter: Some(letter),
        heard: None,
        fate: Fate::Rejected,
        counted: metrics.batch_opened(),
        span: Span::default(),
    }
}

/// A batch before anything is known of its inside.
pub(super) fn empty(record: &JournalRecord, metrics: &Metrics, fate: Fate) -> Opened {
    let device_id: Arc<str> = record.device_id.as_str().into();
    let sender = match record.sender_id.as_str() {
        "" => device_id.clone(),
        other => other.into(),
    };
    Opened {
        device_id,
        sender,
        received_at_ms: record.received_at_ms,
        block: Block::default(),
        vouched: Vouched::default(),
        facts: None,
        letter: None,
        heard: None,
        bytes: 0,
        fate,
        counted: metrics.batch_opened(),
        span: Span::default(),
    }
}

/// A batch of which nothing can be stored.
pub(super) fn whole(
    record: &JournalRecord,
    metrics: &Metrics,
    kind: LetterKind,
    reason: String,
) -> Opened {
    let fate = match kind {
        LetterKind::Parked => Fate::Parked,
        _ => Fate::Rejected,
    };
    let mut opened = empty(record, metrics, fate);
    let letter = DeadLetter::of(record, kind, reason);
    opened.counted.unpacked(letter.event_count as usize);
    opened.bytes = letter.record.len();
    opened.letter = Some(letter);
    opened
}

/// What a batch says of its device's collector, unless someone else sent it.
pub(super) fn heard(
    record: &JournalRecord,
    batch: &Batch,
    health: Option<Health>,
) -> Option<Heard> {
    // Logs that someone else brought along do not mean that the device lives.
    record.sender_id.is_empty().then(|| Heard {
        device_id: record.device_id.as_str().into(),
        received_at_ms: record.received_at_ms,
        sent_at_ms: batch.sent_at_ms,
        collector_version: batch.collector_version.clone(),
        peer: record.peer.clone(),
        cloned: record.cloned,
        health,
    })
}
