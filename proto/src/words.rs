//! The closed vocabularies of update events, as they stand in code, wire,
//! tables and screens.
//!
//! A word that is not listed here is refused by store, row by row.

use std::fmt;

/// A text that is not a word of the vocabulary it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {vocabulary} {word:?}")]
pub struct UnknownWord {
    /// Which vocabulary was asked, for example `phase`.
    pub vocabulary: &'static str,
    /// The offending text, cut at 64 characters.
    pub word: String,
}

impl UnknownWord {
    fn new(vocabulary: &'static str, word: &str) -> Self {
        Self {
            vocabulary,
            word: word.chars().take(64).collect(),
        }
    }
}

pub(crate) fn word_of<W: Copy + PartialEq>(table: &[(W, &'static str)], word: W) -> &'static str {
    let found = table.iter().find(|(value, _)| *value == word);
    // Every value is in its table, as a test knows.
    found.map_or("", |(_, text)| text)
}

pub(crate) fn find<W: Copy>(
    vocabulary: &'static str,
    table: &[(W, &'static str)],
    word: &str,
) -> Result<W, UnknownWord> {
    table
        .iter()
        .find(|(_, text)| *text == word)
        .map(|(value, _)| *value)
        .ok_or_else(|| UnknownWord::new(vocabulary, word))
}

/// Which log of Windows a record came from.
///
/// CBS.log, `CbsPersist_*.log` and the .cab made of it are one kind, and so are
/// an .evtx file, its XML rendering and the live channel: the same record must
/// keep its identity wherever it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum SourceKind {
    /// Component-based servicing: CBS.log and its archives.
    #[default]
    Cbs,
    /// dism.log.
    Dism,
    /// WindowsUpdate.log, legacy or decoded.
    WindowsUpdate,
    /// Any event-log channel.
    EventLog,
    /// Lists of installed updates: wmic qfe, systeminfo, Get-HotFix.
    InstalledUpdates,
    /// ReportingEvents.log of the update agent.
    ReportingEvents,
    /// Logs of the Configuration Manager client.
    ConfigMgr,
    /// CheckSUR.log of Windows 7.
    CheckSur,
    /// MoSetup and Panther logs of feature updates.
    Setup,
    /// wusa.exe traces.
    Wusa,
    /// Results of SetupDiag.
    SetupDiag,
}

impl SourceKind {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Cbs, "cbs"),
        (Self::Dism, "dism"),
        (Self::WindowsUpdate, "windows_update"),
        (Self::EventLog, "event_log"),
        (Self::InstalledUpdates, "installed_updates"),
        (Self::ReportingEvents, "reporting_events"),
        (Self::ConfigMgr, "configmgr"),
        (Self::CheckSur, "checksur"),
        (Self::Setup, "setup"),
        (Self::Wusa, "wusa"),
        (Self::SetupDiag, "setupdiag"),
    ];

    /// The word as it stands on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        word_of(Self::TABLE, self)
    }
}

impl std::str::FromStr for SourceKind {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        find("source kind", Self::TABLE, word)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What part of an update's life an event speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Phase {
    /// Looking for applicable updates.
    Scan,
    /// Fetching content.
    Download,
    /// Rebuilding full files from deltas.
    Hydrate,
    /// Staging and installing a package.
    #[default]
    Install,
    /// Turning a feature or capability on.
    FeatureInstall,
    /// Taking a package off.
    Uninstall,
    /// Work at shutdown and boot after an install.
    RebootCommit,
    /// Looking for damage in the component store.
    CorruptionDetect,
    /// Mending the component store.
    CorruptionRepair,
    /// System file checker.
    Sfc,
    /// Scheduled upkeep of servicing itself.
    Maintenance,
    /// A statement of what is installed or of what the machine is.
    Inventory,
    /// A service's start or stop.
    Service,
    /// Store applications: never an update of Windows.
    AppxProvision,
}

impl Phase {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Scan, "scan"),
        (Self::Download, "download"),
        (Self::Hydrate, "hydrate"),
        (Self::Install, "install"),
        (Self::FeatureInstall, "feature_install"),
        (Self::Uninstall, "uninstall"),
        (Self::RebootCommit, "reboot_commit"),
        (Self::CorruptionDetect, "corruption_detect"),
        (Self::CorruptionRepair, "corruption_repair"),
        (Self::Sfc, "sfc"),
        (Self::Maintenance, "maintenance"),
        (Self::Inventory, "inventory"),
        (Self::Service, "service"),
        (Self::AppxProvision, "appx_provision"),
    ];

    /// The word as it stands on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        word_of(Self::TABLE, self)
    }
}

impl std::str::FromStr for Phase {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        find("phase", Self::TABLE, word)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an event says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum EventResult {
    /// Something began.
    Start,
    /// A fact that is neither good nor bad.
    #[default]
    Info,
    /// It worked.
    Success,
    /// It failed.
    Fail,
    /// It will be tried again by itself.
    Retry,
    /// It went on, with a complaint.
    Warn,
    /// Someone or something called it off.
    Cancelled,
    /// Done but for a reboot.
    PendingReboot,
    /// Undone after it had been applied.
    RolledBack,
    /// Not meant for this machine.
    NotApplicable,
    /// A file's bytes are not what its manifest says.
    HashMismatch,
    /// Damage was found and stays.
    CorruptUnrepaired,
    /// Damage was found and mended.
    Repaired,
    /// Servicing flagged the store as corrupt.
    StoreMarkedCorrupt,
    /// A package's manifest is gone.
    ManifestMissing,
    /// Totals of a detection or repair run.
    Summary,
    /// The update is on the machine.
    Installed,
    /// A log file begins.
    LogStart,
    /// A log file was rotated away.
    LogRotated,
}

impl EventResult {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Start, "start"),
        (Self::Info, "info"),
        (Self::Success, "success"),
        (Self::Fail, "fail"),
        (Self::Retry, "retry"),
        (Self::Warn, "warn"),
        (Self::Cancelled, "cancelled"),
        (Self::PendingReboot, "pending_reboot"),
        (Self::RolledBack, "rolled_back"),
        (Self::NotApplicable, "not_applicable"),
        (Self::HashMismatch, "hash_mismatch"),
        (Self::CorruptUnrepaired, "corrupt_unrepaired"),
        (Self::Repaired, "repaired"),
        (Self::StoreMarkedCorrupt, "store_marked_corrupt"),
        (Self::ManifestMissing, "manifest_missing"),
        (Self::Summary, "summary"),
        (Self::Installed, "installed"),
        (Self::LogStart, "log_start"),
        (Self::LogRotated, "log_rotated"),
    ];

    /// The word as it stands on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        word_of(Self::TABLE, self)
    }

    /// Whether the event claims that something is broken.
    pub fn is_harm(self) -> bool {
        matches!(
            self,
            Self::Fail
                | Self::HashMismatch
                | Self::CorruptUnrepaired
                | Self::StoreMarkedCorrupt
                | Self::ManifestMissing
                | Self::RolledBack
        )
    }
}

impl std::str::FromStr for EventResult {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        find("result", Self::TABLE, word)
    }
}

impl fmt::Display for EventResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the UTC time of an event is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum TimeSource {
    /// It is not known.
    #[default]
    Unknown,
    /// The record prints UTC or an offset.
    Printed,
    /// Offset computed from the UTC stamp of a CSI record near by.
    CsiStamp,
    /// Offset computed from a servicing session id (a FILETIME in two halves).
    SessionId,
    /// Offset computed from the UTC time in an archive's file name.
    FileName,
    /// Offset computed from the instant inside a transaction's id.
    TransactionId,
    /// Offset stated by the log's header.
    LogHeader,
    /// The device's own zone at reading: right unless the zone was changed.
    DeviceZone,
}

impl TimeSource {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Unknown, "unknown"),
        (Self::Printed, "printed"),
        (Self::CsiStamp, "csi_stamp"),
        (Self::SessionId, "session_id"),
        (Self::FileName, "file_name"),
        (Self::TransactionId, "transaction_id"),
        (Self::LogHeader, "log_header"),
        (Self::DeviceZone, "device_zone"),
    ];

    /// The word as it stands on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        word_of(Self::TABLE, self)
    }
}

impl std::str::FromStr for TimeSource {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        find("time source", Self::TABLE, word)
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for (value, text) in Phase::TABLE {
            assert_eq!(text.parse(), Ok(*value));
        }
        for (value, text) in EventResult::TABLE {
            assert_eq!(text.parse(), Ok(*value));
        }
        for (value, text) in SourceKind::TABLE {
            assert_eq!(text.parse(), Ok(*value));
        }
        for (value, text) in TimeSource::TABLE {
            assert_eq!(text.parse(), Ok(*value));
        }
    }

    #[test]
    fn a_foreign_word_is_refused_by_name() {
        let refused = "explode".parse::<Phase>();
        assert_eq!(refused, Err(UnknownWord::new("phase", "explode")));
    }
}
