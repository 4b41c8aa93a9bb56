//! Where every target of a rollout stands.

use std::collections::BTreeMap;

use crate::attempts::Outcome;
use crate::kb::Build;
use crate::view::RolloutRows;

/// One line of a target list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) device_id: String,
    pub(crate) ring: String,
    /// Taken out by a person.
    pub(crate) excluded: bool,
}

/// What people planned for a target at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Planned {
    /// Somebody answers for its not taking part.
    pub(crate) excused: bool,
    /// Its maintenance window is still to come.
    pub(crate) waits: bool,
}

/// Exclusive states of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TargetState {
    Excluded,
    NoCollector,
    NotApplicable,
    Compliant,
    Excused,
    Silent,
    Failed,
    PendingReboot,
    InProgress,
    WaitingWindow,
    NotOffered,
}

impl TargetState {
    /// The word in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::NoCollector => "no_collector",
            Self::NotApplicable => "not_applicable",
            Self::Compliant => "compliant",
            Self::Excused => "excused",
            Self::Silent => "silent",
            Self::Failed => "failed",
            Self::PendingReboot => "pending_reboot",
            Self::InProgress => "in_progress",
            Self::WaitingWindow => "waiting_window",
            Self::NotOffered => "not_offered",
        }
    }

    /// Whether the release can and should come to the target.
    pub(crate) fn is_reachable(self) -> bool {
        !matches!(self, Self::Excluded | Self::NotApplicable | Self::Excused)
    }
}

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// Its level now.
    pub(crate) level: Option<Build>,
    /// Level from which it complies: the release's, for its family; a revision
    /// of 0 stands for a level that nobody named.
    pub(crate) wanted: Option<Build>,
    /// The release's KB was verified on it, and it is there still.
    pub(crate) verified: bool,
    /// Silent beyond the presence limit.
    pub(crate) silent: bool,
    /// How the latest attempt of the release's KB stands.
    pub(crate) outcome: Option<Outcome>,
}

/// State of a target; `known`: nothing where it was never heard of.
pub(crate) fn state_of(target: &Target, known: Option<Known>, planned: Planned) -> TargetState {
    if target.excluded {
        return TargetState::Excluded;
    }
    let Some(known) = known else {
        return if planned.excused {
            TargetState::Excused
        } else {
            TargetState::NoCollector
        };
    };
    if known.level.is_some() && known.wanted.is_none() {
        return TargetState::NotApplicable;
    }
    // Where the level is not known only a verified attempt counts: every device
    // is past revision 0.
    let at_level = known
        .level
        .zip(known.wanted.filter(|to| to.revision > 0))
        .is_some_and(|(at, to)| at.covers(to));
    if at_level || known.verified {
        return TargetState::Compliant;
    }
    if planned.excused {
        return TargetState::Excused;
    }
    if known.silent {
        return TargetState::Silent;
    }
    match known.outcome {
        Some(Outcome::Failed | Outcome::RolledBack) => TargetState::Failed,
        Some(Outcome::PendingReboot) => TargetState::PendingReboot,
        Some(Outcome::Unknown | Outcome::GoneSilent) => TargetState::InProgress,
        // Called off: nothing is under way, and it must be offered again.
        // Outside of its window it is not late.
        Some(Outcome::Cancelled | Outcome::Succeeded) | None if planned.waits => {
            TargetState::WaitingWindow
        }
        Some(Outcome::Cancelled | Outcome::Succeeded) | None => TargetState::NotOffered,
    }
}

/// Rows of all targets and of each ring; they add up.
pub(crate) fn sum_up<'a>(
    states: impl Iterator<Item = (&'a str, TargetState)>,
) -> (RolloutRows, BTreeMap<String, RolloutRows>) {
    let mut all = RolloutRows::default();
    let mut rings: BTreeMap<String, RolloutRows> = BTreeMap::new();
    for (ring, state) in states {
        count(&mut all, state);
        count(rings.entry(ring.to_owned()).or_default(), state);
    }
    (all, rings)
}

fn count(rows: &mut RolloutRows, state: TargetState) {
    let row = match state {
        TargetState::Excluded => &mut rows.excluded,
        TargetState::NoCollector => &mut rows.no_collector,
        TargetState::NotApplicable => &mut rows.not_applicable,
        TargetState::Compliant => &mut rows.compliant,
        TargetState::Excused => &mut rows.excused,
        TargetState::Silent => &mut rows.silent,
        TargetState::Failed => &mut rows.failed,
        TargetState::PendingReboot => &mut rows.pending_reboot,
        TargetState::InProgress => &mut rows.in_progress,
        TargetState::WaitingWindow => &mut rows.waiting_window,
        TargetState::NotOffered => &mut rows.not_offered,
    };
    *row += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            device_id: "pc-1".into(),
            ring: "ring0".into(),
            excluded: false,
        }
    }

    fn known(level: &str) -> Known {
        Known {
            level: Build::parse(level),
            wanted: Build::parse("17763.3887"),
            ..Known::default()
        }
    }

    fn state(known: Option<Known>) -> TargetState {
        state_of(&target(), known, Planned::default())
    }

    #[test]
    fn who_is_excused_or_waits_for_its_window_is_neither_late_nor_missing() {
        let excused = Planned {
            excused: true,
            waits: true,
        };
        let waits = Planned {
            waits: true,
            ..Planned::default()
        };
        let before = known("17763.3770");
        let failed = Known {
            outcome: Some(Outcome::Failed),
            ..before
        };
        for (known, planned, expected) in [
            (Some(before), waits, TargetState::WaitingWindow),
            (Some(failed), waits, TargetState::Failed),
            (Some(before), excused, TargetState::Excused),
            (Some(failed), excused, TargetState::Excused),
            (None, excused, TargetState::Excused),
            (None, waits, TargetState::NoCollector),
            // Who has it all the same is done.
            (Some(known("17763.3887")), excused, TargetState::Compliant),
        ] {
            assert_eq!(state_of(&target(), known, planned), expected);
        }
    }

    #[test]
    fn a_later_update_complies_too() {
        let later = known("17763.4010");
        assert_eq!(state(Some(later)), TargetState::Compliant);
        let failed_before = Known {
            outcome: Some(Outcome::Failed),
            ..later
        };
        assert_eq!(state(Some(failed_before)), TargetState::Compliant);
    }

    #[test]
    fn without_a_known_level_only_a_verified_attempt_complies() {
        let unknown = Known {
            wanted: Build::parse("17763.0"),
            ..known("17763.3770")
        };
        assert_eq!(state(Some(unknown)), TargetState::NotOffered);
        let verified = Known {
            verified: true,
            ..unknown
        };
        assert_eq!(state(Some(verified)), TargetState::Compliant);
    }

    #[test]
    fn every_target_has_one_row() {
        let rows = [
            (None, TargetState::NoCollector),
            (Some(known("17763.3770")), TargetState::NotOffered),
            (
                Some(Known {
                    outcome: Some(Outcome::Failed),
                    ..known("17763.3770")
                }),
                TargetState::Failed,
            ),
            (
                Some(Known {
                    silent: true,
                    outcome: Some(Outcome::Failed),
                    ..known("17763.3770")
                }),
                TargetState::Silent,
            ),
            (
                Some(Known {
                    wanted: None,
                    ..known("19044.1")
                }),
                TargetState::NotApplicable,
            ),
        ];
        for (known, expected) in rows {
            assert_eq!(state(known), expected);
        }
        let excluded = Target {
            excluded: true,
            ..target()
        };
        assert_eq!(
            state_of(&excluded, None, Planned::default()),
            TargetState::Excluded
        );
    }
}
