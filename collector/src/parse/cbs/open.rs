//! Open events of a CBS log: how long they wait, in which order they close, and
//! from where a restart must read again.

use kbwatch_proto::words::EventResult;

use super::super::pending::Pending;
use super::super::report::Report;
use super::memory::Memory;
use super::{CbsGrammar, MAX_OPEN, PATIENCE, hash, summary};

/// Records within which a session ends after its last verdict: one that
/// installs languages or a rollup writes thousands in between.
const VERDICT_PATIENCE: u64 = 8192;

/// Most verdicts that wait for the ends of their sessions.
const MAX_VERDICTS: usize = 128;

impl CbsGrammar {
    /// Tells what is open as far as it is known.
    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        let Self {
            damages,
            summary,
            row,
            verdicts,
            finding,
            drivers,
            memory,
            ..
        } = self;
        for damage in damages {
            if !memory.was_told(hash::key(damage.scan, &damage.event)) {
                damage.tell_so_far(report);
            }
        }
        let singles = [summary, row, finding];
        for pending in singles.into_iter().flatten() {
            if summary::is_worth_telling(&pending.event) {
                pending.tell_so_far(report);
            }
        }
        for pending in verdicts.iter_mut().chain(drivers) {
            pending.tell_so_far(report);
        }
    }

    /// Tells what is open for the last time.
    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        self.close_damages(report);
        self.close_delta(report);
        self.close_row(report);
        self.close_summary(report);
        self.close_finding(report);
        self.close_orphan(report);
        for pending in self.verdicts.drain(..).chain(self.drivers.drain(..)) {
            pending.close(report);
        }
        self.rebuilding = None;
    }

    /// Start of the oldest record that a restart must read again. The current
    /// record always counts: its continuation lines may still come.
    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        let open = self.all_open().map(|pending| pending.start).min();
        if self.record.ordinal == 0 {
            return open;
        }
        Some(open.map_or(self.record.start, |start| start.min(self.record.start)))
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        let oldest = self.all_open().min_by_key(|pending| pending.start);
        let scan = oldest.map_or(self.memory.scan, |pending| pending.scan);
        serde_json::to_value(self.memory.as_of(scan)).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        let memory: Memory = serde_json::from_value(memory).unwrap_or_default();
        self.memory = memory.recalled();
    }

    pub(super) fn all_open(&self) -> impl Iterator<Item = &Pending> {
        self.damages
            .iter()
            .chain(&self.delta)
            .chain(&self.summary)
            .chain(&self.row)
            .chain(&self.verdicts)
            .chain(&self.orphan)
            .chain(&self.finding)
            .chain(&self.drivers)
    }

    /// Whether a new head ends something, or something has waited too long.
    #[inline]
    pub(super) fn is_impatient(&self) -> bool {
        self.record.ordinal > self.patient_until
            || self.row.is_some()
            || self.finding.is_some()
            || !self.damages.is_empty()
    }

    /// Closes what a new head ends, and what has waited too long.
    #[inline(never)]
    pub(super) fn lose_patience(&mut self, report: &mut Report<'_>) {
        let now = self.record.ordinal;
        let stale = |pending: &Pending| now - pending.born > PATIENCE;
        self.close_row(report);
        self.close_complete_damages(report);
        if self.damages.iter().any(stale) {
            self.close_damages(report);
        }
        if self.delta.as_ref().is_some_and(stale) {
            self.close_delta(report);
        }
        if self.summary.as_ref().is_some_and(stale) {
            self.close_summary(report);
        }
        if self
            .finding
            .as_ref()
            .is_some_and(|open| now - open.born > 1)
        {
            self.close_finding(report);
        }
        if self.orphan.as_ref().is_some_and(stale) {
            self.close_orphan(report);
        }
        while self.drivers.first().is_some_and(stale) {
            self.drivers.remove(0).close(report);
        }
        let waited = |verdict: &Pending| now > verdict_waits_until(verdict);
        while self.verdicts.first().is_some_and(waited) {
            close_undecided(self.verdicts.remove(0), report);
        }
        if now > self.patient_until {
            self.patient_until = self.waits_until();
        }
    }

    /// Keeps a verdict until its session ends.
    pub(super) fn push_verdict(&mut self, verdict: Pending, report: &mut Report<'_>) {
        push_verdict(&mut self.verdicts, verdict, report);
        self.verdicts_moved_up();
    }

    /// The verdict that is the oldest now may have waited too long already.
    pub(super) fn verdicts_moved_up(&mut self) {
        self.patient_until = 0;
    }

    /// Number of the last record for which all that is open waits, and all that
    /// opens from now on; what a new head ends is not waited for.
    fn waits_until(&self) -> u64 {
        let singles = [&self.delta, &self.summary, &self.orphan];
        let open = singles.into_iter().flatten().chain(self.drivers.first());
        let verdict = self.verdicts.first();
        open.map(|open| open.born + PATIENCE)
            .chain(verdict.map(verdict_waits_until))
            .fold(self.record.ordinal + PATIENCE, u64::min)
    }
}

/// Number of the last record for which a verdict waits. Only of a package that
/// was not refused is something still to be said.
fn verdict_waits_until(verdict: &Pending) -> u64 {
    let is_open = verdict.event.result == EventResult::Success;
    verdict.born + if is_open { VERDICT_PATIENCE } else { PATIENCE }
}

/// Keeps verdicts until their session ends, of a few sessions at a time; the
/// oldest give way undecided.
fn push_verdict(open: &mut Vec<Pending>, verdict: Pending, report: &mut Report<'_>) {
    let is_first = |at: &usize| {
        let id = &open[*at].event.session_id;
        open[..*at]
            .iter()
            .all(|other| other.event.session_id != *id)
    };
    let sessions = (0..open.len()).filter(is_first).count();
    let goes_on = |open: &Pending| open.event.session_id == verdict.event.session_id;
    if sessions == MAX_OPEN && !open.iter().any(goes_on) {
        let oldest = open[0].event.session_id.clone();
        while let Some(at) = open.iter().position(|open| open.event.session_id == oldest) {
            close_undecided(open.remove(at), report);
        }
    } else if open.len() == MAX_VERDICTS {
        close_undecided(open.remove(0), report);
    }
    open.push(verdict);
}

/// A verdict whose session did not end in sight: a package that was not refused
/// may still owe a reboot, so nothing says that it is in use. The end of the log
/// is no such case: what it last says stands.
fn close_undecided(mut verdict: Pending, report: &mut Report<'_>) {
    if verdict.event.result == EventResult::Success {
        verdict.enrich(|event| event.result = EventResult::Info);
    }
    verdict.close(report);
}

/// Keeps a family of open events small: the oldest is told.
pub(super) fn push_open(open: &mut Vec<Pending>, pending: Pending, report: &mut Report<'_>) {
    if open.len() == MAX_OPEN {
        open.remove(0).close(report);
    }
    open.push(pending);
}
