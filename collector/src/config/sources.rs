//! Which logs are followed, and where they lie.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The logs to follow; a log without a path is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesConfig {
    /// CBS.log; its `CbsPersist_*.log` archives are read from the same folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cbs_log: Option<PathBuf>,
    /// dism.log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dism_log: Option<PathBuf>,
    /// On Windows: the channels System, Setup and Windows Update Client, unless
    /// `event_xml` names a file.
    pub event_channels: bool,
    /// An append-only file of event-log records as XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_xml: Option<PathBuf>,
    /// A list of installed updates, replaced whole when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_updates: Option<PathBuf>,
    /// WindowsUpdate.log, legacy or decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows_update_log: Option<PathBuf>,
    /// Further logs, read where they are: of the update agent's reports, of
    /// Configuration Manager, of setup. Which kind each is, its content tells.
    pub more: Vec<PathBuf>,
}

impl SourcesConfig {
    /// Follows nothing.
    pub fn none() -> Self {
        Self {
            cbs_log: None,
            dism_log: None,
            event_channels: false,
            event_xml: None,
            installed_updates: None,
            windows_update_log: None,
            more: Vec::new(),
        }
    }
}

/// Logs that not every machine has.
const FURTHER_LOGS: [&str; 7] = [
    r"C:\Windows\SoftwareDistribution\ReportingEvents.log",
    r"C:\Windows\CCM\Logs\WUAHandler.log",
    r"C:\Windows\CCM\Logs\UpdatesDeployment.log",
    r"C:\Windows\CCM\Logs\UpdatesHandler.log",
    r"C:\Windows\Logs\CBS\CheckSUR.log",
    r"C:\Windows\Logs\MoSetup\UpdateAgent.log",
    r"C:\Windows\Panther\setuperr.log",
];

impl Default for SourcesConfig {
    fn default() -> Self {
        Self {
            cbs_log: Some(r"C:\Windows\Logs\CBS\CBS.log".into()),
            dism_log: Some(r"C:\Windows\Logs\DISM\dism.log".into()),
            event_channels: true,
            more: FURTHER_LOGS.map(PathBuf::from).to_vec(),
            ..Self::none()
        }
    }
}
