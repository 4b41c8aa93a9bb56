//! The analyzer over a fleet in memory: the same joining, finding, judging and
//! telling as in a cycle, without a database.
//!
//! Nothing here decides anything; it only stands where the loader stands. So
//! what a rehearsal shows is what the running analyzer would have shown.

use std::collections::HashSet;

use crate::attempts::{KbAttempts, Knowledge, Record};
use crate::config::AnalyzerConfig;
use crate::fleet::Fleet;
use crate::kb::KbTable;
use crate::keep::DepotRow;
use crate::load::memory::{Declared, Memory};
use crate::look::Look;
use crate::pipeline::Mind;
use crate::remedy::Depot;
use crate::view::View;

/// An analyzer without a database.
pub struct Rehearsal {
    config: AnalyzerConfig,
    ignored: HashSet<String>,
    fleet: Fleet,
    kbs: KbTable,
    mind: Mind,
    declared: Declared,
    birth_ms: i64,
}

impl Rehearsal {
    /// Opens with an empty memory; `birth_ms`: since when data are stored.
    pub fn open(config: AnalyzerConfig, birth_ms: i64) -> Self {
        Self {
            ignored: config.ignored_kbs.iter().cloned().collect(),
            fleet: Fleet::default(),
            kbs: KbTable::shipped(),
            mind: Mind::remember(&config, Memory::default()),
            declared: Declared::default(),
            birth_ms,
            config,
        }
    }

    /// Declares a share to repair from.
    pub fn declare(&mut self, share: Depot) {
        self.declared.depots.push(DepotRow {
            name: share.name,
            path: share.path,
            build: share.build,
            edition: share.edition,
            language: share.language,
            arch: share.arch,
            revised_at: self.birth_ms,
            gone: 0,
        });
    }

    /// A device says what it is; revisions come in order of reading.
    pub fn facts<'a>(
        &mut self,
        device_id: &str,
        observed_at_ms: i64,
        facts: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let facts = self.fleet.words.facts(facts);
        let number = self.fleet.number(device_id);
        if let Some(device) = self.fleet.devices.get_mut(number) {
            device.take_facts(observed_at_ms, facts);
        }
    }

    /// A device was heard of.
    pub fn heard(&mut self, device_id: &str, at_ms: i64) {
        let number = self.fleet.number(device_id);
        if let Some(device) = self.fleet.devices.get_mut(number) {
            device.last_heard_ms = device.last_heard_ms.max(Some(at_ms));
        }
    }

    /// All records of a device that are stored by now.
    pub fn records(&mut self, device_id: &str, records: &[Record]) {
        let number = self.fleet.number(device_id);
        let knowledge = Knowledge {
            kbs: &self.kbs,
            ignored: &self.ignored,
        };
        self.fleet.take_records(number, records, knowledge);
    }

    /// The attempts that were made of a device's records.
    pub fn attempts(&self, device_id: &str) -> &[KbAttempts] {
        self.fleet.find(device_id).map_or(&[], |device| &device.kbs)
    }

    /// Looks once.
    pub fn look(&mut self, now_ms: i64) -> View {
        let look = Look {
            config: &self.config,
            fleet: &self.fleet,
            kbs: &self.kbs,
            declared: &self.declared,
            birth_ms: Some(self.birth_ms),
            data_at_ms: now_ms,
            now_ms,
        };
        look.at_everything(&mut self.mind)
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::ids::EventId;
    use kbwatch_proto::words::{EventResult, Phase, SourceKind};

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn failure(device: u8, at_ms: i64) -> Record {
        Record {
            event_id: EventId([device; 16]),
            source_kind: SourceKind::EventLog,
            phase: Phase::Install,
            result: EventResult::Fail,
            at_ms,
            hresult: Some(0x800f_0985),
            kb: "KB5022286".into(),
            title: "2023-01 Cumulative Update (KB5022286)".into(),
            ..Record::default()
        }
    }

    #[test]
    fn a_fleet_in_memory_is_judged_as_one_that_was_loaded() {
        let mut rehearsal = Rehearsal::open(AnalyzerConfig::default(), 0);
        for device in 1..=40u8 {
            let id = format!("pc-{device}");
            let facts = [("branch", id.as_str()), ("image", "a")];
            rehearsal.facts(&id, HOUR, facts.into_iter());
            rehearsal.heard(&id, 100 * HOUR);
            rehearsal.records(&id, &[failure(device, 99 * HOUR)]);
        }
        let view = rehearsal.look(100 * HOUR);
        assert_eq!(view.clusters.len(), 1);
        assert_eq!(view.clusters[0].failed, 40);
        assert_eq!(rehearsal.attempts("pc-7").len(), 1);
    }
}
