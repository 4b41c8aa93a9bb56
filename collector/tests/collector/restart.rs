//! What a process leaves to the next one: the checkpoint, which follows the
//! receipts.

use std::fs;

use kbwatch_proto::telemetry::Outcome;

use crate::world::{Notes, World, receipt};

/// Verdicts that the grammar keeps open for later records to complete.
const STILL_OPEN: usize = 10;

#[test]
fn archives_that_appeared_while_down_are_read_from_where_reading_stopped() {
    let mut world = World::new();
    let mut notes = Notes::default();
    let mut collector = world.open();
    world.append_records(10);
    world.settle(&mut collector, &mut notes);
    collector.save();
    drop(collector);
    for _ in 0..3 {
        world.append_records(4);
        world.rotate();
    }
    world.append_records(2);
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    let again = notes.events.len() - 24;
    assert!(again <= STILL_OPEN, "{again} read twice");
}

#[test]
fn without_a_receipt_the_checkpoint_does_not_move() {
    let mut world = World::new();
    world.append_records(20);
    for outcome in [Outcome::Retry, Outcome::Unspecified] {
        let mut collector = world.open();
        let mut notes = Notes::default();
        for _ in 0..5 {
            collector.step(world.now_ms);
            if let Some(batch) = collector.next_batch(world.now_ms) {
                collector.on_receipt(&receipt(&batch, outcome));
                notes.take(batch);
            }
            world.tick(1_000);
        }
        collector.save();
    }
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn after_a_receipt_a_restart_sends_only_what_may_still_be_completed() {
    let mut world = World::new();
    world.append_records(200);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    collector.save();
    let revision = notes.facts[0].revision;
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert!(notes.events.len() <= STILL_OPEN, "{}", notes.events.len());
    assert_eq!(notes.facts[0].revision, revision);
}

#[test]
fn a_damaged_checkpoint_costs_a_second_reading_with_the_same_ids() {
    let mut world = World::new();
    world.append_records(20);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    collector.save();
    fs::write(world.path("state/checkpoint.json"), "{\"version\": 1").unwrap();
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 40);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_state_folder_that_cannot_be_written_costs_no_event() {
    let mut world = World::new();
    let mut collector = world.open();
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::write(world.path("state"), "in the way").unwrap();
    let mut notes = Notes::default();
    world.append_records(3);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}
