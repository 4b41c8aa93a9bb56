//! What disks and other programs do to logs: files that vanish, that are half
//! written, that are put in another's place, and folders that are full of them.

use std::fs::{self, File};
use std::io::Write;

use kbwatch_collector::Collector;
use kbwatch_proto::telemetry::Outcome;

use crate::archives::{cabinet, pack_archive};
use crate::world::{Notes, World, append_to, ids, parse};

fn cab_of(world: &mut World, records: u32) -> (Vec<u8>, String) {
    let text: String = (0..records).map(|_| world.record()).collect();
    (cabinet("CbsPersist_1.log", text.as_bytes()), text)
}

#[test]
fn half_a_cabinet_is_read_once_the_rest_of_it_is_there() {
    // Cut in its head, in its first block, and near its end.
    for part in [20, 60, 60_000] {
        let mut world = World::new();
        let (whole, text) = cab_of(&mut world, 400);
        assert!(whole.len() > 80_000);
        let path = world.path("CbsPersist_20230111080000.cab");
        let mut file = File::create(&path).unwrap();
        file.write_all(&whole[..part]).unwrap();
        world.append_records(1);
        let mut collector = world.open();
        let mut notes = Notes::default();
        for _ in 0..20 {
            collector.step(world.now_ms);
            world.tick(1_000);
        }
        file.write_all(&whole[part..]).unwrap();
        // The next rotation at the latest is a reason to look again.
        world.rotate();
        world.append_records(1);
        world.settle(&mut collector, &mut notes);
        let missing = &(&ids(&parse(text.as_bytes())) | &world.expected()) - &notes.ids();
        assert_eq!(missing.len(), 0, "cut at {part}");
    }
}

#[test]
fn a_cabinet_is_not_given_up_while_someone_still_writes_it() {
    let mut world = World::new();
    let (whole, text) = cab_of(&mut world, 400);
    let path = world.path("CbsPersist_20230111080000.cab");
    let mut file = File::create(&path).unwrap();
    world.append_records(1);
    let mut collector = world.open();
    let mut notes = Notes::default();
    for part in whole.chunks(8_000) {
        file.write_all(part).unwrap();
        collector.step(world.now_ms);
        world.tick(1_000);
    }
    world.settle(&mut collector, &mut notes);
    assert!(notes.ids().is_superset(&ids(&parse(text.as_bytes()))));
    assert_eq!(collector.counts().lost_files, 0);
}

#[test]
fn archives_that_vanish_between_being_listed_and_being_read_cost_no_other() {
    let mut world = World::new();
    world.config.read_max_bytes_per_s = 10_000;
    let mut archives = Vec::new();
    let mut expected = Vec::new();
    for number in 0..6 {
        let text: String = (0..100).map(|_| world.record()).collect();
        let archive = world.path(&format!("CbsPersist_2023011108000{number}.log"));
        append_to(&archive, &text);
        archives.push(archive);
        expected.push(ids(&parse(text.as_bytes())));
    }
    world.append_records(1);
    let mut collector = world.open();
    // All are known, and not all of the first one is read.
    collector.step(world.now_ms);
    for gone in [1, 4] {
        fs::remove_file(&archives[gone]).unwrap();
    }
    let mut notes = Notes::default();
    settle_slowly(&mut world, &mut collector, &mut notes);
    for (number, ids) in expected.iter().enumerate() {
        let arrived = notes.ids().is_superset(ids);
        assert_eq!(arrived, ![1, 4].contains(&number), "{number}");
    }
    assert_eq!(collector.counts().lost_files, 2);
}

#[test]
fn ten_thousand_archives_are_known_without_a_pause() {
    let mut world = World::new();
    world.config.read_max_bytes_per_s = 0;
    let mut stamps = Vec::new();
    for number in 0..10_000 {
        let (hour, minute, second) = (number / 3_600, number / 60 % 60, number % 60);
        let stamp = format!("20230110{hour:02}{minute:02}{second:02}");
        let archive = world.path(&format!("CbsPersist_{stamp}.log"));
        append_to(&archive, &format!("{}\r\n", world.record()));
        stamps.push(archive);
    }
    world.append_records(1);
    let mut collector = world.open();
    let mut notes = Notes::default();
    let began = std::time::Instant::now();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids().len(), 10_001);
    collector.save();
    // One more, packed, and a restart: nothing is read again but what is open.
    pack_archive(&stamps[9_999]);
    world.rotate();
    world.append_records(1);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert!(notes.events.len() <= 12, "{}", notes.events.len());
    let took = began.elapsed();
    assert!(took.as_secs() < 60, "{took:?}");
}

#[test]
fn a_log_in_whose_place_another_of_the_same_size_and_head_is_put_is_read() {
    for in_place in [false, true] {
        let mut world = World::new();
        let head: String = (0..20).map(|_| world.record()).collect();
        let (one, other) = (world.record(), world.record());
        world.append(&(head.clone() + &one));
        let mut collector = world.open();
        let mut notes = Notes::default();
        world.settle(&mut collector, &mut notes);
        let len = one.len();
        assert_eq!(len, other.len());
        if !in_place {
            fs::remove_file(world.path("CBS.log")).unwrap();
        }
        fs::write(world.path("CBS.log"), head + &other).unwrap();
        world.settle(&mut collector, &mut notes);
        let told = ids(&parse(other.as_bytes()));
        assert!(notes.ids().is_superset(&told), "in place: {in_place}");
    }
}

/// As [`World::settle`], for as long as it takes.
fn settle_slowly(world: &mut World, collector: &mut Collector, notes: &mut Notes) {
    for _ in 0..20_000 {
        collector.step(world.now_ms);
        notes.take_all(collector, world.now_ms, Outcome::Durable);
        if collector.pending().is_idle() {
            return;
        }
        world.tick(600);
    }
    panic!("never idle: {:?}", collector.pending());
}

#[test]
fn a_machine_that_forgets_everything_at_each_start_doubles_nothing_and_floods_nobody() {
    const PACE: u64 = 1_000;
    let mut world = World::new();
    world.config.send_max_bytes_per_s = 1_000;
    world.append_records(1_500);
    world.rotate();
    world.append_records(1_500);
    let mut notes = Notes::default();
    let (mut revisions, mut in_a_day) = (Vec::new(), 0);
    for _ in 0..3 {
        fs::remove_dir_all(world.path("state")).ok();
        let mut collector = world.open();
        let started_ms = world.now_ms;
        settle_slowly(&mut world, &mut collector, &mut notes);
        let seconds = (world.now_ms - started_ms).unsigned_abs() / 1_000;
        let sent = collector.counts().sent_bytes;
        assert!(
            sent <= 20 * PACE + PACE * seconds + 30_000,
            "{sent} in {seconds} s"
        );
        in_a_day += sent;
        revisions.push(notes.facts.last().unwrap().revision);
        world.tick(60_000);
    }
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(notes.events.len(), 9_000, "all of it at each start");
    assert!(revisions.is_sorted());
    assert!(in_a_day < 1_000_000, "{in_a_day}");
}

#[test]
fn a_folder_that_is_away_for_a_moment_costs_no_second_reading() {
    for restarts in [false, true] {
        let mut world = World::new();
        fs::create_dir(world.path("logs")).unwrap();
        let log = world.path("logs/CBS.log");
        world.config.sources.cbs_log = Some(log.clone());
        let text: String = (0..50).map(|_| world.record()).collect();
        append_to(&log, &text);
        let mut collector = world.open();
        let mut notes = Notes::default();
        world.settle(&mut collector, &mut notes);
        collector.save();
        fs::rename(world.path("logs"), world.path("away")).unwrap();
        if restarts {
            collector = world.open();
        }
        for _ in 0..2 {
            collector.step(world.now_ms);
            world.tick(1_000);
        }
        fs::rename(world.path("away"), world.path("logs")).unwrap();
        world.settle(&mut collector, &mut notes);
        assert_eq!(notes.ids(), ids(&parse(text.as_bytes())));
        // A restart reads again what may still be completed.
        assert!(notes.events.len() <= 60, "{}", notes.events.len());
        assert_eq!(collector.counts().lost_files, 0);
    }
}
