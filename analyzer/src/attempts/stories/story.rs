//! Tells the records of one device, as the logs of a real one would.

use std::collections::HashSet;

use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use super::{HOUR, MINUTE, NOW, PACKAGE};
use crate::attempts::{
    Attempt, Clock, KbAttempts, Knowledge, Level, Outcome, Record, join, settle,
};
use crate::kb::{Build, KbTable};

/// Records of one device, in any order.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    pub(super) records: Vec<Record>,
    pub(super) levels: Vec<Level>,
    kb: &'static str,
}

impl Story {
    pub(super) fn of(kb: &'static str) -> Self {
        Self {
            kb,
            ..Self::default()
        }
    }

    pub(super) fn record(&mut self, at_ms: i64, phase: Phase, result: EventResult) -> &mut Record {
        let number = self.records.len() as u128 + 1;
        self.records.push(Record {
            event_id: EventId(number.to_be_bytes()),
            source_kind: SourceKind::EventLog,
            phase,
            result,
            at_ms,
            ..Record::default()
        });
        self.records.last_mut().unwrap()
    }

    /// A record of the update agent.
    pub(super) fn agent(
        mut self,
        at_ms: i64,
        phase: Phase,
        result: EventResult,
        code: Option<u32>,
    ) -> Self {
        let kb = self.kb;
        let record = self.record(at_ms, phase, result);
        record.kb = kb.into();
        record.title = format!("2023-01 Cumulative Update ({kb})");
        record.source = "Microsoft-Windows-WindowsUpdateClient".into();
        record.hresult = code;
        self
    }

    /// A record of servicing's own channel.
    pub(super) fn servicing(mut self, at_ms: i64, result: EventResult, code: Option<u32>) -> Self {
        let kb = self.kb;
        let record = self.record(at_ms, Phase::Install, result);
        record.kb = kb.into();
        record.target_state = "Installed".into();
        record.source = "Microsoft-Windows-Servicing".into();
        record.hresult = code;
        self
    }

    /// A verdict of CBS.log, which prints whole seconds and only the package.
    pub(super) fn cbs(mut self, at_ms: i64, result: EventResult, code: Option<u32>) -> Self {
        let record = self.record(at_ms / 1_000 * 1_000, Phase::Install, result);
        record.source_kind = SourceKind::Cbs;
        record.package = PACKAGE.into();
        record.hresult = code;
        self
    }

    pub(super) fn power(mut self, at_ms: i64, detail: &str) -> Self {
        let record = self.record(at_ms, Phase::RebootCommit, EventResult::Info);
        record.detail = detail.into();
        self
    }

    pub(super) fn begins(self, at: i64) -> Self {
        self.agent(at, Phase::Download, EventResult::Start, None)
            .agent(at + MINUTE, Phase::Download, EventResult::Success, None)
            .agent(at + 2 * MINUTE, Phase::Install, EventResult::Start, None)
            .servicing(at + 3 * MINUTE, EventResult::Start, None)
            .cbs(at + 3 * MINUTE, EventResult::Start, None)
    }

    pub(super) fn fails(self, at: i64, code: u32) -> Self {
        self.begins(at)
            .cbs(at + 10 * MINUTE, EventResult::Fail, Some(code))
            .servicing(at + 10 * MINUTE + 900, EventResult::Fail, Some(code))
            .agent(
                at + 11 * MINUTE,
                Phase::Install,
                EventResult::Fail,
                Some(code),
            )
    }

    pub(super) fn pends(self, at: i64) -> Self {
        self.begins(at)
            .cbs(at + 10 * MINUTE, EventResult::Success, Some(0))
            .servicing(at + 10 * MINUTE + 900, EventResult::PendingReboot, Some(0))
    }

    pub(super) fn reboots(self, at: i64) -> Self {
        self.power(at, "event log stopped")
            .power(at + MINUTE, "event log started")
    }

    pub(super) fn succeeds(self, at: i64) -> Self {
        self.pends(at)
            .reboots(at + 20 * MINUTE)
            .servicing(at + 22 * MINUTE, EventResult::Success, Some(0))
            .agent(at + 23 * MINUTE, Phase::Install, EventResult::Success, None)
    }

    pub(super) fn level(mut self, at_ms: i64, revision: u32) -> Self {
        self.levels.push(Level {
            observed_at_ms: at_ms,
            build: Build {
                family: 17763,
                revision,
            },
        });
        self
    }

    pub(super) fn told(&self) -> Vec<KbAttempts> {
        let knowledge = Knowledge {
            kbs: &KbTable::shipped(),
            ignored: &HashSet::new(),
        };
        join(&self.records, &self.levels, knowledge)
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let mut told = self.told();
        assert!(told.len() <= 1, "{told:?}");
        told.pop().map_or_else(Vec::new, |kb| kb.attempts)
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let clock = Clock {
            now_ms: NOW,
            last_heard_ms: Some(NOW),
            gone_silent_ms: 4 * HOUR,
        };
        self.attempts()
            .iter()
            .map(|attempt| settle(attempt, clock))
            .collect()
    }
}
