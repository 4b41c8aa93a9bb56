//! What a log becomes: archives that are packed, damaged, too old or already
//! read.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::world::{Notes, START_MS, World, append_to, ids, parse};

/// Packs an archive as servicing does: the .cab first, then the .log goes.
pub(crate) fn pack_archive(archive: &Path) {
    let text = fs::read(archive).unwrap();
    let name = archive.file_name().unwrap().to_str().unwrap();
    fs::write(archive.with_extension("cab"), cabinet(name, &text)).unwrap();
    fs::remove_file(archive).unwrap();
}

/// A cabinet with one member, stored as it is.
pub(crate) fn cabinet(name: &str, text: &[u8]) -> Vec<u8> {
    let blocks: Vec<&[u8]> = text.chunks(32 * 1024).collect();
    let first_block = u32::try_from(36 + 8 + 17 + name.len()).unwrap();
    let mut bytes = b"MSCF".to_vec();
    bytes.extend([0; 12]);
    bytes.extend(44_u32.to_le_bytes());
    bytes.extend([0, 0, 0, 0, 3, 1, 1, 0, 1, 0]);
    bytes.extend([0; 6]);
    bytes.extend(first_block.to_le_bytes());
    bytes.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(name.as_bytes());
    bytes.push(0);
    for block in blocks {
        let len = u16::try_from(block.len()).unwrap().to_le_bytes();
        bytes.extend([0; 4]);
        bytes.extend(len);
        bytes.extend(len);
        bytes.extend(block);
    }
    bytes
}

#[test]
fn an_archive_that_was_packed_while_down_is_read_on_from_where_reading_stopped() {
    let mut world = World::new();
    let mut notes = Notes::default();
    let mut collector = world.open();
    world.append_records(2_000);
    world.settle(&mut collector, &mut notes);
    collector.save();
    drop(collector);
    world.append_records(4_000);
    pack_archive(&world.rotate().unwrap());
    world.append_records(3);
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    let again = notes.events.len() - 6_003;
    assert!(again <= 10, "{again} read twice");
}

#[test]
fn an_archive_that_was_read_is_not_read_again_once_it_is_packed() {
    let mut world = World::new();
    let mut notes = Notes::default();
    let mut collector = world.open();
    world.append_records(50);
    let archive = world.rotate().unwrap();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    pack_archive(&archive);
    world.append_records(1);
    world.rotate();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(notes.events.len(), 53);
    collector.save();
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    let again = notes.events.len() - 53;
    assert!(again <= 10, "{again} read twice");
}

#[test]
fn a_packed_archive_of_a_device_seen_for_the_first_time_is_read() {
    let mut world = World::new();
    world.append_records(5_000);
    pack_archive(&world.rotate().unwrap());
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn a_damaged_cabinet_keeps_no_other_log_from_being_read() {
    let mut world = World::new();
    let text: String = (0..3_000).map(|_| world.record()).collect();
    let mut damaged = cabinet("CbsPersist_1.log", text.as_bytes());
    let middle = damaged.len() / 2;
    damaged.truncate(middle);
    fs::write(world.path("CbsPersist_20230111080000.cab"), damaged).unwrap();
    world.append_records(5);
    let expected = world.expected();
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert!(notes.ids().is_superset(&expected));
    assert!(notes.ids().len() > 1_000);
}

#[test]
fn the_backup_of_dism_log_is_read_to_its_end() {
    let mut world = World::new();
    let path = world.path("dism.log");
    world.config.sources.dism_log = Some(path.clone());
    let line = |n: u32| {
        format!(
            "2023-01-11 09:00:{n:02}, Error                 DISM   DISM Package Manager: PID=1 TID={n} \
             Failed to install package {n}. - CDISMPackageManager::Internal_Finalize(hr:0x800f0985)\r\n"
        )
    };
    append_to(&path, &line(1));
    let mut notes = Notes::default();
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    collector.save();
    let before = collector.counts().lines;
    append_to(&path, &line(2));
    fs::rename(&path, world.path("dism.log.bak")).unwrap();
    append_to(&path, &line(3));
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    // The first line may still be completed: it is read twice, and no more.
    assert_eq!((before, collector.counts().lines), (1, 3));
}

#[test]
fn what_is_written_after_the_first_sight_is_never_too_old() {
    let mut world = World::new();
    world.append_records(2);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    // A dead clock battery: records of last year, written today.
    world.tick(365 * 24 * 3_600_000);
    world.append_records(3);
    world.rotate();
    world.append_records(4);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
    assert_eq!(collector.counts().skipped_events, 0);
}

#[test]
fn a_clock_years_ahead_of_every_log_makes_none_of_them_too_old() {
    let mut world = World::new();
    world.append_records(3);
    let written = UNIX_EPOCH + Duration::from_millis(START_MS.unsigned_abs());
    let log = File::options().append(true).open(world.path("CBS.log"));
    log.unwrap().set_modified(written).unwrap();
    world.tick(20 * 365 * 24 * 3_600_000);
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert_eq!(notes.ids(), world.expected());
}

#[test]
fn newer_grammars_go_back_to_the_start_of_the_last_session() {
    let mut world = World::new();
    world.append_records(10);
    let session = "2023-01-11 09:30:00, Info                  CBS    Session: 31007000_99 initialized by client WindowsUpdateAgent.\r\n";
    world.append(session);
    world.append_records(30);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    collector.save();
    let path = world.path("state/checkpoint.json");
    let text = fs::read_to_string(&path).unwrap();
    let version = kbwatch_collector::parse::PARSER_VERSION;
    let older = text.replace(
        &format!("\"parser_version\":{version}"),
        "\"parser_version\":0",
    );
    assert_ne!(text, older);
    fs::write(&path, older).unwrap();
    let mut notes = Notes::default();
    world.settle(&mut world.open(), &mut notes);
    assert_eq!(notes.events.len(), 30);
}

#[test]
fn a_half_written_record_continues_in_the_archive() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    let text = world.record();
    append_to(&world.path("CBS.log"), &text[..40]);
    world.settle(&mut collector, &mut notes);
    append_to(&world.path("CBS.log"), &text[40..]);
    world.rotate();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), ids(&parse(text.as_bytes())));
}

#[test]
fn records_flushed_into_an_archive_after_its_rotation_are_read() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.append_records(3);
    let archive = world.rotate().unwrap();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    let late = world.record();
    append_to(&archive, &late);
    world.rotate();
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    assert!(notes.ids().is_superset(&ids(&parse(late.as_bytes()))));
    assert_eq!(notes.ids().len(), 6);
}

#[test]
fn a_file_that_got_the_id_of_an_empty_archive_is_read() {
    let mut world = World::new();
    let mut collector = world.open();
    let mut notes = Notes::default();
    for _ in 0..20 {
        append_to(&world.path("CBS.log"), "");
        let empty = world.rotate().unwrap();
        collector.step(world.now_ms);
        pack_archive(&empty);
        world.append_records(2);
        world.rotate();
        collector.step(world.now_ms);
    }
    world.append_records(1);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids(), world.expected());
}
