//! What cannot be read, and what was gone before it was read, is told to the
//! gateway.

use std::fs;

use kbwatch_proto::event::UnreadableSource;
use kbwatch_proto::telemetry::Outcome;
use kbwatch_proto::unreadable::Unreadable;
use kbwatch_proto::words::SourceKind;

use crate::world::{Notes, START_MS, World};

/// Longer than the pause between two heartbeats.
const HEARTBEAT_MS: i64 = 700_000;

fn heartbeat(world: &mut World, collector: &mut kbwatch_collector::Collector) -> Notes {
    let mut notes = Notes::default();
    world.tick(HEARTBEAT_MS);
    world.settle(collector, &mut notes);
    notes
}

#[test]
fn a_log_that_cannot_be_read_is_in_every_heartbeat_until_it_is_mended() {
    let mut world = World::new();
    world.config.sources.dism_log = Some(world.path("dism.log"));
    fs::create_dir(world.path("CBS.log")).unwrap();
    let mut collector = world.open();
    collector.step(world.now_ms);
    let told = |source, reason| UnreadableSource {
        source,
        reason,
        since_ms: START_MS,
        logs: 1,
    };
    for _ in 0..2 {
        let notes = heartbeat(&mut world, &mut collector);
        let both = [
            told(SourceKind::Cbs, Unreadable::NotAFile),
            told(SourceKind::Dism, Unreadable::Absent),
        ];
        assert_eq!(notes.health.last().unwrap().unreadable, both);
    }
    fs::remove_dir(world.path("CBS.log")).unwrap();
    fs::write(world.path("dism.log"), "").unwrap();
    world.append_records(1);
    heartbeat(&mut world, &mut collector);
    let notes = heartbeat(&mut world, &mut collector);
    assert_eq!(notes.health.last().unwrap().unreadable, []);
}

#[test]
fn bytes_that_vanish_before_they_are_read_are_counted_and_told() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(2_000);
    let len = fs::metadata(world.path("CBS.log")).unwrap().len();
    let read = collector.step(world.now_ms).read_bytes;
    assert!(read > 0 && read < len);
    fs::remove_file(world.path("CBS.log")).unwrap();
    world.settle(&mut collector, &mut notes);
    let counts = collector.counts();
    assert_eq!((counts.lost_files, counts.lost_bytes), (1, len - read));
    let health = heartbeat(&mut world, &mut collector).health.pop().unwrap();
    let cbs = health.sources[0];
    assert_eq!((cbs.lost_files, cbs.lost_bytes), (1, len - read));
}

#[test]
fn the_first_heartbeat_of_a_process_tells_what_its_first_look_found() {
    let mut world = World::new();
    fs::create_dir(world.path("CBS.log")).unwrap();
    let mut collector = world.open();
    collector.step(world.now_ms);
    let mut notes = Notes::default();
    notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
    let [health] = &notes.health[..] else {
        panic!("{:?}", notes.health);
    };
    assert_eq!(health.unreadable.len(), 1);
    assert_eq!(health.unreadable[0].reason, Unreadable::NotAFile);
    // And how much it has to catch up with.
    fs::remove_dir(world.path("CBS.log")).unwrap();
    world.append_records(5_000);
    let mut collector = world.open();
    collector.step(world.now_ms);
    let mut notes = Notes::default();
    notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
    assert!(notes.health[0].lag_bytes > 0);
    assert_eq!(notes.health[0].unreadable, []);
    assert!(notes.facts.len() == 1 && notes.batches[0].event_count == 0);
}

#[test]
fn a_log_that_is_rotated_away_while_its_reader_starts_is_not_called_missing() {
    let mut world = World::new();
    world.append_records(3);
    let mut collector = world.open();
    world.settle(&mut collector, &mut Notes::default());
    collector.save();
    fs::remove_file(world.path("CBS.log")).unwrap();
    let gone_ms = world.now_ms;
    let mut collector = world.open();
    let mut notes = Notes::default();
    collector.step(world.now_ms);
    notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
    assert_eq!(notes.health[0].unreadable, []);
    let notes = heartbeat(&mut world, &mut collector);
    let told = &notes.health.last().unwrap().unreadable[0];
    assert_eq!((told.reason, told.since_ms), (Unreadable::Absent, gone_ms));
}
