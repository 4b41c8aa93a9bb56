//! An opened block: texts where they lie in the unpacked bytes, and rows that
//! point at them. Nothing is allocated per row, so a store can check and write
//! rows at the speed at which they are unpacked.

use std::ops::Range;

use crate::event::UpdateEvent;
use crate::ids::EventId;
use crate::words::{EventResult, Phase, SourceKind, TimeSource};

/// Text fields of an event, in wire order; an index into [`Row::texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the fields of an update event")]
pub enum TextField {
    Source,
    Kb,
    Identifier,
    Package,
    Title,
    UpdateGuid,
    Component,
    ComponentVersion,
    Arch,
    File,
    HashExpected,
    HashActual,
    Mark,
    Operation,
    Health,
    Client,
    SessionId,
    FailureSource,
    StartState,
    TargetState,
    Origin,
    Evidence,
}

/// Number of [`TextField`]s.
pub const TEXT_FIELDS: usize = 22;

/// Names of the text fields, in wire order.
pub const TEXT_NAMES: [&str; TEXT_FIELDS] = [
    "source",
    "kb",
    "identifier",
    "package",
    "title",
    "update_guid",
    "component",
    "component_version",
    "arch",
    "file",
    "hash_expected",
    "hash_actual",
    "mark",
    "operation",
    "health",
    "client",
    "session_id",
    "failure_source",
    "start_state",
    "target_state",
    "origin",
    "evidence",
];

/// One sound row of a block: an [`UpdateEvent`] whose texts are references into
/// its [`Block`].
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "named as the fields of an update event")]
pub struct Row {
    /// 0-based number of the row in its block as sealed.
    pub number: u32,
    pub event_id: EventId,
    pub source_kind: SourceKind,
    pub phase: Phase,
    pub result: EventResult,
    pub time_source: TimeSource,
    pub completeness: u32,
    pub parser_version: u32,
    pub printed_at_ms: Option<i64>,
    pub occurred_at_ms: Option<i64>,
    pub observed_at_ms: i64,
    pub hresult: Option<u32>,
    pub nested_status: Option<u32>,
    pub operation_result: Option<u32>,
    pub revision: Option<u32>,
    pub corruptions_detected: Option<u32>,
    pub repaired: Option<u32>,
    pub duration_s: Option<u32>,
    pub reboot_required: Option<bool>,
    pub noise: bool,
    pub position: u64,
    /// References of the texts; 0 is the empty one.
    pub texts: [u32; TEXT_FIELDS],
    /// Where the row's extra fields lie among the block's.
    pub extra: Range<u32>,
}

/// Rows and the texts that they share.
#[derive(Debug, Default)]
pub struct Block {
    /// The rows that are sound, oldest first.
    pub rows: Vec<Row>,
    pub(super) bytes: Vec<u8>,
    pub(super) strings: Vec<Text>,
    /// References of names and values in turn.
    pub(super) extras: Vec<u32>,
    pub(super) text_len: usize,
}

/// Where a string of the table lies, and whether it is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) is_utf8: bool,
}

impl Row {
    /// Reference of a text.
    pub fn text(&self, field: TextField) -> u32 {
        self.texts[field as usize]
    }
}

impl Block {
    /// The text that a row of this block refers to, as UTF-8.
    pub fn text(&self, reference: u32) -> &[u8] {
        match self.strings.get(reference as usize) {
            Some(text) if reference != 0 => {
                let start = text.start as usize;
                &self.bytes[start..start + text.len as usize]
            }
            _ => b"",
        }
    }

    /// Names and values of a row's extra fields, as sealed: of a name that
    /// stands twice the last value counts.
    pub fn extras(&self, row: &Row) -> impl Iterator<Item = (&[u8], &[u8])> {
        let refs = &self.extras[row.extra.start as usize..row.extra.end as usize];
        let (pairs, _) = refs.as_chunks::<2>();
        pairs
            .iter()
            .map(|[name, value]| (self.text(*name), self.text(*value)))
    }

    /// References stay under this.
    pub fn strings(&self) -> usize {
        self.strings.len()
    }

    /// Bytes of all texts of all rows, counted for each row.
    pub fn text_len(&self) -> usize {
        self.text_len
    }

    /// Bytes that the block holds in memory.
    pub fn held_len(&self) -> usize {
        self.bytes.len()
            + self.rows.len() * size_of::<Row>()
            + self.strings.len() * size_of::<Text>()
            + self.extras.capacity() * size_of::<u32>()
    }

    /// A row with texts of its own.
    pub fn event(&self, row: &Row) -> UpdateEvent {
        let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = |field| owned(self.text(row.text(field)));
        let extras = self.extras(row);
        UpdateEvent {
            event_id: row.event_id,
            source_kind: row.source_kind,
            phase: row.phase,
            result: row.result,
            completeness: row.completeness,
            parser_version: row.parser_version,
            printed_at_ms: row.printed_at_ms,
            occurred_at_ms: row.occurred_at_ms,
            time_source: row.time_source,
            observed_at_ms: row.observed_at_ms,
            hresult: row.hresult,
            nested_status: row.nested_status,
            operation_result: row.operation_result,
            revision: row.revision,
            corruptions_detected: row.corruptions_detected,
            repaired: row.repaired,
            duration_s: row.duration_s,
            reboot_required: row.reboot_required,
            noise: row.noise,
            position: row.position,
            source: text(TextField::Source).into(),
            kb: text(TextField::Kb),
            identifier: text(TextField::Identifier),
            package: text(TextField::Package),
            title: text(TextField::Title),
            update_guid: text(TextField::UpdateGuid),
            component: text(TextField::Component),
            component_version: text(TextField::ComponentVersion),
            arch: text(TextField::Arch),
            file: text(TextField::File),
            hash_expected: text(TextField::HashExpected),
            hash_actual: text(TextField::HashActual),
            mark: text(TextField::Mark),
            operation: text(TextField::Operation),
            health: text(TextField::Health),
            client: text(TextField::Client),
            session_id: text(TextField::SessionId),
            failure_source: text(TextField::FailureSource),
            start_state: text(TextField::StartState),
            target_state: text(TextField::TargetState),
            origin: text(TextField::Origin).into(),
            evidence: text(TextField::Evidence),
            extra: extras
                .map(|(name, value)| (owned(name).into(), owned(value).into()))
                .collect(),
        }
    }
}
