//! Stories of single devices, and what must be made of them.

use std::collections::HashSet;

use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, SourceKind};
use proptest::prelude::*;

use super::{Attempt, Clock, KbAttempts, Knowledge, Level, Outcome, Record, Stand, join, settle};
use crate::kb::{Build, KbTable};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 100 * DAY;
const KB: &str = "KB5022286";
const PACKAGE: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
const REVERSE_DELTA: u32 = 0x800f_0985;

/// Records of one device, in any order.
#[derive(Debug, Clone, Default)]
struct Story {
    records: Vec<Record>,
    levels: Vec<Level>,
    kb: &'static str,
}

impl Story {
    fn of(kb: &'static str) -> Self {
        Self {
            kb,
            ..Self::default()
        }
    }

    fn record(&mut self, at_ms: i64, phase: Phase, result: EventResult) -> &mut Record {
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
    fn agent(mut self, at_ms: i64, phase: Phase, result: EventResult, code: Option<u32>) -> Self {
        let kb = self.kb;
        let record = self.record(at_ms, phase, result);
        record.kb = kb.into();
        record.title = format!("2023-01 Cumulative Update ({kb})");
        record.source = "Microsoft-Windows-WindowsUpdateClient".into();
        record.hresult = code;
        self
    }

    /// A record of servicing's own channel.
    fn servicing(mut self, at_ms: i64, result: EventResult, code: Option<u32>) -> Self {
        let kb = self.kb;
        let record = self.record(at_ms, Phase::Install, result);
        record.kb = kb.into();
        record.target_state = "Installed".into();
        record.source = "Microsoft-Windows-Servicing".into();
        record.hresult = code;
        self
    }

    /// A verdict of CBS.log, which prints whole seconds and only the package.
    fn cbs(mut self, at_ms: i64, result: EventResult, code: Option<u32>) -> Self {
        let record = self.record(at_ms / 1_000 * 1_000, Phase::Install, result);
        record.source_kind = SourceKind::Cbs;
        record.package = PACKAGE.into();
        record.hresult = code;
        self
    }

    fn power(mut self, at_ms: i64, detail: &str) -> Self {
        let record = self.record(at_ms, Phase::RebootCommit, EventResult::Info);
        record.detail = detail.into();
        self
    }

    fn begins(self, at: i64) -> Self {
        self.agent(at, Phase::Download, EventResult::Start, None)
            .agent(at + MINUTE, Phase::Download, EventResult::Success, None)
            .agent(at + 2 * MINUTE, Phase::Install, EventResult::Start, None)
            .servicing(at + 3 * MINUTE, EventResult::Start, None)
            .cbs(at + 3 * MINUTE, EventResult::Start, None)
    }

    fn fails(self, at: i64, code: u32) -> Self {
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

    fn pends(self, at: i64) -> Self {
        self.begins(at)
            .cbs(at + 10 * MINUTE, EventResult::Success, Some(0))
            .servicing(at + 10 * MINUTE + 900, EventResult::PendingReboot, Some(0))
    }

    fn reboots(self, at: i64) -> Self {
        self.power(at, "event log stopped")
            .power(at + MINUTE, "event log started")
    }

    fn succeeds(self, at: i64) -> Self {
        self.pends(at)
            .reboots(at + 20 * MINUTE)
            .servicing(at + 22 * MINUTE, EventResult::Success, Some(0))
            .agent(at + 23 * MINUTE, Phase::Install, EventResult::Success, None)
    }

    fn level(mut self, at_ms: i64, revision: u32) -> Self {
        self.levels.push(Level {
            observed_at_ms: at_ms,
            build: Build {
                family: 17763,
                revision,
            },
        });
        self
    }

    fn told(&self) -> Vec<KbAttempts> {
        let knowledge = Knowledge {
            kbs: &KbTable::shipped(),
            ignored: &HashSet::new(),
        };
        join(&self.records, &self.levels, knowledge)
    }

    fn attempts(&self) -> Vec<Attempt> {
        let mut told = self.told();
        assert!(told.len() <= 1, "{told:?}");
        told.pop().map_or_else(Vec::new, |kb| kb.attempts)
    }

    fn outcomes(&self) -> Vec<Outcome> {
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

#[test]
fn one_failure_told_by_three_logs_is_one_attempt() {
    let attempts = Story::of(KB).fails(NOW - HOUR, REVERSE_DELTA).attempts();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].stand, Stand::Closed(Outcome::Failed));
    assert_eq!(attempts[0].hresult, Some(REVERSE_DELTA));
    assert_eq!(attempts[0].phase, Phase::Install);
    assert_eq!(attempts[0].started_at_ms, NOW - HOUR);
    assert_eq!(attempts[0].ended_at_ms, NOW - HOUR + 11 * MINUTE);
    assert_eq!(attempts[0].evidence.len(), 8);
}

#[test]
fn a_retry_is_a_second_attempt() {
    let story = Story::of(KB)
        .fails(NOW - DAY, 0x8007_0070)
        .succeeds(NOW - 5 * HOUR);
    assert_eq!(story.outcomes(), [Outcome::Failed, Outcome::Succeeded]);
}

#[test]
fn many_retries_are_as_many_attempts() {
    let story = (0..50).fold(Story::of(KB), |story, n| {
        story.fails(NOW - 50 * HOUR + n * HOUR, REVERSE_DELTA)
    });
    assert_eq!(story.outcomes(), vec![Outcome::Failed; 50]);
}

#[test]
fn installed_but_for_a_reboot_is_pending_and_not_a_success() {
    let story = Story::of(KB).pends(NOW - HOUR).level(NOW - DAY, 3770);
    assert_eq!(story.outcomes(), [Outcome::PendingReboot]);
    let told_by_code = Story::of(KB).begins(NOW - HOUR).agent(
        NOW - MINUTE,
        Phase::Install,
        EventResult::Fail,
        Some(0x8024_2014),
    );
    assert_eq!(told_by_code.outcomes(), [Outcome::PendingReboot]);
}

#[test]
fn a_level_at_the_build_verifies_without_any_record_of_success() {
    let story = Story::of(KB)
        .pends(NOW - 2 * HOUR)
        .level(NOW - DAY, 3770)
        .level(NOW - HOUR, 3887);
    assert_eq!(story.outcomes(), [Outcome::Succeeded]);
    assert_eq!(story.attempts()[0].ended_at_ms, NOW - HOUR);
}

#[test]
fn the_agents_claim_alone_is_no_success_where_the_level_is_known() {
    let claimed =
        |story: Story| story.agent(NOW - 2 * HOUR, Phase::Install, EventResult::Success, None);
    let known = claimed(Story::of(KB).begins(NOW - 3 * HOUR)).level(NOW - DAY, 3770);
    assert_eq!(known.outcomes(), [Outcome::Unknown]);
    let unknown = claimed(Story::of(KB).begins(NOW - 3 * HOUR));
    assert_eq!(unknown.outcomes(), [Outcome::Succeeded]);
}

#[test]
fn a_state_that_the_level_denies_an_hour_later_is_not_believed() {
    let story = Story::of(KB)
        .succeeds(NOW - 5 * HOUR)
        .level(NOW - HOUR, 3770);
    assert_eq!(story.outcomes(), [Outcome::Unknown]);
    let just_after = Story::of(KB)
        .succeeds(NOW - 5 * HOUR)
        .level(NOW - 5 * HOUR + 25 * MINUTE, 3770);
    assert_eq!(just_after.outcomes(), [Outcome::Succeeded]);
}

#[test]
fn absence_from_every_list_disproves_nothing() {
    let mut story = Story::of(KB).succeeds(NOW - DAY);
    let listed = story.record(NOW - HOUR, Phase::Inventory, EventResult::Installed);
    listed.kb = "KB4486153".into();
    let told = story.told();
    assert_eq!(told.len(), 1, "a list alone begins no attempt");
    assert_eq!(told[0].attempts[0].stand, Stand::Closed(Outcome::Succeeded));
}

#[test]
fn a_failure_after_the_boot_is_a_rollback_in_the_reboot() {
    let story = Story::of(KB)
        .pends(NOW - 3 * HOUR)
        .reboots(NOW - 2 * HOUR)
        .servicing(
            NOW - 2 * HOUR + 5 * MINUTE,
            EventResult::Fail,
            Some(0x800f_0922),
        )
        .agent(
            NOW - HOUR,
            Phase::Install,
            EventResult::Fail,
            Some(0x800f_0922),
        );
    assert_eq!(story.outcomes(), [Outcome::RolledBack]);
    assert_eq!(story.attempts()[0].phase, Phase::RebootCommit);
}

#[test]
fn a_driver_that_fails_at_boot_does_not_undo_an_update_that_is_there() {
    let mut story = Story::of(KB).succeeds(NOW - 3 * HOUR);
    let at = NOW - 3 * HOUR + 21 * MINUTE + 30_000;
    story
        .record(at, Phase::RebootCommit, EventResult::Fail)
        .hresult = Some(0x8007_0002);
    assert_eq!(story.outcomes(), [Outcome::Succeeded]);
}

#[test]
fn an_aggregate_code_gives_way_to_the_inner_one() {
    let story = Story::of(KB)
        .begins(NOW - HOUR)
        .cbs(NOW - 50 * MINUTE, EventResult::Fail, Some(REVERSE_DELTA))
        .agent(
            NOW - 49 * MINUTE,
            Phase::Install,
            EventResult::Fail,
            Some(0x8024_0022),
        );
    assert_eq!(story.attempts()[0].hresult, Some(REVERSE_DELTA));
}

#[test]
fn cancelled_and_benign_results_are_not_failures() {
    let ends = |code| {
        let begun = Story::of(KB).begins(NOW - HOUR);
        begun.agent(NOW - MINUTE, Phase::Install, EventResult::Fail, Some(code))
    };
    assert_eq!(ends(0x8024_000b).outcomes(), [Outcome::Cancelled]);
    let benign = ends(0x8024_0017);
    assert_eq!(benign.outcomes(), [Outcome::Unknown]);
    assert!(benign.attempts()[0].benign);
    let fetched_again = ends(0x8024_200d);
    assert_eq!(fetched_again.outcomes(), [Outcome::Unknown]);
    let not_needed = Story::of(KB).succeeds(NOW - 5 * HOUR).agent(
        NOW - HOUR,
        Phase::Install,
        EventResult::NotApplicable,
        Some(0x8024_0017),
    );
    assert_eq!(not_needed.outcomes(), [Outcome::Succeeded]);
}

#[test]
fn source_missing_as_the_result_of_an_install_is_a_failure() {
    let story = Story::of(KB).fails(NOW - HOUR, 0x800f_081f);
    assert_eq!(story.outcomes(), [Outcome::Failed]);
}

#[test]
fn a_device_that_is_dark_since_the_reboot_has_gone_silent() {
    let story = Story::of(KB)
        .pends(NOW - 9 * HOUR)
        .power(NOW - 8 * HOUR, "event log stopped");
    let attempt = &story.attempts()[0];
    let clock = |last_heard_ms| Clock {
        now_ms: NOW,
        last_heard_ms: Some(last_heard_ms),
        gone_silent_ms: 4 * HOUR,
    };
    assert_eq!(settle(attempt, clock(NOW - 8 * HOUR)), Outcome::GoneSilent);
    assert_eq!(settle(attempt, clock(NOW - HOUR)), Outcome::PendingReboot);
    let mut off = story.clone();
    off.records.last_mut().unwrap().shutdown_kind = "power off".into();
    assert_eq!(
        settle(&off.attempts()[0], clock(NOW - 8 * HOUR)),
        Outcome::PendingReboot
    );
}

#[test]
fn a_package_without_a_kb_joins_through_its_build() {
    let story = Story::of(KB).cbs(NOW - HOUR, EventResult::Fail, Some(REVERSE_DELTA));
    assert_eq!(story.told()[0].kb, KB);
    assert_eq!(story.told()[0].build, Build::parse("17763.3887"));
}

#[test]
fn an_ignored_kb_has_no_attempts() {
    let failed = Some(0x8007_0643);
    let story = Story::of("KB2267602").agent(NOW, Phase::Install, EventResult::Fail, failed);
    let ignored = HashSet::from(["KB2267602".to_owned()]);
    let knowledge = Knowledge {
        kbs: &KbTable::shipped(),
        ignored: &ignored,
    };
    assert_eq!(join(&story.records, &[], knowledge), []);
}

#[test]
fn broken_files_belong_to_the_failed_attempt_that_they_explain() {
    let mut story = Story::of(KB)
        .fails(NOW - 2 * DAY, REVERSE_DELTA)
        .fails(NOW - HOUR, REVERSE_DELTA);
    let at = NOW - HOUR + 9 * MINUTE;
    let record = story.record(at, Phase::CorruptionDetect, EventResult::HashMismatch);
    record.file = "example.dll".into();
    let attempts = story.attempts();
    assert_eq!(attempts[0].broken, []);
    assert_eq!(attempts[1].broken.len(), 1);
}

#[test]
fn a_level_that_only_the_kb_brings_heals_without_a_record() {
    let story = Story::of(KB)
        .fails(NOW - DAY, REVERSE_DELTA)
        .level(NOW - HOUR, 3887);
    assert_eq!(story.outcomes(), [Outcome::Failed, Outcome::Succeeded]);
    let later_kb = Story::of(KB)
        .fails(NOW - DAY, REVERSE_DELTA)
        .level(NOW - HOUR, 4010);
    assert_eq!(later_kb.outcomes(), [Outcome::Failed]);
}

/// Any mixture of things that happen to a device.
fn stories() -> impl Strategy<Value = Story> {
    let step = (0..8u8, 0..40i64, 0..6u8);
    prop::collection::vec(step, 0..12).prop_map(|steps| {
        let codes = [
            REVERSE_DELTA,
            0x8007_0070,
            0x8024_000b,
            0x8024_2014,
            0x8024_200d,
            0x8024_0022,
        ];
        steps
            .into_iter()
            .fold(Story::of(KB), |story, (what, when, code)| {
                let at = NOW - 40 * HOUR + when * HOUR + i64::from(code) * 777;
                let code = codes[usize::from(code)];
                match what {
                    0 => story.fails(at, code),
                    1 => story.pends(at),
                    2 => story.succeeds(at),
                    3 => story.reboots(at),
                    4 => story.level(at, 3770),
                    5 => story.level(at, 3887),
                    6 => story.begins(at),
                    _ => story.agent(at, Phase::Install, EventResult::Fail, Some(code)),
                }
            })
    })
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(story in stories(), seed in any::<u64>()) {
        let mut shuffled = story.clone();
        let mut dice = fastrand::Rng::with_seed(seed);
        dice.shuffle(&mut shuffled.records);
        dice.shuffle(&mut shuffled.levels);
        prop_assert_eq!(shuffled.told(), story.told());
    }

    #[test]
    fn a_second_replay_changes_nothing(story in stories(), part in 0.0..1.0f64) {
        let mut replayed = story.clone();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a short list")]
        let some = (part * replayed.records.len() as f64) as usize;
        let again: Vec<Record> = replayed.records.iter().take(some).cloned().collect();
        replayed.records.extend(again);
        replayed.levels.extend(story.levels.clone());
        prop_assert_eq!(replayed.told(), story.told());
    }

    #[test]
    fn a_fuller_reading_of_an_event_replaces_the_poorer_wherever_it_stands(story in stories()) {
        let mut poorer: Vec<Record> = story.records.clone();
        for record in &mut poorer {
            record.hresult = None;
            record.title.clear();
        }
        let mut richer = story.clone();
        for record in &mut richer.records {
            record.version = 2;
        }
        let expected = richer.told();
        richer.records.extend(poorer.iter().cloned());
        prop_assert_eq!(richer.told(), expected.clone());
        richer.records.rotate_right(poorer.len());
        prop_assert_eq!(richer.told(), expected);
    }

    #[test]
    fn attempts_are_in_time_order_and_never_end_before_they_begin(story in stories()) {
        for kb in story.told() {
            let begins: Vec<i64> = kb.attempts.iter().map(|a| a.started_at_ms).collect();
            prop_assert!(begins.is_sorted());
            prop_assert!(kb.attempts.iter().all(|a| a.ended_at_ms >= a.started_at_ms));
        }
    }
}
