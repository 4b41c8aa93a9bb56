//! The fleet as it is held in memory between cycles: who there is, what each
//! said of itself, and its attempts.

#[cfg(test)]
pub(crate) mod samples;

use std::collections::HashMap;
use std::sync::Arc;

use kbwatch_proto::identity::DROPPED_PREFIX;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::EventResult;

use crate::attempts::{
    Clock, KbAttempts, Knowledge, Level, MAX_EVIDENCE, Outcome, Record, Repair, Stand, cleaned_at,
    is_damage, join, repairs, switched_off_at,
};
use crate::facts::{Facts, FactsRevision, Words};
use crate::kb::Build;

/// One endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    /// Identity, lower case.
    pub id: Arc<str>,
    /// Revisions of its facts, oldest first.
    pub facts: Vec<FactsRevision>,
    /// When it was last heard of, by the gateway's clock.
    pub last_heard_ms: Option<i64>,
    /// Its attempts, KB by KB.
    pub kbs: Vec<KbAttempts>,
    /// Latest sign of damage in its component store that no repair followed.
    pub corrupt_at_ms: Option<i64>,
    /// Records of that damage, newest first, [`MAX_EVIDENCE`] at most.
    pub corrupt_evidence: Vec<EventId>,
    /// Repairs of its component store, in time order.
    pub repairs: Vec<Repair>,
    /// When superseded payload was last cleaned away, by command.
    pub cleaned_at_ms: Option<i64>,
    /// When it was asked to stay off, if no start followed.
    pub off_at_ms: Option<i64>,
    /// Update events stored, each counted once.
    pub events: u64,
}

/// A device that is asked to stay off speaks this much longer at most: its
/// heartbeats are 10 minutes apart.
const LAST_WORDS_MS: i64 = 15 * 60_000;

/// Facts that an update itself changes: what is read after an attempt says
/// nothing of the time before.
const VOLATILE: [&str; 5] = [
    "ubr",
    "os_build",
    "pending_reboot",
    "free_disk_gb",
    "last_boot",
];

impl Device {
    /// Whether it is part of the fleet; logs that somebody dropped are not.
    pub(crate) fn counts(&self) -> bool {
        !self.id.starts_with(DROPPED_PREFIX)
    }

    /// Its attempts of `kb`.
    pub(crate) fn kb(&self, kb: &str) -> Option<&KbAttempts> {
        self.kbs.iter().find(|attempts| attempts.kb == kb)
    }

    /// Switched off when it was last heard of: nothing came after the request
    /// but what was under way.
    pub(crate) fn is_off(&self) -> bool {
        let off = self.off_at_ms.zip(self.last_heard_ms);
        off.is_some_and(|(off_ms, heard_ms)| heard_ms <= off_ms + LAST_WORDS_MS)
    }

    /// What it says of itself now.
    pub(crate) fn facts_now(&self) -> Option<&Facts> {
        self.facts.last().map(|revision| &revision.facts)
    }

    /// Its level now.
    pub(crate) fn level_now(&self, words: &Words) -> Option<Build> {
        self.facts_now().and_then(|facts| level(facts, words))
    }

    /// The level that it stated last, and when.
    pub(crate) fn last_level(&self, words: &Words) -> Option<Level> {
        let observed_at_ms = self.facts.last()?.confirmed_at_ms;
        let build = self.level_now(words)?;
        Some(Level {
            observed_at_ms,
            build,
        })
    }

    /// Every level that it stated.
    pub(crate) fn levels(&self, words: &Words) -> Vec<Level> {
        let mut levels = Vec::with_capacity(2 * self.facts.len());
        for revision in &self.facts {
            let Some(build) = level(&revision.facts, words) else {
                continue;
            };
            for observed_at_ms in [revision.observed_at_ms, revision.confirmed_at_ms] {
                levels.push(Level {
                    observed_at_ms,
                    build,
                });
            }
        }
        levels.dedup();
        levels
    }

    /// Facts as of before `at_ms`.
    ///
    /// A device that was first asked after that moment lends its later facts,
    /// without those that an update changes: they would explain every success.
    pub(crate) fn facts_before(&self, at_ms: i64, words: &Words) -> Facts {
        let before = self.facts.iter().rev().find(|r| r.observed_at_ms <= at_ms);
        if let Some(revision) = before {
            return Arc::clone(&revision.facts);
        }
        let Some(first) = self.facts.first() else {
            return Arc::from([]);
        };
        let volatile: Vec<_> = VOLATILE.iter().filter_map(|key| words.find(key)).collect();
        let mut pairs: Vec<_> = first.facts.iter().copied().collect();
        pairs.retain(|(key, _)| !volatile.contains(key));
        if let Some(build) = self.level_by_history(at_ms) {
            let revision = (words.find("ubr"), words.find(&build.revision.to_string()));
            let family = (
                words.find("os_build"),
                words.find(&build.family.to_string()),
            );
            pairs.extend(revision.0.zip(revision.1));
            pairs.extend(family.0.zip(family.1));
            pairs.sort_unstable();
        }
        Arc::from(pairs)
    }

    /// Level that the verified updates before `at_ms` had brought.
    fn level_by_history(&self, at_ms: i64) -> Option<Build> {
        let succeeded = self.kbs.iter().filter(|kb| {
            kb.attempts.iter().any(|attempt| {
                attempt.ended_at_ms <= at_ms && attempt.stand == Stand::Closed(Outcome::Succeeded)
            })
        });
        succeeded.filter_map(|kb| kb.build).max()
    }

    /// Takes the next revision of its facts, in order of reading.
    pub(crate) fn take_facts(&mut self, observed_at_ms: i64, facts: Facts) {
        match self.facts.last_mut() {
            Some(last) if last.facts == facts => last.confirmed_at_ms = observed_at_ms,
            _ => self.facts.push(FactsRevision {
                observed_at_ms,
                confirmed_at_ms: observed_at_ms,
                facts,
            }),
        }
    }

    /// The clock for its attempts.
    pub(crate) fn clock(&self, now_ms: i64, gone_silent_ms: i64) -> Clock {
        Clock {
            now_ms,
            last_heard_ms: self.last_heard_ms,
            gone_silent_ms,
        }
    }
}

/// Latest sign of damage that no whole repair and no verified update followed,
/// and the records since the last such that say so.
fn corrupt_at(device: &Device, records: &[Record]) -> (Option<i64>, Vec<EventId>) {
    let flagged = |r: &&Record| is_damage(r) || r.result == EventResult::StoreMarkedCorrupt;
    let mended = records.iter().filter(|r| r.result == EventResult::Repaired);
    let mended = mended.map(|record| record.at_ms).max();
    let verified = device.kbs.iter().flat_map(|kb| &kb.attempts);
    let verified = verified
        .filter(|a| a.stand == Stand::Closed(Outcome::Succeeded))
        .map(|attempt| attempt.ended_at_ms)
        .max();
    let healed = mended.max(verified);
    let since = |r: &&Record| healed.is_none_or(|at| at <= r.at_ms);
    let mut damaged: Vec<&Record> = records.iter().filter(flagged).filter(since).collect();
    damaged.sort_by_key(|record| std::cmp::Reverse((record.at_ms, record.event_id)));
    let newest = damaged.first().map(|record| record.at_ms);
    let evidence = damaged.iter().take(MAX_EVIDENCE);
    (newest, evidence.map(|record| record.event_id).collect())
}

/// Build and UBR in a revision of facts.
fn level(facts: &Facts, words: &Words) -> Option<Build> {
    Some(Build {
        family: words.value(facts, "os_build").parse().ok()?,
        revision: words.value(facts, "ubr").parse().ok()?,
    })
}

/// All endpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    /// Every distinct text of facts.
    pub words: Words,
    /// Devices in order of first sight.
    pub devices: Vec<Device>,
    numbers: HashMap<Arc<str>, usize>,
}

impl Fleet {
    /// Number of `device_id`, made if it is new.
    pub(crate) fn number(&mut self, device_id: &str) -> usize {
        if let Some(number) = self.numbers.get(device_id) {
            return *number;
        }
        let id: Arc<str> = Arc::from(device_id);
        let number = self.devices.len();
        self.devices.push(Device {
            id: Arc::clone(&id),
            ..Device::default()
        });
        self.numbers.insert(id, number);
        number
    }

    /// Takes all records of a device and joins them anew.
    pub(crate) fn take_records(
        &mut self,
        number: usize,
        records: &[Record],
        knowledge: Knowledge<'_>,
    ) {
        let words = &self.words;
        let Some(device) = self.devices.get_mut(number) else {
            return;
        };
        device.kbs = join(records, &device.levels(words), knowledge);
        (device.corrupt_at_ms, device.corrupt_evidence) = corrupt_at(device, records);
        device.repairs = repairs(records);
        device.cleaned_at_ms = cleaned_at(records);
        device.off_at_ms = switched_off_at(records);
    }

    /// The device of that name.
    pub(crate) fn find(&self, device_id: &str) -> Option<&Device> {
        self.devices.get(*self.numbers.get(device_id)?)
    }
}
