//! Which logs are followed, and how each is.

use std::path::{Path, PathBuf};

use crate::config::SourcesConfig;
use crate::parse::FileKind;
use crate::watch::source::{Archives, SourcePlan};

/// One plan for each log that the configuration names; what lies in the state
/// folder is our own.
pub(super) fn plan_sources(sources: &SourcesConfig, state_dir: &Path) -> Vec<SourcePlan> {
    let default = SourcesConfig::default();
    let plan = |name, path: &Option<PathBuf>, kind| {
        path.clone().map(|path| SourcePlan {
            is_optional: false,
            // Every Windows has a CBS.log; dism.log begins with the first use
            // of DISM, and our copy of event channels with the first record.
            is_default: (name == "dism_log" && default.dism_log.as_ref() == Some(&path))
                || path.parent() == Some(state_dir),
            name,
            path,
            kind,
            replaced_whole: name == "installed_updates",
            archives: match name {
                "cbs_log" => Archives::CbsPersist,
                "dism_log" => Archives::Backup,
                _ => Archives::None,
            },
        })
    };
    [
        plan("cbs_log", &sources.cbs_log, Some(FileKind::Cbs)),
        plan("dism_log", &sources.dism_log, Some(FileKind::Dism)),
        plan("event_xml", &sources.event_xml, Some(FileKind::EventXml)),
        plan("installed_updates", &sources.installed_updates, None),
        plan("windows_update_log", &sources.windows_update_log, None),
    ]
    .into_iter()
    .flatten()
    .chain(sources.more.iter().map(|path| SourcePlan {
        name: "more",
        path: path.clone(),
        kind: None,
        replaced_whole: false,
        archives: Archives::None,
        is_optional: true,
        is_default: false,
    }))
    .collect()
}
