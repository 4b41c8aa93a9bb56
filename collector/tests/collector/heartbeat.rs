//! What a device says of itself: facts and signs of life.

use std::fs;

use crate::world::{Notes, START_MS, World};

#[test]
fn a_device_is_heard_of_with_its_facts_before_anything_happens() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.batches.len(), 1);
    assert_eq!(notes.facts[0].facts["ubr"], "3770");
    assert_eq!(notes.batches[0].facts_revision, notes.facts[0].revision);
    assert_eq!(notes.health[0].started_at_ms, START_MS);
    assert_eq!(notes.batches[0].declared_device, "pc-1");
}

#[test]
fn a_heartbeat_comes_at_its_time_even_when_the_clock_was_set_back() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    world.tick(700_000);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.health.len(), 2);
    world.tick(-30 * 24 * 3_600_000);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.health.len(), 3);
}

#[test]
fn changed_facts_are_reported_at_once_as_a_later_revision() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    fs::write(world.path("facts.json"), r#"{"ubr": "3887"}"#).unwrap();
    world.tick(1_000);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.facts[1].facts["ubr"], "3887");
    assert!(notes.facts[1].revision > notes.facts[0].revision);
}
