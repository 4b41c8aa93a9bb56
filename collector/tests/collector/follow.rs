//! Logs that grow, rotate, shrink and vanish, followed without a network.

use std::collections::BTreeSet;
use std::fs;

use kbwatch_proto::telemetry::Outcome;
use kbwatch_proto::words::TimeSource;

use crate::world::{Notes, START_MS, World, append_to, ids, parse};

#[test]
fn every_appended_record_arrives_once_with_its_times() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(1_200);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(notes.events.len(), 1_200);
    let first = &notes.events[0];
    assert_eq!(first.time_source, TimeSource::DeviceZone);
    assert_eq!(first.occurred_at_ms, first.printed_at_ms);
    assert!(first.observed_at_ms >= START_MS);
    assert!(notes.batches.iter().all(|batch| batch.event_count <= 500));
}

#[test]
fn nothing_is_opened_or_sealed_while_nothing_changes() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(3);
    world.settle(&mut collector, &mut notes);
    world.tick(5_000);
    assert_eq!(
        collector.step(world.now_ms),
        kbwatch_collector::Stepped::default()
    );
}

#[test]
fn what_comes_after_a_pause_is_sealed_at_once_and_what_follows_waits() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    world.tick(5_000);
    let mut sealed_after = |pause_ms| {
        world.tick(pause_ms);
        world.append_records(30);
        collector.step(world.now_ms).sealed_batches
    };
    assert_eq!(sealed_after(0), 1);
    assert_eq!(sealed_after(400), 0);
    assert_eq!(sealed_after(600), 1);
}

#[test]
fn the_last_record_waits_for_quiet_and_a_cut_line_for_its_end() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    let text = world.record();
    let (front, back) = text.split_at(text.len() - 20);
    world.append(front);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), BTreeSet::new());
    world.append(back);
    collector.step(world.now_ms);
    world.tick(400);
    collector.step(world.now_ms);
    assert!(collector.pending().unsettled);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_rotated_log_is_read_to_its_end_and_its_successor_from_the_start() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(10);
    world.settle(&mut collector, &mut notes);
    world.append_records(5);
    world.rotate();
    world.append_records(5);
    world.rotate();
    world.append_records(5);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(notes.events.len(), 25);
}

#[test]
fn a_truncated_log_is_read_from_its_new_start() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(10);
    world.settle(&mut collector, &mut notes);
    fs::write(world.path("CBS.log"), "").unwrap();
    world.append_records(2);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_replaced_log_is_told_from_one_that_grew() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(2);
    world.settle(&mut collector, &mut notes);
    fs::remove_file(world.path("CBS.log")).unwrap();
    world.append_records(9);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_refused_batch_is_kept_aside_and_reading_goes_on() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    world.append_records(3);
    for _ in 0..3 {
        collector.step(world.now_ms);
        notes.take_all(&mut collector, world.now_ms, Outcome::Refused);
        world.tick(1_000);
    }
    world.append_records(2);
    world.settle(&mut collector, &mut notes);
    let counts = collector.counts();
    assert_eq!(counts.refused_events, 3);
    assert_eq!(counts.durable_events, 2);
    assert_eq!(
        fs::read_dir(world.path("state/refused")).unwrap().count(),
        2
    );
}

#[test]
fn a_full_outbox_pauses_reading_and_the_log_keeps_the_rest() {
    let mut world = World::new();
    world.config.outbox_max_batches = 3;
    world.config.batch_max_events = 10;
    let mut collector = world.open();
    world.append_records(5_000);
    for _ in 0..50 {
        let stepped = collector.step(world.now_ms);
        world.tick(1_000);
        assert!(!stepped.more || collector.pending().unreceipted_batches < 3);
    }
    let pending = collector.pending();
    assert!(pending.lag_bytes > 0);
    assert!(pending.unreceipted_batches < 200, "{pending:?}");
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_collector_whose_full_outbox_kept_it_from_looking_is_not_idle() {
    let mut world = World::new();
    world.config.outbox_max_batches = 1;
    let mut collector = world.open();
    collector.step(world.now_ms);
    world.append_records(1);
    // The facts are in the way.
    collector.step(world.now_ms);
    let mut notes = Notes::default();
    notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
    assert!(!collector.pending().is_idle());
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn records_older_than_the_history_are_skipped_and_counted() {
    let mut world = World::new();
    world.append_records(7);
    world.tick(100 * 24 * 3_600_000);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events, []);
    assert_eq!(collector.counts().skipped_events, 7);
}

#[test]
fn an_archive_that_ended_before_the_history_is_not_opened() {
    let mut world = World::new();
    let text = world.record();
    append_to(&world.path("CbsPersist_20190111090000.log"), &text);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(collector.counts().read_bytes, 0);
    assert_eq!(collector.counts().skipped_files, 1);
}

#[test]
fn a_record_that_was_cut_by_the_rotation_ends_where_the_archive_ends() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    let text = world.record();
    let cut = text.trim_end().to_owned();
    append_to(&world.path("CBS.log"), &cut);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events, []);
    world.rotate();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), ids(&parse(cut.as_bytes())));
}

#[test]
fn a_folder_instead_of_a_log_is_survived() {
    let mut world = World::new();
    fs::create_dir(world.path("CBS.log")).unwrap();
    let mut collector = world.open();
    let mut notes = Notes::default();
    for _ in 0..3 {
        collector.step(world.now_ms);
        world.tick(1_000);
    }
    fs::remove_dir(world.path("CBS.log")).unwrap();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}
