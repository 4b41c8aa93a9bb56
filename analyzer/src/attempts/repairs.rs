//! When somebody repaired the component store: `RestoreHealth`, by whichever log
//! tells of it; and when superseded payload was cleaned away.

use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase};

use super::record::Record;

/// Records of one repair lie closer together than this.
const SAME_MS: i64 = 2 * 3_600_000;

/// Most evidence ids of one repair.
const MAX_EVIDENCE: usize = 4;

/// One repair of the component store, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repair {
    /// Its first record.
    pub(crate) begun_at_ms: i64,
    /// Its last one.
    pub(crate) ended_at_ms: i64,
    /// Records that tell of it, the first ones.
    pub(crate) evidence: Vec<EventId>,
}

/// Repairs in time order; the order of arrival and repeated records change
/// nothing.
pub(crate) fn repairs(records: &[Record]) -> Vec<Repair> {
    let of_repair = |record: &&Record| {
        let told = record.result != EventResult::NotApplicable;
        record.phase == Phase::CorruptionRepair && told
    };
    let mut told: Vec<(i64, EventId)> = records
        .iter()
        .filter(of_repair)
        .map(|record| (record.at_ms, record.event_id))
        .collect();
    told.sort_unstable();
    told.dedup();
    let mut repairs: Vec<Repair> = Vec::new();
    for (at_ms, id) in told {
        match repairs.last_mut() {
            Some(last) if at_ms - last.ended_at_ms <= SAME_MS => {
                last.ended_at_ms = at_ms;
                if last.evidence.len() < MAX_EVIDENCE {
                    last.evidence.push(id);
                }
            }
            _ => repairs.push(Repair {
                begun_at_ms: at_ms,
                ended_at_ms: at_ms,
                evidence: vec![id],
            }),
        }
    }
    repairs
}

/// When superseded payload was last cleaned away by a command. Of servicing's own
/// upkeep nothing else is read.
pub(crate) fn cleaned_at(records: &[Record]) -> Option<i64> {
    let cleanups = records
        .iter()
        .filter(|record| record.phase == Phase::Maintenance && record.result == EventResult::Start);
    cleanups.map(|record| record.at_ms).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cleanup_by_command_is_remembered() {
        let told = |phase, result, at_ms| Record {
            phase,
            result,
            at_ms,
            ..Record::default()
        };
        let records = [
            told(Phase::Maintenance, EventResult::Start, 20),
            told(Phase::Maintenance, EventResult::Start, 10),
            told(Phase::CorruptionRepair, EventResult::Start, 30),
        ];
        assert_eq!(cleaned_at(&records), Some(20));
        assert_eq!(cleaned_at(&records[2..]), None);
    }

    #[test]
    fn records_of_one_repair_are_one_and_those_of_the_next_day_another() {
        let told = |number: u8, hours: i64| Record {
            event_id: EventId([number; 16]),
            phase: Phase::CorruptionRepair,
            at_ms: hours * 3_600_000,
            ..Record::default()
        };
        let records = [told(1, 1), told(2, 2), told(1, 1), told(3, 26)];
        let mut shuffled = records.clone();
        shuffled.reverse();
        let found = repairs(&records);
        assert_eq!(found, repairs(&shuffled));
        let begun: Vec<i64> = found
            .iter()
            .map(|one| one.begun_at_ms / 3_600_000)
            .collect();
        assert_eq!((begun, found[0].evidence.len()), (vec![1, 26], 2));
    }
}
