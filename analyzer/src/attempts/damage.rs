//! Which failed attempt a broken file belongs to.

use kbwatch_proto::words::{EventResult, Phase};

use super::record::Record;
use super::{Broken, KbAttempts, Stand};

/// A scan after a failure speaks of that failure for at most this long.
const SCAN_AFTER_MS: i64 = 7 * 24 * 3_600_000;

/// Damage may be printed a moment before the attempt's first record.
const BEFORE_MS: i64 = 60_000;

/// Most broken files of one attempt.
const MAX_BROKEN: usize = 64;

/// Whether a record calls a component file broken.
pub(crate) fn is_damage(record: &Record) -> bool {
    let broken = match record.result {
        EventResult::HashMismatch | EventResult::CorruptUnrepaired => true,
        EventResult::Fail => record.phase == Phase::Hydrate,
        _ => false,
    };
    broken && !(record.file.is_empty() && record.component.is_empty())
}

/// Gives every damage record to the failed attempt that it explains: the
/// latest one that had begun.
pub(super) fn attach_damage(records: &[&Record], joined: &mut [KbAttempts]) {
    for record in records.iter().filter(|record| is_damage(record)) {
        let mut best: Option<(i64, usize, usize)> = None;
        for (k, kb) in joined.iter().enumerate() {
            for (a, attempt) in kb.attempts.iter().enumerate() {
                let failed =
                    matches!(attempt.stand, Stand::Closed(outcome) if outcome.is_failure());
                let near = record.at_ms >= attempt.started_at_ms - BEFORE_MS
                    && record.at_ms <= attempt.ended_at_ms + SCAN_AFTER_MS;
                if failed && near && best.is_none_or(|(at, _, _)| at < attempt.started_at_ms) {
                    best = Some((attempt.started_at_ms, k, a));
                }
            }
        }
        let attempt = best
            .and_then(|(_, k, a)| joined.get_mut(k)?.attempts.get_mut(a))
            .filter(|attempt| attempt.broken.len() < MAX_BROKEN);
        if let Some(attempt) = attempt {
            attempt.broken.push(Broken {
                component: record.component.clone(),
                version: record.component_version.clone(),
                arch: record.arch.clone(),
                file: record.file.clone(),
                hash_expected: record.hash_expected.clone(),
                evidence: record.event_id,
            });
        }
    }
}
