//! What a device's attempts still tell, and of which moment.

use super::{Standing, ending_of};
use crate::attempts::{Attempt, KbAttempts, Level, Outcome, Stand};
use crate::facts::{Facts, Words};
use crate::find::Ending;
use crate::fleet::Device;

/// The failure of a device that is silent for longer holds nothing up: longer
/// than the longest holidays.
const EVIDENCE_LASTS_MS: i64 = 14 * 24 * 3_600_000;

impl<'a> Standing<'a> {
    /// The attempt before which facts count for an ending: the first that
    /// failed so, else the latest closed one. What was done to a device since it
    /// failed is no part of what made it fail.
    pub(crate) fn telling(&self, ending: Ending) -> &'a Attempt {
        let first = self.failures(ending).last();
        let closed = || self.closed().map(|(attempt, _)| attempt);
        first.or_else(closed).unwrap_or(self.latest.0)
    }

    /// Facts from before that attempt.
    pub(crate) fn facts_before(&self, ending: Ending, words: &Words) -> Facts {
        let attempt = self.telling(ending);
        self.device.facts_before(attempt.started_at_ms, words)
    }

    /// Not heard of for so long that its failure tells nothing of today.
    pub(crate) fn has_expired(&self, now_ms: i64) -> bool {
        let heard = self.device.last_heard_ms;
        heard.is_some_and(|heard| now_ms - heard > EVIDENCE_LASTS_MS)
    }

    /// Since when it fails so without a success in between.
    pub(crate) fn failing_since(&self, ending: Ending) -> Option<i64> {
        let latest_first = self.attempts.iter().rev();
        latest_first
            .take_while(|(_, outcome)| *outcome != Outcome::Succeeded)
            .filter(|(attempt, outcome)| outcome.is_failure() && ending_of(attempt) == ending)
            .map(|(attempt, _)| attempt.ended_at_ms)
            .min()
    }
}

/// Whether a success is gone again: the device read a level below the update
/// since, as an older image brings it; or, where no level tells, the update was
/// removed, and by no later one of its kind.
pub(super) fn taken_back(
    device: &Device,
    kb: &KbAttempts,
    (attempt, outcome): (&Attempt, Outcome),
    level: Option<Level>,
) -> bool {
    if outcome != Outcome::Succeeded {
        return false;
    }
    let done_ms = attempt.ended_at_ms;
    if let Some((level, build)) = level.zip(kb.build)
        && level.build.same_family(build)
    {
        return level.is_well_after(done_ms) && !level.build.covers(build);
    }
    if kb.removed_at_ms.is_none_or(|at_ms| at_ms <= done_ms) {
        return false;
    }
    let followed = device.kbs.iter().any(|other| {
        let mut later = other.attempts.iter();
        other.kind == kb.kind
            && other.kb != kb.kb
            && later.any(|one| {
                one.ended_at_ms >= done_ms && one.stand == Stand::Closed(Outcome::Succeeded)
            })
    });
    !followed
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::board::{Frame, boards};
    use crate::fleet::Fleet;
    use crate::fleet::samples::succeeded;
    use crate::kb::Build;

    const HOUR_MS: i64 = 3_600_000;

    /// Whether the success of hour 1 is gone, of a device that stated this level
    /// at this hour.
    fn is_gone(
        level: Option<(&str, i64)>,
        build: Option<&str>,
        removed_at_ms: Option<i64>,
    ) -> bool {
        let mut fleet = Fleet::default().with("pc-1", &[], vec![succeeded(HOUR_MS)]);
        let device = &mut fleet.devices[0];
        device.kbs[0].build = build.and_then(Build::parse);
        device.kbs[0].removed_at_ms = removed_at_ms;
        if let Some((ubr, hour)) = level {
            let facts = fleet
                .words
                .facts([("os_build", "17763"), ("ubr", ubr)].into_iter());
            fleet.devices[0].take_facts(hour * HOUR_MS, facts);
        }
        let rings = HashMap::new();
        let frame = Frame {
            now_ms: 100 * HOUR_MS,
            gone_silent_ms: HOUR_MS,
            rings: &rings,
        };
        boards(&fleet, frame)[0].standings[0].taken_back
    }

    #[test]
    fn a_lower_level_read_later_ends_a_success() {
        let build = Some("17763.3887");
        assert!(is_gone(Some(("3770", 9)), build, None));
        assert!(!is_gone(Some(("3887", 9)), build, None));
        // Read about when it succeeded, it may be the one before.
        assert!(!is_gone(Some(("3770", 1)), build, None));
        assert!(!is_gone(None, build, None));
    }

    #[test]
    fn where_no_level_tells_a_removal_ends_a_success() {
        assert!(is_gone(None, None, Some(9 * HOUR_MS)));
        assert!(is_gone(Some(("3770", 9)), None, Some(9 * HOUR_MS)));
        assert!(!is_gone(None, None, Some(HOUR_MS / 2)));
        // The level has the last word.
        let build = Some("17763.3887");
        assert!(!is_gone(Some(("3887", 9)), build, Some(5 * HOUR_MS)));
    }

    #[test]
    fn one_clock_that_is_wrong_by_months_dates_no_update() {
        let mut fleet = Fleet::default();
        for number in 0..200 {
            let at_ms = if number == 7 { 100 } else { 1_000_000 + number };
            fleet = fleet.with(&format!("pc-{number}"), &[], vec![succeeded(at_ms)]);
        }
        let rings = HashMap::new();
        let frame = Frame {
            now_ms: 2_000_000,
            gone_silent_ms: HOUR_MS,
            rings: &rings,
        };
        assert!(boards(&fleet, frame)[0].first_started_ms > 900_000);
    }
}
