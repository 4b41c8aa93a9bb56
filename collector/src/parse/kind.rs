//! What kinds of update logs there are, and how a file's kind is told from its
//! first bytes.

use std::fmt;
use std::str::FromStr;

use kbwatch_proto::words::SourceKind;

use super::encoding;
use super::panther::Head;

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
            Self::Cbs => SourceKind::Cbs,
            Self::Dism => SourceKind::Dism,
            Self::WuDecoded | Self::WuLegacy => SourceKind::WindowsUpdate,
            Self::EvtxSystem | Self::EvtxSetup | Self::EvtxOperational | Self::EventXml => {
                SourceKind::EventLog
            }
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
        if head.starts_with(b"ElfFile\0") {
            return Some(evtx_kind(file_name));
        }
        let text = encoding::to_utf8(head);
        let start = text.trim_ascii_start();
        if is_event_xml(start) {
            return Some(Self::EventXml);
        }
        detect_lines(&text, file_name)
    }
}

fn evtx_kind(file_name: &str) -> FileKind {
    let name = file_name.to_ascii_lowercase();
    if name.contains("operational") {
        FileKind::EvtxOperational
    } else if name.contains("setup") {
        FileKind::EvtxSetup
    } else {
        FileKind::EvtxSystem
    }
}

fn is_event_xml(start: &[u8]) -> bool {
    if start.starts_with(b"<Event ") || start.starts_with(b"<Event>") {
        return true;
    }
    let wrapped = start.starts_with(b"<?xml") || start.starts_with(b"<Events");
    wrapped && memchr::memmem::find(&start[..start.len().min(4096)], b"<Event").is_some()
}

fn detect_lines(text: &[u8], file_name: &str) -> Option<FileKind> {
    let (mut cbs, mut dism, mut other) = (0, 0, 0);
    for line in text.split(|byte| *byte == b'\n').take(400) {
        let line = line.trim_ascii_end();
        if let Some(head) = Head::read(line) {
            match head.source {
                b"CBS" | b"CSI" | b"DEPLOY" | b"DPX" | b"TI" => cbs += 1,
                b"DISM" => dism += 1,
                _ => other += 1,
            }
            continue;
        }
        if cbs + dism + other > 0 {
            continue;
        }
        if let Some(kind) = line_kind(line) {
            return Some(kind);
        }
    }
    let named_dism = file_name.to_ascii_lowercase().contains("dism");
    match (cbs, dism) {
        (0, 0) => None,
        (_, 0) => Some(FileKind::Cbs),
        (0, _) => Some(FileKind::Dism),
        _ if dism > cbs || (dism == cbs && named_dism) => Some(FileKind::Dism),
        _ => Some(FileKind::Cbs),
    }
}

/// Kind that a single line gives away.
fn line_kind(line: &[u8]) -> Option<FileKind> {
    if super::windows_update::legacy::Head::read(line).is_some() {
        return Some(FileKind::WuLegacy);
    }
    if super::windows_update::decoded::Head::read(line).is_some() {
        return Some(FileKind::WuDecoded);
    }
    super::installed::kind_of_line(line)
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
