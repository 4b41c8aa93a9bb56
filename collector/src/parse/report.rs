//! Where grammars hand in what they read: events get identity, evidence, time
//! and completeness here, in one way for all logs.

use std::borrow::Cow;
use std::sync::Arc;

use kbwatch_proto::event::{MAX_EVIDENCE_LEN, MAX_EXTRA, MAX_TEXT_LEN, UpdateEvent};
use kbwatch_proto::ids::EventId;
use kbwatch_proto::result_code::ResultCode;
use kbwatch_proto::words::{EventResult, Phase, SourceKind, TimeSource};

use super::clock::{OffsetClock, Trust};
use super::encoding::log_text;
use super::mask::{clip, mask, mask_in_place};
use super::{Origin, PARSER_VERSION, ParseCounts};

/// Room for what further lines of a record often add to an event's evidence:
/// two of them with a hash each.
const FURTHER_LINES_LEN: usize = 192;

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
    /// Its log's name as events carry it; see [`log_name`].
    pub(crate) log: &'a Arc<str>,
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
        self.begin_by("", anchor, phase, result)
    }

    /// As [`Report::begin`], of a record by this writer.
    pub(crate) fn begin_by(
        &self,
        writer: &'static str,
        anchor: &Anchor<'_>,
        phase: Phase,
        result: EventResult,
    ) -> UpdateEvent {
        let text = if anchor.row.is_empty() {
            anchor.head
        } else {
            anchor.row
        };
        let text = &text[..text.len().min(2 * MAX_EVIDENCE_LEN)];
        let mut evidence = String::with_capacity(text.len() + FURTHER_LINES_LEN);
        evidence.push_str(&log_text(text));
        let (device_id, kind) = (&self.origin.device_id, self.source_kind);
        UpdateEvent {
            event_id: EventId::of_text(device_id, kind, anchor.head, anchor.row),
            printed_at_ms: anchor.printed_at_ms,
            position: anchor.number,
            source: writer.into(),
            evidence,
            ..self.blank(phase, result)
        }
    }

    /// An event without a text record behind it.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "events are large: they are made in their place"
    )]
    pub(crate) fn blank(&self, phase: Phase, result: EventResult) -> UpdateEvent {
        UpdateEvent {
            source_kind: self.source_kind,
            phase,
            result,
            parser_version: PARSER_VERSION,
            ..UpdateEvent::of_log(Arc::clone(self.log))
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
        self.tell_again(event, &mut false);
    }

    /// Hands an event in that may be told several times while its record is
    /// read; its code counts once, and then is `noted`.
    pub(crate) fn tell_again(&mut self, event: UpdateEvent, noted: &mut bool) {
        // Completed in its place: events are large.
        self.out.push(event);
        if let Some(event) = self.out.last_mut() {
            *noted = *noted || note_code(self.source_kind, event, self.counts);
            self.clock.resolve(event);
            keep_limits(event);
            event.rate_completeness();
        }
    }
}

/// Logs whose grammars take note of codes themselves, told or not.
const NOTED_BY_GRAMMAR: [SourceKind; 3] =
    [SourceKind::Cbs, SourceKind::Dism, SourceKind::WindowsUpdate];

/// Counts the code of a log that prints none without an event: one that nobody
/// ever named may be new in Windows. Whether there was one.
fn note_code(source_kind: SourceKind, event: &UpdateEvent, counts: &mut ParseCounts) -> bool {
    if !NOTED_BY_GRAMMAR.contains(&source_kind) {
        let is_known = |code| ResultCode(code).symbol().is_some();
        let known = event.hresult.is_some_and(is_known);
        counts.note_code(event.hresult, known);
    }
    event.hresult.is_some()
}

/// Name of a log or channel as events carry it: masked, within its limit.
pub(crate) fn log_name(name: &str) -> Arc<str> {
    clip(mask(name), MAX_TEXT_LEN).into()
}

/// Adds a further line of the record to an event's evidence.
pub(crate) fn add_evidence(event: &mut UpdateEvent, line: &[u8]) {
    if event.evidence.len() < MAX_EVIDENCE_LEN {
        event.evidence.push('\n');
        event.evidence.push_str(&log_text(line));
    }
}

/// Text of a field; it is masked where its event is handed in.
pub(crate) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii();
    let Ok(text) = std::str::from_utf8(bytes) else {
        return log_text(bytes).trim().to_owned();
    };
    let is_visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_visible(bytes.first()) && is_visible(bytes.last()) {
        return text.to_owned();
    }
    text.trim().to_owned()
}

/// Puts a field without a column of its own.
pub(crate) fn put(
    event: &mut UpdateEvent,
    name: impl Into<Cow<'static, str>>,
    value: impl Into<Cow<'static, str>>,
) {
    let value = value.into();
    if !value.is_empty() && event.extra.len() < MAX_EXTRA {
        event.extra.insert(name.into(), value);
    }
}

/// Masks every text, whatever grammar it came from, and cuts it to its limit.
fn keep_limits(event: &mut UpdateEvent) {
    let texts = [
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
    ];
    for text in texts {
        limit(text, MAX_TEXT_LEN);
    }
    for text in event.extra.values_mut().chain([&mut event.source]) {
        // What is borrowed is a word of ours.
        if let Cow::Owned(text) = text {
            limit(text, MAX_TEXT_LEN);
        }
    }
    limit(&mut event.evidence, MAX_EVIDENCE_LEN);
}

fn limit(text: &mut String, length: usize) {
    if text.is_empty() {
        return;
    }
    mask_in_place(text);
    if text.len() > length {
        *text = clip(std::mem::take(text), length);
    }
}
