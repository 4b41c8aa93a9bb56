//! The grammar of a file's kind: one enum, so that a parser is a plain value.

use super::check_sur::CheckSurGrammar;
use super::configmgr::ConfigMgrGrammar;
use super::dism::DismGrammar;
use super::installed::InstalledGrammar;
use super::kind::FileKind;
use super::rendered::RenderedGrammar;
use super::report::Report;
use super::setup::SetupGrammar;
use super::setup_diag::SetupDiagGrammar;
use super::split::Line;
use super::windows_update::decoded::DecodedGrammar;
use super::windows_update::legacy::LegacyGrammar;
use super::windows_update::reported;
use super::{cbs, event_log};

/// The grammar of a file's kind, with what it remembers.
pub(super) enum Grammar {
    Cbs(Box<cbs::CbsGrammar>),
    Dism(Box<DismGrammar>),
    WuDecoded(Box<DecodedGrammar>),
    WuLegacy(LegacyGrammar),
    ReportingEvents,
    EventXml,
    Installed(InstalledGrammar),
    CheckSur(Box<CheckSurGrammar>),
    ConfigMgr(Box<ConfigMgrGrammar>),
    Rendered(Box<RenderedGrammar>),
    Setup(Box<SetupGrammar>),
    SetupDiag(Box<SetupDiagGrammar>),
}

impl Grammar {
    pub(super) fn of(kind: FileKind) -> Self {
        match kind {
            FileKind::Cbs | FileKind::CbsCab => Self::Cbs(Box::default()),
            FileKind::Dism => Self::Dism(Box::default()),
            FileKind::WuDecoded => Self::WuDecoded(Box::default()),
            FileKind::WuLegacy => Self::WuLegacy(LegacyGrammar::default()),
            FileKind::ReportingEvents => Self::ReportingEvents,
            FileKind::EvtxSystem
            | FileKind::EvtxSetup
            | FileKind::EvtxOperational
            | FileKind::EventXml => Self::EventXml,
            FileKind::Systeminfo | FileKind::WmicQfe | FileKind::GetHotfix => {
                Self::Installed(InstalledGrammar::new(kind))
            }
            FileKind::CheckSur => Self::CheckSur(Box::default()),
            FileKind::ConfigMgr => Self::ConfigMgr(Box::default()),
            FileKind::Wusa | FileKind::EventRendered | FileKind::SetupEventRendered => {
                Self::Rendered(Box::default())
            }
            FileKind::MoSetup | FileKind::Panther => Self::Setup(Box::default()),
            FileKind::SetupDiag => Self::SetupDiag(Box::default()),
        }
    }

    pub(super) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        match self {
            Self::Cbs(grammar) => grammar.line(line, report),
            Self::Dism(grammar) => grammar.line(line, report),
            Self::WuDecoded(grammar) => grammar.line(line, report),
            Self::WuLegacy(grammar) => grammar.line(line, report),
            Self::ReportingEvents => reported::read_line(line, report),
            Self::EventXml => event_log::read_line(line, report),
            Self::Installed(grammar) => grammar.line(line, report),
            Self::CheckSur(grammar) => grammar.line(line, report),
            Self::ConfigMgr(grammar) => grammar.line(line, report),
            Self::Rendered(grammar) => grammar.line(line, report),
            Self::Setup(grammar) => grammar.line(line, report),
            Self::SetupDiag(grammar) => grammar.line(line, report),
        }
    }

    pub(super) fn settle(&mut self, report: &mut Report<'_>) {
        match self {
            Self::Cbs(grammar) => grammar.settle(report),
            Self::Dism(grammar) => grammar.settle(report),
            Self::WuDecoded(grammar) => grammar.settle(report),
            Self::CheckSur(grammar) => grammar.settle(report),
            Self::SetupDiag(grammar) => grammar.settle(report),
            Self::Rendered(grammar) => grammar.settle(report),
            _ => {}
        }
    }

    pub(super) fn close(&mut self, report: &mut Report<'_>) {
        match self {
            Self::Cbs(grammar) => grammar.close(report),
            Self::Dism(grammar) => grammar.close(report),
            Self::WuDecoded(grammar) => grammar.close(report),
            Self::CheckSur(grammar) => grammar.close(report),
            Self::SetupDiag(grammar) => grammar.settle(report),
            Self::Rendered(grammar) => grammar.close(report),
            _ => {}
        }
    }

    /// Offset and line of the oldest record that is still open.
    pub(super) fn open_since(&self) -> Option<(u64, u64)> {
        match self {
            Self::Cbs(grammar) => grammar.open_since(),
            Self::Dism(grammar) => grammar.open_since(),
            Self::WuDecoded(grammar) => grammar.open_since(),
            Self::CheckSur(grammar) => grammar.open_since(),
            Self::ConfigMgr(grammar) => grammar.open_since(),
            Self::SetupDiag(grammar) => grammar.open_since(),
            Self::Rendered(grammar) => grammar.open_since(),
            _ => None,
        }
    }

    /// What must survive a restart, besides the open records themselves.
    pub(super) fn memory(&self) -> serde_json::Value {
        match self {
            Self::Cbs(grammar) => grammar.memory(),
            Self::Dism(grammar) => grammar.memory(),
            Self::WuDecoded(grammar) => grammar.memory(),
            Self::Installed(grammar) => grammar.memory(),
            Self::CheckSur(grammar) => grammar.memory(),
            Self::ConfigMgr(grammar) => grammar.memory(),
            Self::Rendered(grammar) => grammar.memory(),
            Self::Setup(grammar) => grammar.memory(),
            Self::WuLegacy(grammar) => grammar.memory(),
            Self::ReportingEvents | Self::EventXml | Self::SetupDiag(_) => serde_json::Value::Null,
        }
    }

    pub(super) fn recall(&mut self, memory: serde_json::Value) {
        match self {
            Self::Cbs(grammar) => grammar.recall(memory),
            Self::Dism(grammar) => grammar.recall(memory),
            Self::WuDecoded(grammar) => grammar.recall(memory),
            Self::Installed(grammar) => grammar.recall(memory),
            Self::CheckSur(grammar) => grammar.recall(memory),
            Self::ConfigMgr(grammar) => grammar.recall(memory),
            Self::Rendered(grammar) => grammar.recall(memory),
            Self::Setup(grammar) => grammar.recall(memory),
            Self::WuLegacy(grammar) => grammar.recall(memory),
            Self::ReportingEvents | Self::EventXml | Self::SetupDiag(_) => {}
        }
    }
}
