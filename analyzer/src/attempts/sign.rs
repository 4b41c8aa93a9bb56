//! What one record means for an attempt.

use kbwatch_proto::result_code::{ResultCode, Verdict};
use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use super::record::Record;

/// Update agent wants the content once more; a failure only if it stays.
const NEED_ANOTHER_DOWNLOAD: u32 = 0x8024_200d;

/// What one record means for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// Content is being fetched.
    Download,
    /// An install began; `client` when the update agent says so, who says it
    /// once per try.
    Install { client: bool },
    /// A servicing step went well; not the end.
    Progress,
    /// Windows shuts down; `off` where it was asked to stay off.
    Shutdown { off: bool },
    /// Windows started.
    Boot,
    /// Done but for a reboot.
    Pending,
    /// Will be tried again by itself.
    Retry { hresult: u32 },
    /// Called off.
    Cancelled { hresult: Option<u32> },
    /// Looks like failure and is not.
    Benign { hresult: u32 },
    /// It failed.
    Failed { hresult: Option<u32> },
    /// Undone after the reboot.
    RolledBack { hresult: Option<u32> },
    /// The update agent says that it worked.
    Claimed,
    /// The package's state is Installed.
    Installed,
}

impl Sign {
    /// Whether the record ends an attempt.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Failed { .. } | Self::RolledBack { .. })
    }

    /// Whether the sign can only come at the begin of an attempt.
    pub(super) fn is_begin(self) -> bool {
        matches!(self, Self::Download | Self::Install { .. })
    }
}

/// Meaning of a record; `None` if attempts do not care.
///
/// `moves_ubr`: the record speaks of a cumulative update, whose good servicing
/// verdicts before the reboot prove nothing.
pub(super) fn sign_of(record: &Record, moves_ubr: bool) -> Option<Sign> {
    match record.phase {
        Phase::Download => download_sign(record),
        Phase::Install => install_sign(record, moves_ubr),
        Phase::RebootCommit => commit_sign(record),
        Phase::Inventory => (record.result == EventResult::Installed).then_some(Sign::Installed),
        _ => None,
    }
}

fn download_sign(record: &Record) -> Option<Sign> {
    match record.result {
        EventResult::Start | EventResult::Success => Some(Sign::Download),
        EventResult::Retry => Some(Sign::Retry {
            hresult: record.hresult.unwrap_or_default(),
        }),
        EventResult::Fail | EventResult::Cancelled | EventResult::NotApplicable => {
            Some(ending_sign(record))
        }
        _ => None,
    }
}

fn install_sign(record: &Record, moves_ubr: bool) -> Option<Sign> {
    let client = told_by_update_agent(record);
    match record.result {
        EventResult::Start => Some(Sign::Install { client }),
        EventResult::Success => Some(good_sign(record, client, moves_ubr)),
        EventResult::Installed => Some(Sign::Installed),
        EventResult::PendingReboot => Some(Sign::Pending),
        EventResult::Retry => Some(Sign::Retry {
            hresult: record.hresult.unwrap_or_default(),
        }),
        EventResult::RolledBack => Some(Sign::RolledBack {
            hresult: record.hresult,
        }),
        EventResult::Fail | EventResult::Cancelled | EventResult::NotApplicable => {
            Some(ending_sign(record))
        }
        _ => None,
    }
}

/// The update agent's event-log records carry the title; servicing's do not.
pub(super) fn told_by_update_agent(record: &Record) -> bool {
    let titled = !record.title.is_empty() || record.source.contains("WindowsUpdateClient");
    record.source_kind == SourceKind::EventLog && titled
}

/// A good verdict: of the update agent a claim; of servicing's event log the
/// state itself; of CBS.log only progress where a reboot is still to come.
fn good_sign(record: &Record, client: bool, moves_ubr: bool) -> Sign {
    let code = ResultCode(record.hresult.unwrap_or_default());
    let waits = record.reboot_required == Some(true)
        || matches!(code.0, 0x0024_0005 | 0x8007_0bc2 | 0x8024_2014);
    if waits {
        return Sign::Pending;
    }
    match record.source_kind {
        SourceKind::EventLog if client => Sign::Claimed,
        SourceKind::Cbs | SourceKind::Dism | SourceKind::Setup if moves_ubr => Sign::Progress,
        SourceKind::EventLog | SourceKind::Cbs | SourceKind::Dism => {
            state_sign(&record.target_state)
        }
        _ => Sign::Claimed,
    }
}

/// Servicing names the state that a package went to; any but Installed (and
/// what supersedes it) is a step on the way.
fn state_sign(target_state: &str) -> Sign {
    let state = target_state.trim().to_ascii_lowercase();
    let reached = state.is_empty()
        || state.starts_with("installed")
        || state.starts_with("permanent")
        || matches!(state.as_str(), "112" | "5112" | "5128" | "7" | "0x70");
    if reached {
        Sign::Installed
    } else {
        Sign::Progress
    }
}

/// A bad verdict, by what its code means for an update.
fn ending_sign(record: &Record) -> Sign {
    let hresult = record.hresult;
    let Some(code) = hresult else {
        return match record.result {
            EventResult::Cancelled => Sign::Cancelled { hresult },
            EventResult::NotApplicable => Sign::Benign { hresult: 0 },
            _ => Sign::Failed { hresult },
        };
    };
    if code == NEED_ANOTHER_DOWNLOAD {
        return Sign::Retry { hresult: code };
    }
    match ResultCode(code).verdict() {
        Verdict::Cancelled => Sign::Cancelled { hresult },
        Verdict::Pending | Verdict::Success => Sign::Pending,
        Verdict::Benign => Sign::Benign { hresult: code },
        _ => match record.result {
            EventResult::Cancelled => Sign::Cancelled { hresult },
            EventResult::NotApplicable => Sign::Benign { hresult: code },
            _ => Sign::Failed { hresult },
        },
    }
}

/// Work at boot, and the boots and shutdowns around it.
fn commit_sign(record: &Record) -> Option<Sign> {
    match record.result {
        EventResult::Info if tells_shutdown(&record.detail) => Some(Sign::Shutdown {
            off: stays_off(&record.shutdown_kind),
        }),
        EventResult::Start | EventResult::Success | EventResult::Info => Some(Sign::Boot),
        EventResult::Fail => Some(Sign::Failed {
            hresult: record.hresult,
        }),
        EventResult::RolledBack => Some(Sign::RolledBack {
            hresult: record.hresult,
        }),
        EventResult::PendingReboot => Some(Sign::Pending),
        _ => None,
    }
}

/// When the device was last asked to stay off, if no start followed.
pub(crate) fn switched_off_at(records: &[Record]) -> Option<i64> {
    let of_device = records.iter().filter(|record| {
        let nameless = record.kb.is_empty() && record.package.is_empty();
        nameless && record.phase == Phase::RebootCommit
    });
    let mut signs: Vec<(i64, Sign)> = of_device
        .filter_map(|record| Some((record.at_ms, commit_sign(record)?)))
        .collect();
    signs.sort_unstable_by_key(|(at_ms, sign)| (*at_ms, *sign));
    let mut off_at_ms = None;
    for (at_ms, sign) in signs {
        match sign {
            Sign::Shutdown { off: true } => off_at_ms = Some(at_ms),
            Sign::Boot => off_at_ms = None,
            _ => {}
        }
    }
    off_at_ms
}

/// Event 1074 names the kind in the language of Windows; only English and
/// Chinese words for "power off" are known, anything else may be a restart.
fn stays_off(kind: &str) -> bool {
    let kind = kind.to_lowercase();
    ["power off", "shutdown", "shut down", "关机", "关闭"]
        .iter()
        .any(|word| kind.contains(word))
}

/// Records of the System channel, as the collector names them.
fn tells_shutdown(detail: &str) -> bool {
    matches!(detail, "shutdown requested" | "event log stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_off_from_its_power_off_to_its_next_start() {
        let told = |at_ms, detail: &str, kind: &str| Record {
            phase: Phase::RebootCommit,
            result: EventResult::Info,
            at_ms,
            detail: detail.to_owned(),
            shutdown_kind: kind.to_owned(),
            ..Record::default()
        };
        let off = told(10, "shutdown requested", "power off");
        let stopped = told(12, "event log stopped", "");
        let restart = told(30, "shutdown requested", "restart");
        let started = told(20, "event log started", "");
        assert_eq!(switched_off_at(&[stopped.clone(), off.clone()]), Some(10));
        assert_eq!(switched_off_at(&[off.clone(), stopped, started]), None);
        assert_eq!(switched_off_at(&[restart]), None);
    }

    fn install(result: EventResult, hresult: Option<u32>) -> Record {
        Record {
            source_kind: SourceKind::EventLog,
            result,
            hresult,
            kb: "KB5022286".into(),
            title: "2023-01 Cumulative Update (KB5022286)".into(),
            ..Record::default()
        }
    }

    #[test]
    fn codes_that_only_look_like_failure_are_none() {
        for pending in [0x8024_2014, 0x8007_0bc2, 0x0024_0005] {
            let record = install(EventResult::Fail, Some(pending));
            assert_eq!(sign_of(&record, true), Some(Sign::Pending));
        }
        let cancelled = install(EventResult::Fail, Some(0x8024_000b));
        assert!(matches!(
            sign_of(&cancelled, true),
            Some(Sign::Cancelled { .. })
        ));
        let benign = install(EventResult::Fail, Some(0x8024_0017));
        assert!(matches!(sign_of(&benign, true), Some(Sign::Benign { .. })));
        let again = install(EventResult::Fail, Some(0x8024_200d));
        assert!(matches!(sign_of(&again, true), Some(Sign::Retry { .. })));
    }

    #[test]
    fn source_missing_as_the_result_of_an_install_is_a_failure() {
        let record = install(EventResult::Fail, Some(0x800f_081f));
        assert!(sign_of(&record, true).unwrap().is_failure());
    }

    #[test]
    fn a_good_cbs_verdict_of_a_cumulative_update_proves_nothing_yet() {
        let mut record = install(EventResult::Success, Some(0));
        record.source_kind = SourceKind::Cbs;
        record.package = "Package_for_RollupFix~31bf~amd64~~17763.3887.1.6".into();
        assert_eq!(sign_of(&record, true), Some(Sign::Progress));
        record.package = "Package_for_DotNetRollup~31bf~amd64~~10.0.1.1".into();
        assert_eq!(sign_of(&record, false), Some(Sign::Installed));
        record.target_state = "Staged".into();
        assert_eq!(sign_of(&record, false), Some(Sign::Progress));
    }

    #[test]
    fn the_update_agent_claims_and_servicing_states() {
        let claim = install(EventResult::Success, None);
        assert_eq!(sign_of(&claim, true), Some(Sign::Claimed));
        let mut state = install(EventResult::Success, Some(0));
        state.title.clear();
        state.package = "Package_for_RollupFix~31bf~amd64~~17763.3887.1.6".into();
        state.target_state = "Installed".into();
        assert_eq!(sign_of(&state, true), Some(Sign::Installed));
    }
}
