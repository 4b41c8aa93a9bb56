//! Stories of single devices, and what must be made of them.

mod in_any_order;
mod story;

use std::collections::HashSet;

use kbwatch_proto::words::{EventResult, Phase};

use story::Story;

use super::{Clock, Knowledge, Outcome, Record, Stand, join, settle};
use crate::kb::{Build, KbTable};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 100 * DAY;
const KB: &str = "KB5022286";
const PACKAGE: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6";
const REVERSE_DELTA: u32 = 0x800f_0985;

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

#[test]
fn a_removal_is_told_beside_the_attempts_and_is_none_of_them() {
    let removed = |result| {
        let story = Story::of(KB).succeeds(NOW - 5 * HOUR);
        let story = story.agent(NOW - HOUR, Phase::Uninstall, result, None);
        assert_eq!(story.outcomes(), [Outcome::Succeeded]);
        story.told()[0].removed_at_ms
    };
    assert_eq!(removed(EventResult::Success), Some(NOW - HOUR));
    assert_eq!(removed(EventResult::Start), None);
}
