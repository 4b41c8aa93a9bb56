//! What kinds of update logs there are.

use std::fmt;
use std::str::FromStr;

use kbwatch_proto::words::SourceKind;

use super::split::Unit;

mod detect;

/// Format of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// CBS.log and `CbsPersist_*.log`.
    Cbs,
    /// dism.log.
    Dism,
    /// WindowsUpdate.log of Windows 10 and later, decoded from its traces.
    WuDecoded,
    /// WindowsUpdate.log of Windows 7 and 8.1.
    WuLegacy,
    /// .evtx file of the System channel, or of a channel without a kind.
    EvtxSystem,
    /// .evtx file of the Setup channel.
    EvtxSetup,
    /// .evtx file of WindowsUpdateClient/Operational.
    EvtxOperational,
    /// Concatenated `<Event>` elements, as `wevtutil qe` prints them.
    EventXml,
    /// Output of `systeminfo`, in any code page.
    Systeminfo,
    /// Output of `wmic qfe`.
    WmicQfe,
    /// Output of `Get-HotFix`.
    GetHotfix,
    /// CheckSUR.log of Windows 7.
    CheckSur,
    /// MoSetup logs of feature updates, such as UpdateAgent.log.
    MoSetup,
    /// Panther logs of setup: setupact.log and setuperr.log.
    Panther,
    /// Logs of the Configuration Manager client.
    ConfigMgr,
    /// Events of the stand-alone installer, as text.
    Wusa,
    /// Events of the update agent, as text.
    EventRendered,
    /// Events of servicing, as text.
    SetupEventRendered,
    /// ReportingEvents.log of the update agent.
    ReportingEvents,
    /// Results of `SetupDiag`, as XML or text.
    SetupDiag,
    /// A cabinet with a CBS log in it; only [`super::parse_file`] opens it.
    CbsCab,
}

/// A name that is no file kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown file kind {0:?}; known are {known}", known = FileKind::names())]
pub struct UnknownKind(pub String);

impl FileKind {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Cbs, "cbs"),
        (Self::Dism, "dism"),
        (Self::WuDecoded, "wu_decoded"),
        (Self::WuLegacy, "wu_legacy"),
        (Self::EvtxSystem, "evtx_system"),
        (Self::EvtxSetup, "evtx_setup"),
        (Self::EvtxOperational, "evtx_operational"),
        (Self::EventXml, "event_xml"),
        (Self::Systeminfo, "systeminfo"),
        (Self::WmicQfe, "wmic_qfe"),
        (Self::GetHotfix, "get_hotfix"),
        (Self::CheckSur, "checksur"),
        (Self::MoSetup, "mosetup"),
        (Self::Panther, "panther"),
        (Self::ConfigMgr, "configmgr"),
        (Self::Wusa, "wusa"),
        (Self::EventRendered, "event_rendered"),
        (Self::SetupEventRendered, "setup_event_rendered"),
        (Self::ReportingEvents, "reporting_events"),
        (Self::SetupDiag, "setupdiag"),
        (Self::CbsCab, "cbs_cab"),
    ];

    /// The kind's name on the command line and in output.
    pub fn as_str(self) -> &'static str {
        Self::TABLE
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        let names: Vec<_> = Self::TABLE.iter().map(|(_, name)| *name).collect();
        names.join(", ")
    }

    /// The source that events of this kind belong to.
    pub fn source_kind(self) -> SourceKind {
        match self {
            Self::Cbs | Self::CbsCab => SourceKind::Cbs,
            Self::Dism => SourceKind::Dism,
            Self::WuDecoded | Self::WuLegacy => SourceKind::WindowsUpdate,
            Self::EvtxSystem
            | Self::EvtxSetup
            | Self::EvtxOperational
            | Self::EventXml
            | Self::EventRendered
            | Self::SetupEventRendered => SourceKind::EventLog,
            Self::CheckSur => SourceKind::CheckSur,
            Self::MoSetup | Self::Panther => SourceKind::Setup,
            Self::ConfigMgr => SourceKind::ConfigMgr,
            Self::Wusa => SourceKind::Wusa,
            Self::ReportingEvents => SourceKind::ReportingEvents,
            Self::SetupDiag => SourceKind::SetupDiag,
            Self::Systeminfo | Self::WmicQfe | Self::GetHotfix => SourceKind::InstalledUpdates,
        }
    }

    /// Whether the file is binary .evtx, which only [`super::parse_file`] reads.
    pub fn is_evtx(self) -> bool {
        matches!(
            self,
            Self::EvtxSystem | Self::EvtxSetup | Self::EvtxOperational
        )
    }

    /// Tells the kind from a file's first bytes; 16 KiB are plenty. The name
    /// decides only where the bytes leave a choice.
    pub fn detect(head: &[u8], file_name: &str) -> Option<Self> {
        detect::kind(head, file_name)
    }

    /// Whether it holds records of the event log as such, not as text.
    pub fn is_event_log(self) -> bool {
        self.is_evtx() || self == Self::EventXml
    }

    /// What ends a unit of the file.
    pub(crate) fn unit(self) -> Unit {
        if self.is_event_log() {
            Unit::EventElement
        } else {
            Unit::Line
        }
    }
}

impl FromStr for FileKind {
    type Err = UnknownKind;
    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::TABLE
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)
            .ok_or_else(|| UnknownKind(name.chars().take(64).collect()))
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_kind() {
        for (kind, name) in FileKind::TABLE {
            assert_eq!(name.parse(), Ok(*kind));
        }
        assert!("novel".parse::<FileKind>().is_err());
    }

    #[test]
    fn a_kind_is_told_from_content_not_from_the_name() {
        let cbs = b"\xef\xbb\xbf2023-01-11 09:00:00, Info                  CBS    x\r\n";
        assert_eq!(FileKind::detect(cbs, "dism.log"), Some(FileKind::Cbs));
        let dism = b"2023-01-11 09:00:00, Info                  DISM   x\r\n";
        assert_eq!(FileKind::detect(dism, "a.txt"), Some(FileKind::Dism));
        let xml = b"<Event xmlns='http://schemas'><System/></Event>";
        assert_eq!(FileKind::detect(xml, "a"), Some(FileKind::EventXml));
        assert_eq!(
            FileKind::detect(b"ElfFile\0....", "Setup.evtx"),
            Some(FileKind::EvtxSetup)
        );
        assert_eq!(FileKind::detect(b"hello\nworld\n", "CBS.log"), None);
    }
}
