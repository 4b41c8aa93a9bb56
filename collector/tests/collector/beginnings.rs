//! The offset of a log's clock from the name of the archive before it, where
//! no record of the log tells it.

use std::fs;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::TimeSource;

use crate::archives::pack_archive;
use crate::world::{Notes, World, append_to};

/// 2023-01-11 00:00:00 UTC.
const DAY_MS: i64 = 1_673_395_200_000;
const HOUR_MS: i64 = 3_600_000;
const FIRST: &str = "2023-01-11 09:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\r\n";

/// A failure at a time of the device's clock; no instant stands in it.
fn failure(stamp: &str) -> String {
    format!(
        "{stamp}, Info                  CBS    WER: Generating failure report for package: \
         Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.6, status: 0x800f0985, failure \
         source: CSI Other, start state: Staged, target state: Installed, client id: \
         UpdateAgentLCU\r\n"
    )
}

/// A device whose own zone is wrong by eight hours.
fn world() -> World {
    let world = World::new();
    let text = failure("2023-01-10 17:00:00");
    append_to(&world.path("CbsPersist_20230111010000.log"), &text);
    append_to(&world.path("CBS.log"), FIRST);
    world
}

/// The events of the live log, by the hour of the log's clock.
fn told(notes: &Notes, hour: i64) -> Vec<&UpdateEvent> {
    let at = Some(DAY_MS + hour * HOUR_MS);
    let events = notes.events.iter();
    events.filter(|event| event.printed_at_ms == at).collect()
}

#[test]
fn a_live_log_without_any_instant_is_dated_by_the_archive_before_it() {
    for is_packed in [false, true] {
        let mut world = world();
        if is_packed {
            pack_archive(&world.path("CbsPersist_20230111010000.log"));
        }
        append_to(&world.path("CBS.log"), &failure("2023-01-11 10:00:00"));
        let mut notes = Notes::default();
        world.settle(&mut world.open(), &mut notes);
        let [event] = told(&notes, 10)[..] else {
            panic!("{:?}", notes.events);
        };
        assert_eq!(event.time_source, TimeSource::FileName);
        assert_eq!(event.occurred_at_ms, Some(DAY_MS + 2 * HOUR_MS));
        // Of the archive's own offset nothing is known.
        assert_eq!(told(&notes, -7)[0].time_source, TimeSource::DeviceZone);
    }
}

#[test]
fn it_still_is_after_a_restart_and_after_its_own_rotation() {
    let mut world = world();
    let mut collector = world.open();
    world.settle(&mut collector, &mut Notes::default());
    collector.save();
    let mut collector = world.open();
    let mut notes = Notes::default();
    append_to(&world.path("CBS.log"), &failure("2023-01-11 10:00:00"));
    world.settle(&mut collector, &mut notes);
    append_to(&world.path("CBS.log"), &failure("2023-01-11 11:00:00"));
    fs::rename(
        world.path("CBS.log"),
        world.path("CbsPersist_20230111040000.log"),
    )
    .unwrap();
    let next = FIRST.replace(" 09:", " 12:") + &failure("2023-01-11 12:00:00");
    append_to(&world.path("CBS.log"), &next);
    world.settle(&mut collector, &mut notes);
    for hour in 10..=12 {
        let event = told(&notes, hour)[0];
        assert_eq!(event.time_source, TimeSource::FileName, "{hour}");
        assert_eq!(event.occurred_at_ms, Some(DAY_MS + (hour - 8) * HOUR_MS));
    }
}

#[test]
fn what_a_record_tells_counts_more_than_a_name() {
    let mut world = world();
    let stamped = "2023-01-11 09:59:00, Info                  CSI    \
                   00000001@2023/1/11:03:59:00.120 CSI Store 1 initialized\r\n";
    append_to(&world.path("CBS.log"), stamped);
    append_to(&world.path("CBS.log"), &failure("2023-01-11 10:00:00"));
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    let event = told(&notes, 10)[0];
    assert_eq!(event.time_source, TimeSource::CsiStamp);
    assert_eq!(event.occurred_at_ms, Some(DAY_MS + 4 * HOUR_MS));
}

#[test]
fn an_archive_that_is_not_the_one_before_tells_nothing() {
    let mut world = World::new();
    append_to(
        &world.path("CbsPersist_20230110233100.log"),
        &failure("2023-01-10 17:00:00"),
    );
    append_to(&world.path("CBS.log"), FIRST);
    append_to(&world.path("CBS.log"), &failure("2023-01-11 10:00:00"));
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert_eq!(told(&notes, 10)[0].time_source, TimeSource::DeviceZone);
}

#[test]
fn after_a_night_in_which_the_clock_may_have_changed_the_device_zone_holds_again() {
    let mut world = world();
    append_to(&world.path("CBS.log"), &failure("2023-01-12 10:00:00"));
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert_eq!(told(&notes, 34)[0].time_source, TimeSource::DeviceZone);
}
