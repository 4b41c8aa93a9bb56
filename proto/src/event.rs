//! One parsed fact from an update log, and the other contents of a batch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::EventId;
use crate::unreadable::Unreadable;
use crate::words::{EventResult, Phase, SourceKind, TimeSource};

/// Longest evidence text, in bytes.
pub const MAX_EVIDENCE_LEN: usize = 2048;

/// Longest of any other text field, in bytes.
pub const MAX_TEXT_LEN: usize = 1024;

/// Most pairs in [`UpdateEvent::extra`].
pub const MAX_EXTRA: usize = 16;

/// Fields without a column of their own, by name. Most names, and many values,
/// are words of the grammars.
pub type Extra = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// One parsed fact from an update log.
///
/// A text field that the record does not state is empty; a number that it does
/// not state is `None`. Result codes are HRESULTs in their 32-bit form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateEvent {
    /// Identity; see [`crate::ids`].
    pub event_id: EventId,
    /// Which log.
    pub source_kind: SourceKind,
    /// What part of an update's life.
    pub phase: Phase,
    /// What happened.
    pub result: EventResult,
    /// How many fields are stated: a fuller reading replaces a poorer one.
    pub completeness: u32,
    /// Version of the grammar that read it.
    pub parser_version: u32,
    /// Wall clock as printed, milliseconds, read as if it were UTC.
    pub printed_at_ms: Option<i64>,
    /// Milliseconds since 1970 UTC, where an offset could be established.
    pub occurred_at_ms: Option<i64>,
    /// How `occurred_at_ms` is known.
    pub time_source: TimeSource,
    /// When the collector read it, milliseconds since 1970 UTC by its clock.
    pub observed_at_ms: i64,
    /// Final result code of what the event speaks of.
    pub hresult: Option<u32>,
    /// NTSTATUS or inner error behind it.
    pub nested_status: Option<u32>,
    /// Result code of a detection or repair run.
    pub operation_result: Option<u32>,
    /// Revision of the update, beside its GUID.
    pub revision: Option<u32>,
    /// Damages found by a run.
    pub corruptions_detected: Option<u32>,
    /// Damages mended by a run.
    pub repaired: Option<u32>,
    /// Seconds that a run took.
    pub duration_s: Option<u32>,
    /// Whether a reboot is needed to finish.
    pub reboot_required: Option<bool>,
    /// Looks like failure and is not.
    pub noise: bool,
    /// 1-based line, or record number of the event log; evidence only.
    pub position: u64,
    /// Component or column of the log that spoke, as printed.
    pub source: Cow<'static, str>,
    /// Knowledge-base number as `KB5022286`; never a placeholder.
    pub kb: String,
    /// CBS `Identifier` as printed; KB777778 and KB777777 are placeholders.
    pub identifier: String,
    /// Package identity, `Name~Token~Arch~Culture~Version`.
    pub package: String,
    /// Title of the update in the language the client asked for.
    pub title: String,
    /// Update id: upper case, no braces.
    pub update_guid: String,
    /// WinSxS key or assembly name as printed, possibly `..`-shortened.
    pub component: String,
    /// Four-part version of the component.
    pub component_version: String,
    /// amd64, x86, wow64, arm64 or msil.
    pub arch: String,
    /// File inside the component, with its folder if it has one.
    pub file: String,
    /// Hash the manifest demands, as printed.
    pub hash_expected: String,
    /// Hash that was found, as printed.
    pub hash_actual: String,
    /// Mark of a repair summary's row: n no source, b backup, w Windows Update.
    pub mark: String,
    /// What was asked for, for example `Detect and Repair`.
    pub operation: String,
    /// healthy, corrupt, repaired or unknown.
    pub health: String,
    /// Who asked servicing for the work.
    pub client: String,
    /// Servicing session, `hi_lo` halves of a FILETIME.
    pub session_id: String,
    /// Where CBS says the failure arose, for example `CSI Other`.
    pub failure_source: String,
    /// Package state before.
    pub start_state: String,
    /// Package state that was wanted.
    pub target_state: String,
    /// Name of the log or channel, without a path; shared by all its events.
    pub origin: Arc<str>,
    /// The record's text, masked, at most 2 KiB.
    pub evidence: String,
    /// Fields without a column of their own, by the names of the event schema.
    pub extra: Extra,
}

impl Default for UpdateEvent {
    fn default() -> Self {
        Self::of_log(Arc::default())
    }
}

impl UpdateEvent {
    /// An event of a log that states nothing yet. Events are large: this one is
    /// written once, where it is wanted.
    #[inline]
    pub fn of_log(origin: Arc<str>) -> Self {
        Self {
            event_id: EventId::default(),
            source_kind: SourceKind::default(),
            phase: Phase::default(),
            result: EventResult::default(),
            completeness: 0,
            parser_version: 0,
            printed_at_ms: None,
            occurred_at_ms: None,
            time_source: TimeSource::default(),
            observed_at_ms: 0,
            hresult: None,
            nested_status: None,
            operation_result: None,
            revision: None,
            corruptions_detected: None,
            repaired: None,
            duration_s: None,
            reboot_required: None,
            noise: false,
            position: 0,
            source: Cow::Borrowed(""),
            kb: String::new(),
            identifier: String::new(),
            package: String::new(),
            title: String::new(),
            update_guid: String::new(),
            component: String::new(),
            component_version: String::new(),
            arch: String::new(),
            file: String::new(),
            hash_expected: String::new(),
            hash_actual: String::new(),
            mark: String::new(),
            operation: String::new(),
            health: String::new(),
            client: String::new(),
            session_id: String::new(),
            failure_source: String::new(),
            start_state: String::new(),
            target_state: String::new(),
            origin,
            evidence: String::new(),
            extra: Extra::new(),
        }
    }

    /// Counts the stated fields into [`UpdateEvent::completeness`].
    pub fn rate_completeness(&mut self) {
        let texts = self.texts().iter().filter(|text| !text.is_empty()).count();
        let numbers = [
            self.hresult.is_some(),
            self.nested_status.is_some(),
            self.operation_result.is_some(),
            self.revision.is_some(),
            self.corruptions_detected.is_some(),
            self.repaired.is_some(),
            self.duration_s.is_some(),
            self.reboot_required.is_some(),
            self.occurred_at_ms.is_some(),
        ];
        let stated = texts + numbers.iter().filter(|some| **some).count() + self.extra.len();
        self.completeness = u32::try_from(stated).unwrap_or(u32::MAX);
    }

    /// Bytes of all texts, extra fields included.
    pub fn text_len(&self) -> usize {
        let own: usize = self.texts().iter().map(|text| text.len()).sum();
        let extra = self
            .extra
            .iter()
            .map(|(name, value)| name.len() + value.len());
        own + extra.sum::<usize>()
    }

    /// All text fields, in wire order.
    pub fn texts(&self) -> [&str; 22] {
        [
            &self.source,
            &self.kb,
            &self.identifier,
            &self.package,
            &self.title,
            &self.update_guid,
            &self.component,
            &self.component_version,
            &self.arch,
            &self.file,
            &self.hash_expected,
            &self.hash_actual,
            &self.mark,
            &self.operation,
            &self.health,
            &self.client,
            &self.session_id,
            &self.failure_source,
            &self.start_state,
            &self.target_state,
            &self.origin,
            &self.evidence,
        ]
    }
}

/// All facts of a device as of one moment: a whole revision, never a delta.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactsSnapshot {
    /// Grows with every change of any fact.
    pub revision: u64,
    /// When they were read, milliseconds since 1970 UTC by the device's clock.
    pub observed_at_ms: i64,
    /// At most 64 keys, lower case with underscores.
    pub facts: BTreeMap<String, String>,
}

/// Most facts of one device.
pub const MAX_FACTS: usize = 64;

/// Most sources that one heartbeat tells of.
pub const MAX_SOURCES: usize = 16;

/// How much of one source was read, understood and lost, counted from the start
/// of a run; see [`Health::counted_since_ms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceLines {
    /// Which log.
    pub source: SourceKind,
    /// Lines, or records where a log has no lines.
    pub lines: u64,
    /// Of these, lines that no rule made anything of.
    pub unknown_lines: u64,
    /// Failing result codes that records end with.
    pub codes: u64,
    /// Of these, codes that no rule knew.
    pub unknown_codes: u64,
    /// Bytes that were seen and gone before they were read: of files that
    /// vanished, were rotated away or truncated, and of damaged archives.
    pub lost_bytes: u64,
    /// Files that lost bytes, or that vanished with an unknown rest.
    pub lost_files: u64,
    /// Lines cut because they had no end.
    pub cut_lines: u64,
}

/// A source of which a log cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableSource {
    /// Which log.
    pub source: SourceKind,
    /// What keeps it from being read; the first reason where several logs of
    /// one source differ.
    pub reason: Unreadable,
    /// Since when, by the device's clock.
    pub since_ms: i64,
    /// How many logs of this source.
    pub logs: u32,
}

/// How a collector is doing; part of every heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Start of the process, milliseconds since 1970 UTC.
    pub started_at_ms: i64,
    /// Bytes of the sources that were not read yet.
    pub lag_bytes: u64,
    /// Events read and not yet receipted.
    pub unsent_events: u64,
    /// Bytes held in the spool.
    pub spool_bytes: u64,
    /// Batches that the gateway refused and that were kept aside.
    pub refused_batches: u64,
    /// Lines that were cut or skipped.
    pub skipped_lines: u64,
    /// Events given up because the spool was full.
    pub dropped_events: u64,
    /// Bytes of batches sent in the last 24 hours, repeats included.
    pub sent_bytes_24h: u64,
    /// What was read of each source, and what of it nobody understood.
    pub sources: Vec<SourceLines>,
    /// Build of the system while these lines were read, as `17763.3887`; empty
    /// where it is not known.
    pub os_build: String,
    /// Since when `sources` counts: start of the process or of the build.
    /// Totals of one run only grow, so that a repeated or lost heartbeat makes
    /// no difference.
    pub counted_since_ms: i64,
    /// Sources that cannot be read now, each once.
    pub unreadable: Vec<UnreadableSource>,
}
