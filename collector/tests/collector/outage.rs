//! No gateway for a week, a branch that comes back, a clock that jumps: bounded
//! memory, bounded disk, bounded bytes, and nothing lost uncounted.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use kbwatch_collector::Collector;
use kbwatch_proto::telemetry::Outcome;

use crate::world::{Notes, START_MS, World, receipt};

const HOUR_MS: i64 = 3_600_000;

/// Size of a folder's files.
fn folder_len(path: &std::path::Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// Lets an hour pass in steps of ten minutes.
fn pass_hour(world: &mut World, collector: &mut Collector) {
    pass_hour_beside(world, collector, &mut |_, _| {});
}

/// As [`pass_hour`], with something that answers, or does not, at each step.
fn pass_hour_beside(
    world: &mut World,
    collector: &mut Collector,
    answer: &mut dyn FnMut(&mut Collector, i64),
) {
    for _ in 0..6 {
        while collector.step(world.now_ms).more {
            world.tick(1_000);
        }
        answer(collector, world.now_ms);
        world.tick(HOUR_MS / 6);
    }
}

#[test]
fn a_week_without_a_server_loses_nothing_although_archives_are_deleted() {
    survive_a_week(&mut |_, _| {});
}

#[test]
fn a_week_in_which_the_gateway_only_says_retry_loses_nothing_either() {
    survive_a_week(&mut |collector, now_ms| {
        Notes::default().take_all(collector, now_ms, Outcome::Retry);
    });
}

fn survive_a_week(answer: &mut dyn FnMut(&mut Collector, i64)) {
    let mut world = World::new();
    world.config.batch_max_events = 50;
    world.config.outbox_max_batches = 8;
    let mut collector = world.open();
    let mut archives: VecDeque<PathBuf> = VecDeque::new();
    for hour in 0..7 * 24 {
        world.append_records(60);
        if hour % 8 == 7 {
            archives.extend(world.rotate());
        }
        pass_hour_beside(&mut world, &mut collector, answer);
        // Windows keeps few of them.
        if archives.len() > 2 {
            fs::remove_file(archives.pop_front().unwrap()).unwrap();
        }
        let pending = collector.pending();
        assert!(pending.unreceipted_batches <= 40, "{pending:?}");
    }
    let counts = collector.counts();
    assert!(counts.spooled_events > 5_000, "{counts:?}");
    assert_eq!(counts.dropped_events, 0);
    collector.save();
    let mut notes = Notes::default();
    let mut collector = world.open();
    assert!(collector.counts().recovered_events > 5_000);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(folder_len(&world.path("state/spool")), 0);
}

#[test]
fn a_spool_that_is_full_counts_what_it_gives_up_and_stays_bounded() {
    let mut world = World::new();
    world.config.batch_max_events = 20;
    world.config.outbox_max_batches = 4;
    world.config.spool_max_bytes = 20_000;
    let mut collector = world.open();
    for _ in 0..40 {
        world.append_records(60);
        world.rotate();
        pass_hour(&mut world, &mut collector);
        assert!(folder_len(&world.path("state/spool")) <= 20_000);
    }
    let dropped = collector.counts().dropped_events;
    assert!(dropped > 0);
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    let lost = world.expected().len() - notes.ids().len();
    assert_eq!(lost as u64, dropped);
}

#[test]
fn without_archives_the_log_itself_is_the_buffer_and_no_byte_is_spooled() {
    let mut world = World::new();
    world.config.batch_max_events = 20;
    world.config.outbox_max_batches = 4;
    let mut collector = world.open();
    world.append_records(500);
    for _ in 0..48 {
        pass_hour(&mut world, &mut collector);
    }
    assert!(!world.path("state/spool").exists());
    assert!(collector.pending().unreceipted_batches <= 30);
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_week_of_silence_leaves_one_heartbeat_to_send() {
    let mut world = World::new();
    let mut collector = world.open();
    for _ in 0..7 * 24 {
        pass_hour(&mut world, &mut collector);
    }
    // The facts of the start, and the newest sign of life.
    assert_eq!(collector.pending().unreceipted_batches, 2);
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert!(notes.health.len() <= 3);
}

#[test]
fn a_device_that_catches_up_sends_no_more_than_its_share() {
    let mut world = World::new();
    world.config.send_max_bytes_per_s = 1_000;
    world.append_records(5_000);
    let mut collector = world.open();
    let start_ms = world.now_ms;
    let mut sent = 0_u64;
    let mut notes = Notes::default();
    while !collector.pending().is_idle() || sent == 0 {
        collector.step(world.now_ms);
        notes.take_all(&mut collector, world.now_ms, Outcome::Durable);
        sent = collector.counts().sent_bytes;
        let seconds = (world.now_ms - start_ms).unsigned_abs() / 1_000;
        // What was saved up, what was earned, and one batch over.
        assert!(
            sent <= 20_000 + 1_000 * seconds + 30_000,
            "{sent} in {seconds} s"
        );
        world.tick(500);
    }
    assert!(world.now_ms - start_ms > 60_000);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_backlog_is_read_at_its_pace_and_no_source_waits_for_another() {
    let mut world = World::new();
    world.config.read_max_bytes_per_s = 100_000;
    world.config.sources.windows_update_log = Some(world.path("other.log"));
    world.append_records(2_000);
    let text = world.record();
    fs::write(world.path("other.log"), text).unwrap();
    let mut collector = world.open();
    for second in 1..=3 {
        while collector.step(world.now_ms).more {}
        assert!(collector.counts().read_bytes <= 100_000 * second);
        world.tick(1_000);
    }
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 2_001);
}

#[test]
fn heartbeats_tell_what_a_device_cost_its_network_in_a_day() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(1_000);
    world.settle(&mut collector, &mut notes);
    world.tick(700_000);
    world.settle(&mut collector, &mut notes);
    let told = notes.health.last().unwrap().sent_bytes_24h;
    let sent: usize = notes.batches.iter().map(|batch| batch.payload.len()).sum();
    assert!(told > 0 && told <= collector.counts().sent_bytes);
    assert!(told > sent as u64 * 9 / 10, "{told} of {sent}");
    world.tick(25 * HOUR_MS);
    world.settle(&mut collector, &mut notes);
    assert!(notes.health.last().unwrap().sent_bytes_24h < told / 10);
}

#[test]
fn a_clock_that_jumps_while_cut_off_neither_stops_nor_floods() {
    let mut world = World::new();
    world.config.batch_max_events = 10;
    world.config.outbox_max_batches = 4;
    let mut collector = world.open();
    for jump in [0, 3_000, -6_000, 40_000, -37_000] {
        world.append_records(30);
        world.rotate();
        world.tick(jump * HOUR_MS);
        pass_hour(&mut world, &mut collector);
    }
    assert!(world.now_ms >= START_MS);
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_refused_batch_of_the_spool_is_not_offered_again() {
    let mut world = World::new();
    world.config.batch_max_events = 10;
    world.config.outbox_max_batches = 2;
    let mut collector = world.open();
    world.append_records(30);
    world.rotate();
    pass_hour(&mut world, &mut collector);
    assert!(collector.pending().spooled_batches > 0);
    for _ in 0..30 {
        collector.step(world.now_ms);
        while let Some(batch) = collector.next_batch(world.now_ms) {
            collector.on_receipt(&receipt(&batch, Outcome::Refused));
        }
        world.tick(1_000);
    }
    assert!(collector.pending().is_idle(), "{:?}", collector.pending());
    assert_eq!(collector.counts().refused_events, 30);
}
