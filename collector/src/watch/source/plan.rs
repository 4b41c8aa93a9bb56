//! What a source is: its place, its kind, and what its former files are called.

use std::path::{Path, PathBuf};

use kbwatch_proto::words::SourceKind;

use crate::parse::FileKind;

/// What a source is and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct SourcePlan {
    /// Configuration key.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    /// Found from the content where it is not given.
    pub(crate) kind: Option<FileKind>,
    pub(crate) replaced_whole: bool,
    /// Which files beside it belong to it.
    pub(crate) archives: Archives,
    /// One of those further logs that may be missing without a word.
    pub(crate) is_optional: bool,
    /// Nobody named it, and not every machine has it.
    pub(crate) is_default: bool,
}

impl SourcePlan {
    /// Whether someone should look if it is not there.
    pub(super) fn is_expected(&self) -> bool {
        !self.is_optional && !self.is_default
    }

    /// Which log it is in the words of all stages.
    pub(super) fn source_kind(&self) -> SourceKind {
        match self.name {
            "dism_log" => SourceKind::Dism,
            "event_xml" => SourceKind::EventLog,
            "installed_updates" => SourceKind::InstalledUpdates,
            "windows_update_log" => SourceKind::WindowsUpdate,
            "more" => kind_by_name(&self.path),
            _ => SourceKind::Cbs,
        }
    }

    /// What its memory is kept under: several further logs share one name.
    pub(crate) fn key(&self) -> String {
        if self.is_optional {
            format!("{} {}", self.name, self.path.display())
        } else {
            self.name.to_owned()
        }
    }
}

/// What a log's former files are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archives {
    /// It has none.
    None,
    /// `CbsPersist_YYYYMMDDhhmmss.log`, the moment of rotation in UTC.
    CbsPersist,
    /// One, called as the log with `.bak` after it.
    Backup,
}

/// Which log a further one is, by its name: lines are counted before any is
/// read.
fn kind_by_name(path: &Path) -> SourceKind {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name
        .rsplit('\\')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match name.as_str() {
        "reportingevents.log" => SourceKind::ReportingEvents,
        "checksur.log" => SourceKind::CheckSur,
        "windowsupdate.log" => SourceKind::WindowsUpdate,
        _ if name.starts_with("wua") || name.starts_with("updates") => SourceKind::ConfigMgr,
        _ if name.starts_with("setupdiag") => SourceKind::SetupDiag,
        _ => SourceKind::Setup,
    }
}
