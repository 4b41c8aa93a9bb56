//! What instants along a log say of its offset.

use super::*;

const NOON: i64 = 1_673_438_400_000;
const HOUR: i64 = 3_600_000;
const FIRM: (TimeSource, Trust) = (TimeSource::CsiStamp, Trust::Firm);
const LATER: (TimeSource, Trust) = (TimeSource::SessionId, Trust::Later);

fn event(line: u64, printed_ms: i64) -> UpdateEvent {
    UpdateEvent {
        position: line,
        printed_at_ms: Some(printed_ms),
        ..UpdateEvent::default()
    }
}

fn resolved(clock: &OffsetClock, line: u64) -> Option<i64> {
    let mut event = event(line, NOON);
    clock.resolve(&mut event);
    event.occurred_at_ms
}

#[test]
fn an_offset_applies_backwards_and_forwards() {
    let mut clock = OffsetClock::default();
    clock.observe(50, NOON, NOON - 8 * HOUR - 300, FIRM);
    assert_eq!(resolved(&clock, 1), Some(NOON - 8 * HOUR));
    assert_eq!(resolved(&clock, 99), Some(NOON - 8 * HOUR));
}

#[test]
fn a_change_of_zone_holds_from_where_it_was_seen() {
    let mut clock = OffsetClock::default();
    clock.observe(10, NOON, NOON + 8 * HOUR, FIRM);
    clock.observe(20, NOON, NOON - 3 * HOUR - HOUR / 2, FIRM);
    assert_eq!(resolved(&clock, 15), Some(NOON + 8 * HOUR));
    assert_eq!(resolved(&clock, 25), Some(NOON - 3 * HOUR - HOUR / 2));
}

#[test]
fn evidence_that_fits_no_zone_is_passed_over() {
    let mut clock = OffsetClock::default();
    clock.observe(1, NOON, NOON - 7 * 60_000, FIRM);
    clock.observe(2, NOON, NOON - 15 * 60_000, FIRM);
    clock.observe(3, NOON, NOON - 15 * HOUR, FIRM);
    assert_eq!(resolved(&clock, 9), None);
}

#[test]
fn vague_evidence_yields_to_firm() {
    let mut clock = OffsetClock::default();
    clock.observe(1, NOON, NOON - HOUR - 2_000, LATER);
    assert_eq!(resolved(&clock, 9), Some(NOON - HOUR));
    clock.observe(2, NOON, NOON - 2 * HOUR + 10_000, LATER);
    assert_eq!(resolved(&clock, 9), Some(NOON - HOUR));
    clock.observe(3, NOON, NOON + 5 * HOUR, FIRM);
    assert_eq!(resolved(&clock, 1), Some(NOON + 5 * HOUR));
}

#[test]
fn the_age_of_one_session_tells_no_offset() {
    let mut clock = OffsetClock::default();
    let began = NOON - 8 * HOUR;
    // Finished half an hour and forty seconds after it began, told twice.
    let finished = began + HOUR / 2 + 40_000;
    clock.observe(1, finished + 8 * HOUR, began, LATER);
    clock.observe(2, finished + 8 * HOUR, began, LATER);
    assert_eq!(resolved(&clock, 9), None);
    clock.observe(3, NOON, began - 45 * 60_000 - 1_000, LATER);
    assert_eq!(resolved(&clock, 9), None);
}

#[test]
fn sessions_that_agree_tell_the_offset() {
    let mut clock = OffsetClock::default();
    clock.guess_nothing();
    clock.observe(1, NOON, NOON - 9 * HOUR - 30_000, LATER);
    for hours in 1..3 {
        assert_eq!(resolved(&clock, 9), None);
        let printed = NOON + hours * HOUR;
        clock.observe(5, printed, printed - 8 * HOUR - hours * 10_000, LATER);
    }
    assert_eq!(resolved(&clock, 9), Some(NOON - 8 * HOUR));
}

#[test]
fn one_session_is_a_guess_that_another_one_takes_back() {
    let mut clock = OffsetClock::default();
    clock.observe(1, NOON, NOON - 9 * HOUR - 30_000, LATER);
    assert_eq!(resolved(&clock, 9), Some(NOON - 9 * HOUR));
    let mut careful = clock.clone();
    careful.guess_nothing();
    assert_eq!(resolved(&careful, 9), None);
    clock.observe(2, NOON, NOON - 8 * HOUR - 40_000, LATER);
    assert_eq!(resolved(&clock, 9), None);
}

#[test]
fn a_time_that_the_record_prints_itself_is_left_alone() {
    let mut clock = OffsetClock::default();
    clock.observe(1, NOON, NOON - HOUR, FIRM);
    let mut printed = event(1, NOON);
    printed.occurred_at_ms = Some(NOON);
    printed.time_source = TimeSource::Printed;
    clock.resolve(&mut printed);
    assert_eq!(printed.occurred_at_ms, Some(NOON));
}
