//! Where grammars hand in what they read: events get identity, evidence, time
//! and completeness here, in one way for all logs.

use std::borrow::Cow;

use kbwatch_proto::event::{MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind, TimeSource};

use super::clock::{OffsetClock, Trust};
use super::mask::{clip, mask_in_place};
use super::{Origin, PARSER_VERSION, ParseCounts};

/// A record that events are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor<'a> {
    /// The record's first line.
    pub(crate) head: &'a [u8],
    /// The event's own line, where one record gives several events.
    pub(crate) row: &'a [u8],
    /// Number of the line that speaks.
    pub(crate) number: u64,
    /// Wall clock as printed.
    pub(crate) printed_at_ms: Option<i64>,
}

/// Takes in what grammars read from one log.
pub(crate) struct Report<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) source_kind: SourceKind,
    pub(crate) clock: &'a mut OffsetClock,
    pub(crate) counts: &'a mut ParseCounts,
    pub(crate) with_noise: bool,
    pub(crate) out: &'a mut Vec<UpdateEvent>,
}

impl Report<'_> {
    /// Begins an event of a record; the grammar fills in what it says.
    pub(crate) fn begin(
        &self,
        anchor: &Anchor<'_>,
        phase: Phase,
        result: EventResult,
    ) -> UpdateEvent {
        let text = if anchor.row.is_empty() {
            anchor.head
        } else {
            anchor.row
        };
        UpdateEvent {
            event_id: EventId::of_text(
                &self.origin.device_id,
                self.source_kind,
                anchor.head,
                anchor.row,
            ),
            printed_at_ms: anchor.printed_at_ms,
            position: anchor.number,
            evidence: lossy(&text[..text.len().min(2 * MAX_EVIDENCE_LEN)]).into_owned(),
            ..self.blank(phase, result)
        }
    }

    /// An event without a text record behind it.
    #[inline]
    pub(crate) fn blank(&self, phase: Phase, result: EventResult) -> UpdateEvent {
        UpdateEvent {
            source_kind: self.source_kind,
            phase,
            result,
            parser_version: PARSER_VERSION,
            origin: self.origin.log.clone(),
            ..UpdateEvent::default()
        }
    }

    /// Takes note of an instant that a record knows of.
    pub(crate) fn observe(
        &mut self,
        number: u64,
        printed_at_ms: Option<i64>,
        utc_ms: Option<i64>,
        (source, trust): (TimeSource, Trust),
    ) {
        if let (Some(printed_ms), Some(utc_ms)) = (printed_at_ms, utc_ms) {
            self.clock
                .observe(number, printed_ms, utc_ms, (source, trust));
        }
    }

    /// Hands an event in.
    pub(crate) fn tell(&mut self, event: UpdateEvent) {
        // Completed in its place: events are large.
        self.out.push(event);
        if let Some(event) = self.out.last_mut() {
            self.clock.resolve(event);
            keep_limits(event);
            event.rate_completeness();
        }
    }
}

/// Adds a further line of the record to an event's evidence.
pub(crate) fn add_evidence(event: &mut UpdateEvent, line: &[u8]) {
    if event.evidence.len() < MAX_EVIDENCE_LEN {
        event.evidence.push('\n');
        event.evidence.push_str(&lossy(line));
    }
}

/// Text of a field; it is masked where its event is handed in.
pub(crate) fn text(bytes: &[u8]) -> String {
    lossy(bytes).trim().to_owned()
}

/// As [`String::from_utf8_lossy`], but quick where nothing is to be replaced.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Puts a field without a column of its own.
pub(crate) fn put(event: &mut UpdateEvent, name: &str, value: impl Into<String>) {
    let value = value.into();
    if !value.is_empty() && event.extra.len() < MAX_EXTRA {
        event.extra.insert(name.to_owned(), value);
    }
}

/// Masks every text, whatever grammar it came from, and cuts it to its limit.
fn keep_limits(event: &mut UpdateEvent) {
    let texts = [
        &mut event.source,
        &mut event.kb,
        &mut event.identifier,
        &mut event.package,
        &mut event.title,
        &mut event.update_guid,
        &mut event.component,
        &mut event.component_version,
        &mut event.arch,
        &mut event.file,
        &mut event.hash_expected,
        &mut event.hash_actual,
        &mut event.operation,
        &mut event.client,
        &mut event.session_id,
        &mut event.failure_source,
        &mut event.start_state,
        &mut event.target_state,
        &mut event.origin,
    ];
    let texts = texts.into_iter().chain(event.extra.values_mut());
    for text in texts.filter(|text| !text.is_empty()) {
        mask_in_place(text);
        clip_in_place(text, MAX_TEXT_LEN);
    }
    mask_in_place(&mut event.evidence);
    clip_in_place(&mut event.evidence, MAX_EVIDENCE_LEN);
}

fn clip_in_place(text: &mut String, limit: usize) {
    if text.len() > limit {
        *text = clip(std::mem::take(text), limit);
    }
}
