//! One attempt while its records are read in time order.

use kbwatch_proto::ids::EventId;
use kbwatch_proto::result_code::{ResultCode, Verdict};
use kbwatch_proto::words::Phase;

use super::MAX_EVIDENCE;
use super::join::Step;
use super::sign::{Sign, told_by_update_agent};

/// The same verdict is told by CBS, servicing and the update agent within this
/// time; a verdict after it, without a begin, belongs to a try whose begin was
/// lost.
const RETOLD_MS: i64 = 30 * 60_000;

/// The update agent may tell its verdict this late.
const OWED_MS: i64 = 24 * 3_600_000;

/// CBS.log prints whole seconds, so that a begin may seem to follow its own end.
const ROUNDING_MS: i64 = 1_000;

/// An attempt without a sign for this long is not the one that begins now.
const STALE_MS: i64 = 72 * 3_600_000;

/// How an attempt ended, if it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Failed,
    RolledBack,
    Cancelled,
    Benign,
}

/// What the update agent said of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agent {
    Silent,
    /// The install begins.
    Began,
    /// How it ended.
    Told,
}

/// An ending and the record that told it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) ending: Ending,
    pub(super) at_ms: i64,
    pub(super) hresult: Option<u32>,
    weight: u8,
}

/// One attempt while its records are read.
#[derive(Debug, Clone)]
pub(super) struct Building {
    pub(super) started_at_ms: i64,
    pub(super) last_at_ms: i64,
    agent: Agent,
    pub(super) installing: bool,
    pub(super) pending_at_ms: Option<i64>,
    pub(super) shutdown_at_ms: Option<i64>,
    pub(super) booted_at_ms: Option<i64>,
    /// The last shutdown was to stay off.
    pub(super) stays_off: bool,
    pub(super) retry: Option<u32>,
    pub(super) told: Option<Told>,
    /// Code with which something failed at boot, without a verdict on the update.
    pub(super) suspected: Option<u32>,
    pub(super) claimed_at_ms: Option<i64>,
    pub(super) installed_at_ms: Option<i64>,
    evidence: Vec<(u8, i64, EventId)>,
}

impl Building {
    /// An attempt whose first sign is `step`, which is yet to be taken.
    pub(super) fn begin(step: Step<'_>) -> Self {
        Self {
            started_at_ms: step.record.at_ms,
            last_at_ms: step.record.at_ms,
            agent: Agent::Silent,
            installing: false,
            pending_at_ms: None,
            shutdown_at_ms: None,
            booted_at_ms: None,
            stays_off: false,
            retry: None,
            told: None,
            suspected: None,
            claimed_at_ms: None,
            installed_at_ms: None,
            evidence: Vec::new(),
        }
    }

    /// Whether `step` belongs to a later attempt than this one.
    pub(super) fn ended_before(&self, step: Step<'_>) -> bool {
        let at = step.record.at_ms;
        let since_last = at - self.last_at_ms;
        let over = self.told.is_some() || self.installed_at_ms.is_some();
        match step.sign {
            sign if sign.is_begin() && over => since_last > ROUNDING_MS,
            Sign::Install { client: true } if self.agent != Agent::Silent => true,
            sign if sign.is_begin() => since_last > STALE_MS,
            Sign::Installed | Sign::Claimed => self.told.is_some(),
            Sign::Pending => over && since_last > RETOLD_MS,
            sign if sign.is_failure() => {
                let installed = self.installed_at_ms.is_some();
                installed || (self.told.is_some() && since_last > self.retold_within(step))
            }
            _ => false,
        }
    }

    /// Until when a further verdict is one on this attempt. The update agent
    /// that began it tells its own once, perhaps only at its next start.
    fn retold_within(&self, step: Step<'_>) -> i64 {
        let owed = self.agent == Agent::Began && told_by_update_agent(step.record);
        if owed { OWED_MS } else { RETOLD_MS }
    }

    /// Takes a record of the KB.
    pub(super) fn take(&mut self, step: Step<'_>) {
        let at = step.record.at_ms;
        let before_ms = self.last_at_ms;
        self.last_at_ms = self.last_at_ms.max(at);
        match step.sign {
            Sign::Download => self.retry = None,
            Sign::Install { client } => {
                if client {
                    self.agent = Agent::Began;
                }
                self.installing = true;
                self.retry = None;
            }
            Sign::Progress => self.installing = true,
            Sign::Shutdown { .. } | Sign::Boot => self.hear(step),
            Sign::Pending => {
                self.installing = true;
                self.pending_at_ms.get_or_insert(at);
            }
            Sign::Retry { hresult } => self.retry = Some(hresult),
            Sign::Cancelled { hresult } => self.tell(Ending::Cancelled, at, hresult),
            // "Not applicable" after the install only says that it is there.
            Sign::Benign { .. } if self.installed_at_ms.is_some() => {
                self.last_at_ms = before_ms;
                return;
            }
            Sign::Benign { hresult } => self.tell(Ending::Benign, at, Some(hresult)),
            Sign::Failed { hresult } => self.tell(Ending::Failed, at, hresult),
            Sign::RolledBack { hresult } => self.tell(Ending::RolledBack, at, hresult),
            Sign::Claimed => {
                self.claimed_at_ms.get_or_insert(at);
            }
            Sign::Installed => {
                self.installed_at_ms.get_or_insert(at);
                // A list confirms; it is no step of the attempt.
                if step.record.phase == Phase::Inventory {
                    self.last_at_ms = before_ms;
                }
            }
        }
        let verdict = step.sign.is_failure() || step.sign == Sign::Claimed;
        if verdict && told_by_update_agent(step.record) {
            self.agent = Agent::Told;
        }
        let weight = evidence_weight(step.sign);
        self.evidence.push((weight, at, step.record.event_id));
    }

    /// Takes a record of the whole device: it concerns an attempt that is
    /// under way, and no other.
    pub(super) fn hear(&mut self, step: Step<'_>) {
        let over = self.told.is_some() || self.installed_at_ms.is_some();
        if over || !self.installing {
            return;
        }
        let at = step.record.at_ms;
        match step.sign {
            Sign::Shutdown { off } => {
                self.shutdown_at_ms = Some(at);
                self.booted_at_ms = None;
                self.stays_off |= off;
            }
            Sign::Boot => {
                self.booted_at_ms.get_or_insert(at);
                self.stays_off = false;
            }
            Sign::RolledBack { .. } if self.pending_at_ms.is_some() => self.take(step),
            // A driver or an installer failed at boot, which an update may
            // survive: it counts if nothing better is ever told.
            Sign::Failed { hresult } if self.pending_at_ms.is_some() => {
                self.suspected = hresult.or(self.suspected);
                self.evidence.push((1, at, step.record.event_id));
            }
            _ => return,
        }
        self.last_at_ms = self.last_at_ms.max(at);
    }

    /// Keeps the weightiest telling: an inner code says more than an aggregate,
    /// a failure more than a cancellation, the last more than the first.
    fn tell(&mut self, ending: Ending, at_ms: i64, hresult: Option<u32>) {
        let undone = self.pending_at_ms.is_some() && ending == Ending::Failed;
        let before = self.told.map(|told| told.ending);
        let ending = match before {
            Some(Ending::RolledBack) => Ending::RolledBack,
            Some(Ending::Failed) if ending != Ending::RolledBack => Ending::Failed,
            _ if undone => Ending::RolledBack,
            _ => ending,
        };
        let weight = code_weight(hresult);
        let (hresult, weight) = match self.told {
            Some(told) if told.weight > weight => (told.hresult, told.weight),
            _ => (hresult, weight),
        };
        self.told = Some(Told {
            ending,
            at_ms,
            hresult,
            weight,
        });
    }

    /// Phase in which the attempt stands or ended.
    pub(super) fn phase(&self) -> Phase {
        let after_boot = self.pending_at_ms.is_some() || self.booted_at_ms.is_some();
        match self.told.map(|told| told.ending) {
            Some(Ending::RolledBack) => Phase::RebootCommit,
            Some(_) if !self.installing => Phase::Download,
            Some(_) => Phase::Install,
            None if self.installing && after_boot => Phase::RebootCommit,
            None if self.installing || self.installed_at_ms.is_some() => Phase::Install,
            None => Phase::Download,
        }
    }

    /// Ids of the deciding records, verdicts first.
    pub(super) fn evidence(&self) -> Vec<EventId> {
        let mut sorted = self.evidence.clone();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(_, _, id)| *id);
        sorted.truncate(MAX_EVIDENCE);
        sorted.into_iter().map(|(_, _, id)| id).collect()
    }
}

fn evidence_weight(sign: Sign) -> u8 {
    match sign {
        Sign::Failed { .. } | Sign::RolledBack { .. } | Sign::Installed => 0,
        Sign::Claimed | Sign::Cancelled { .. } | Sign::Benign { .. } => 1,
        Sign::Pending | Sign::Retry { .. } => 2,
        Sign::Install { .. } | Sign::Download => 3,
        Sign::Progress | Sign::Boot | Sign::Shutdown { .. } => 4,
    }
}

/// How much a code says: an inner code more than one that stands for others.
fn code_weight(hresult: Option<u32>) -> u8 {
    let Some(code) = hresult else {
        return 0;
    };
    // The update handler's wrappers around whatever the installer returned.
    if matches!(code, 0x8024_200b | 0x8024_2016 | 0x8024_2fff) {
        return 1;
    }
    match ResultCode(code).verdict() {
        Verdict::Aggregate
        | Verdict::Secondary
        | Verdict::Cancelled
        | Verdict::Benign
        | Verdict::Pending => 1,
        _ => 2,
    }
}
