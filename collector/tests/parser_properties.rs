//! What must hold for parsers whatever they are fed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;

use kbwatch_collector::parse::{FileKind, Origin, ParserCheckpoint, TextParser};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use proptest::prelude::*;

const KINDS: [FileKind; 17] = [
    FileKind::Cbs,
    FileKind::Dism,
    FileKind::WuDecoded,
    FileKind::WuLegacy,
    FileKind::EventXml,
    FileKind::Systeminfo,
    FileKind::WmicQfe,
    FileKind::GetHotfix,
    FileKind::CheckSur,
    FileKind::MoSetup,
    FileKind::Panther,
    FileKind::ConfigMgr,
    FileKind::Wusa,
    FileKind::EventRendered,
    FileKind::SetupEventRendered,
    FileKind::ReportingEvents,
    FileKind::SetupDiag,
];

fn origin() -> Origin {
    Origin {
        device_id: "pc-1".to_owned(),
        log: "log".to_owned(),
    }
}

/// All fixtures with their kinds.
fn fixtures() -> Vec<(FileKind, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            (FileKind::detect(&bytes, &name).unwrap(), bytes)
        })
        .collect()
}

/// All CBS fixtures in one file, so that memory reaches across them.
fn long_cbs_log() -> Vec<u8> {
    fixtures()
        .into_iter()
        .filter(|(kind, _)| *kind == FileKind::Cbs)
        .flat_map(|(_, bytes)| bytes)
        .collect()
}

fn read(kind: FileKind, chunks: &[&[u8]]) -> Vec<UpdateEvent> {
    let mut parser = TextParser::new(kind, origin());
    let mut events = Vec::new();
    for chunk in chunks {
        parser.feed(chunk, &mut events);
    }
    parser.finish(&mut events);
    parser.resolve_times(&mut events);
    events
}

/// The fullest telling of every event.
fn by_id(events: Vec<UpdateEvent>) -> BTreeMap<EventId, UpdateEvent> {
    let mut fullest: BTreeMap<EventId, UpdateEvent> = BTreeMap::new();
    for event in events {
        let known = fullest
            .entry(event.event_id)
            .or_insert_with(|| event.clone());
        if known.completeness < event.completeness {
            *known = event;
        }
    }
    fullest
}

/// Reads up to a cut, stores a checkpoint, and goes on from it as after a
/// restart; `quiet` lets the log fall quiet before.
fn read_with_restart(kind: FileKind, bytes: &[u8], cut: usize, quiet: bool) -> Vec<UpdateEvent> {
    let mut events = Vec::new();
    let mut parser = TextParser::new(kind, origin());
    parser.feed(&bytes[..cut], &mut events);
    if quiet {
        parser.settle(&mut events);
    }
    let stored = serde_json::to_vec(&parser.checkpoint()).unwrap();
    let checkpoint: ParserCheckpoint = serde_json::from_slice(&stored).unwrap();
    assert!(checkpoint.context.len() <= 64 * 1024);
    let mut parser = TextParser::restore(kind, origin(), &checkpoint);
    let from = usize::try_from(checkpoint.offset).unwrap();
    assert!(from <= cut);
    parser.feed(&bytes[from..], &mut events);
    parser.finish(&mut events);
    parser.resolve_times(&mut events);
    events
}

#[test]
fn every_prefix_of_every_fixture_is_read_without_a_panic() {
    for (kind, bytes) in fixtures() {
        for end in (0..bytes.len()).step_by(7) {
            read(kind, &[&bytes[..end]]);
        }
    }
}

#[test]
fn a_restart_at_any_place_gives_the_same_events() {
    let mut logs = fixtures();
    logs.push((FileKind::Cbs, long_cbs_log()));
    for (kind, bytes) in logs {
        let whole = by_id(read(kind, &[&bytes]));
        for cut in (0..bytes.len()).step_by(53) {
            for quiet in [false, true] {
                let found = by_id(read_with_restart(kind, &bytes, cut, quiet));
                let ids: Vec<_> = found.keys().collect();
                assert_eq!(ids, whole.keys().collect::<Vec<_>>(), "{kind} cut at {cut}");
                for (id, event) in &whole {
                    assert_eq!(found[id].result, event.result, "{kind} cut at {cut}");
                    assert_eq!(found[id].position, event.position, "{kind} cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn a_context_that_this_code_cannot_read_starts_fresh_at_the_same_place() {
    let bytes = long_cbs_log();
    let mut parser = TextParser::new(FileKind::Cbs, origin());
    let mut events = Vec::new();
    parser.feed(&bytes[..bytes.len() / 2], &mut events);
    let mut checkpoint = parser.checkpoint();
    checkpoint.context = b"{\"version\":99}".to_vec();
    let restored = TextParser::restore(FileKind::Cbs, origin(), &checkpoint).checkpoint();
    assert_eq!(
        (restored.offset, restored.line),
        (checkpoint.offset, checkpoint.line)
    );
}

#[test]
fn a_quiet_log_tells_its_last_event_and_tells_it_again_when_it_knows_more() {
    let texts = fixtures()
        .into_iter()
        .filter_map(|(_, bytes)| String::from_utf8(bytes).ok());
    let text = texts
        .into_iter()
        .find(|text| text.contains("Hydration failed with"))
        .unwrap();
    let cut = text.find("Hydration failed with").unwrap();
    let cut = text[..cut].rfind("2023-").unwrap();
    let mut parser = TextParser::new(FileKind::Cbs, origin());
    let mut events = Vec::new();
    parser.feed(&text.as_bytes()[..cut], &mut events);
    assert!(!events.iter().any(|event| event.file == "tprint.dll"));
    parser.settle(&mut events);
    parser.settle(&mut events);
    let poor = events.pop().unwrap();
    assert_eq!(
        (poor.file.as_str(), poor.component.as_str()),
        ("tprint.dll", "")
    );
    assert!(!events.iter().any(|event| event.file == "tprint.dll"));
    parser.feed(&text.as_bytes()[cut..], &mut events);
    let rich = events
        .iter()
        .find(|event| event.event_id == poor.event_id)
        .unwrap();
    assert!(!rich.component.is_empty());
    assert!(rich.completeness > poor.completeness);
}

#[test]
fn a_head_line_without_its_end_waits_even_when_the_log_is_quiet() {
    let line = b"2023-01-11 09:00:00, Info                  CBS    Startup: Processing complete. [HRESULT = 0x00000000 - S_OK]";
    let mut parser = TextParser::new(FileKind::Cbs, origin());
    let mut events = Vec::new();
    parser.feed(line, &mut events);
    parser.settle(&mut events);
    assert!(events.is_empty());
    assert_eq!(parser.checkpoint().offset, 0);
    parser.finish(&mut events);
    assert_eq!(events.len(), 1);
}

#[test]
fn the_same_record_in_an_archive_is_the_same_event() {
    let bytes = long_cbs_log();
    let name = |log: &str| Origin {
        log: log.to_owned(),
        ..origin()
    };
    let ids = |log: &str, bytes: &[u8]| {
        let mut events = Vec::new();
        let mut parser = TextParser::new(FileKind::Cbs, name(log));
        parser.feed(bytes, &mut events);
        parser.finish(&mut events);
        by_id(events).into_keys().collect::<Vec<_>>()
    };
    let unix = String::from_utf8(bytes.clone())
        .unwrap()
        .replace("\r\n", "\n");
    assert_eq!(
        ids("CBS.log", &bytes),
        ids("CbsPersist_20230111090000.log", unix.as_bytes())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        FileKind::detect(&bytes, "CBS.log");
        for kind in KINDS {
            read(kind, &[&bytes]);
        }
    }

    #[test]
    fn damaged_logs_are_read_without_a_panic(
        log in 0usize..13,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let mut logs = fixtures();
        let at = log % logs.len();
        let (kind, mut bytes) = logs.swap_remove(at);
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        read(kind, &[&bytes]);
    }

    #[test]
    fn any_cut_gives_the_same_events(cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        for (kind, bytes) in fixtures() {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(kind, &chunks), read(kind, &[&bytes]));
        }
    }
}
