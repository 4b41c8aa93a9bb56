//! The other logs of a device: events, lists, and logs whose kind is found.

use std::fs;

use kbwatch_proto::words::{EventResult, SourceKind};

use crate::world::{Notes, World, append_to};

fn event(record: u32) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
         <Provider Name='Microsoft-Windows-WindowsUpdateClient' Guid='{{945a8954-c147-4acd-923f-40c45405a658}}'/>\
         <EventID>20</EventID><Version>1</Version><TimeCreated SystemTime='2023-01-11T09:00:{:02}.1234567Z'/>\
         <EventRecordID>{record}</EventRecordID><Channel>System</Channel></System><EventData>\
         <Data Name='errorCode'>0x800f0985</Data>\
         <Data Name='updateTitle'>2023-01 Cumulative Update (KB5022286)</Data>\
         <Data Name='updateGuid'>{{0A0B0C0D-0000-0000-0000-000000000001}}</Data>\
         <Data Name='updateRevisionNumber'>200</Data></EventData></Event>",
        record % 60
    )
}

#[test]
fn event_records_arrive_although_no_line_ends_between_them() {
    let mut world = World::new();
    world.config.sources.event_xml = Some(world.path("events.xml"));
    let mut collector = world.open();
    let mut notes = Notes::default();
    let text: String = (1..=5).map(event).collect();
    let (front, back) = text.split_at(text.len() - 30);
    append_to(&world.path("events.xml"), front);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 4, "the last is not complete");
    append_to(&world.path("events.xml"), back);
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.ids().len(), 5);
    let last = notes.events.last().unwrap();
    assert_eq!(last.source_kind, SourceKind::EventLog);
    assert_eq!(
        (last.result, last.hresult),
        (EventResult::Fail, Some(0x800f_0985))
    );
    assert_eq!(last.kb, "KB5022286");
}

#[test]
fn event_records_that_were_receipted_are_not_sent_again_after_a_restart() {
    let mut world = World::new();
    world.config.sources.event_xml = Some(world.path("events.xml"));
    let mut collector = world.open();
    append_to(&world.path("events.xml"), &event(1));
    world.settle(&mut collector, &mut Notes::default());
    collector.save();
    let mut collector = world.open();
    let mut notes = Notes::default();
    append_to(&world.path("events.xml"), &event(2));
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 1);
}

fn list(kbs: &[&str]) -> String {
    let head =
        "Description      FixComments  HotFixID   InstallDate  InstalledBy  InstalledOn  \r\n";
    let row = |kb: &&str| {
        format!("Security Update               {kb}               N            1/11/2020    \r\n")
    };
    kbs.iter()
        .map(row)
        .fold(head.to_owned(), |list, row| list + &row)
}

#[test]
fn a_list_of_installed_updates_is_read_anew_when_it_is_replaced() {
    let mut world = World::new();
    let path = world.path("qfe.txt");
    world.config.sources.installed_updates = Some(path.clone());
    let mut collector = world.open();
    let mut notes = Notes::default();
    fs::write(&path, list(&["KB5021237"])).unwrap();
    world.settle(&mut collector, &mut notes);
    fs::write(&path, list(&["KB5022286", "KB5021237"])).unwrap();
    world.tick(1_000);
    world.settle(&mut collector, &mut notes);
    let kbs: Vec<_> = notes.events.iter().map(|event| event.kb.as_str()).collect();
    assert_eq!(kbs, ["KB5021237", "KB5022286", "KB5021237"]);
    assert_eq!(notes.ids().len(), 2);
    collector.save();
    let mut again = Notes::default();
    world.settle(&mut world.open(), &mut again);
    assert_eq!(again.events, [], "unchanged since the last start");
}

#[test]
fn a_list_longer_than_one_look_is_read_once() {
    let mut world = World::new();
    let path = world.path("qfe.txt");
    world.config.sources.installed_updates = Some(path.clone());
    let kbs: Vec<_> = (0..5_000).map(|n| format!("KB4{n:06}")).collect();
    let kbs: Vec<_> = kbs.iter().map(String::as_str).collect();
    fs::write(&path, list(&kbs)).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 300_000);
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 5_000);
}

#[test]
fn a_file_of_no_known_kind_is_left_alone_until_it_becomes_one() {
    let mut world = World::new();
    let path = world.path("WindowsUpdate.log");
    world.config.sources.windows_update_log = Some(path.clone());
    let mut collector = world.open();
    let mut notes = Notes::default();
    fs::write(&path, "hello\r\n").unwrap();
    world.settle(&mut collector, &mut notes);
    assert_eq!(collector.counts().read_bytes, 0);
    let text = world.record();
    fs::write(&path, text).unwrap();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 1);
}

#[test]
fn further_logs_are_followed_by_what_they_hold_and_not_missed_where_they_are_not() {
    let mut world = World::new();
    let there = world.path("CCM/Logs/WUAHandler.log");
    world.config.sources.more = vec![there.clone(), world.path("ReportingEvents.log")];
    let mut collector = world.open();
    let mut notes = Notes::default();
    world.settle(&mut collector, &mut notes);
    let missed = collector.unreadable_logs();
    assert!(
        !missed
            .iter()
            .any(|path| path.ends_with("ReportingEvents.log"))
    );
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    let failed = "<![LOG[Scan failed with error = 0x8024401c.]LOG]!><time=\"09:00:00.000-480\" \
                  date=\"01-11-2023\" component=\"WUAHandler\" context=\"\" type=\"3\" \
                  thread=\"1\" file=\"cwuahandler.cpp:1\">\r\n";
    fs::write(&there, failed).unwrap();
    world.settle(&mut collector, &mut notes);
    let codes: Vec<_> = notes.events.iter().map(|event| event.hresult).collect();
    assert_eq!(codes, [Some(0x8024_401c)]);
    // Read once: each further log has a memory of its own.
    collector.save();
    let mut collector = world.open();
    world.settle(&mut collector, &mut notes);
    assert_eq!(notes.events.len(), 1);
}
