//! The same log as other machines would write it: other line ends, encodings,
//! drives and years, or appended to itself. What it tells stays the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use kbwatch_collector::parse::{FileKind, Origin, TextParser};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::EventResult;

/// Fixtures whose text can be written anew: those in UTF-8.
fn texts() -> Vec<(String, FileKind, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let kind = FileKind::detect(text.as_bytes(), &name).unwrap();
            let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
            Some((name, kind, text))
        })
        .collect();
    found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    assert!(found.len() > 20, "only {} fixtures", found.len());
    found
}

fn read(kind: FileKind, bytes: &[u8]) -> Vec<UpdateEvent> {
    let origin = Origin {
        device_id: "pc-1".to_owned(),
        log: "log".to_owned(),
    };
    let (mut parser, mut events) = (TextParser::new(kind, origin), Vec::new());
    parser.feed(bytes, &mut events);
    parser.finish(&mut events);
    events
}

/// What an event says, as one line.
fn said(event: &UpdateEvent) -> String {
    let named = [
        &event.kb,
        &event.package,
        &event.component,
        &event.file,
        &event.update_guid,
    ];
    let (phase, result) = (event.phase.as_str(), event.result.as_str());
    format!("{phase} {result} {:x?} {named:?}", event.hresult)
}

fn all_said(kind: FileKind, bytes: &[u8]) -> Vec<String> {
    read(kind, bytes).iter().map(said).collect()
}

fn utf_16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn line_ends_and_encodings_change_nothing() {
    for (name, kind, text) in texts() {
        let plain = all_said(kind, text.as_bytes());
        let crlf = text.replace('\n', "\r\n");
        let marked = format!("\u{feff}{text}");
        for variant in [
            crlf.as_bytes(),
            marked.as_bytes(),
            text.trim_end().as_bytes(),
            &utf_16(&crlf),
        ] {
            assert_eq!(FileKind::detect(variant, &name), Some(kind), "{name}");
            assert_eq!(all_said(kind, variant), plain, "{name}");
        }
    }
}

#[test]
fn other_drives_updates_and_years_change_nothing_else() {
    for (name, kind, text) in texts() {
        for (from, to) in [
            ("C:\\", "D:\\"),
            ("KB5022286", "KB5099999"),
            ("17763", "26100"),
            ("2023", "2031"),
        ] {
            let plain = all_said(kind, text.as_bytes());
            let plain: Vec<_> = plain.iter().map(|said| said.replace(from, to)).collect();
            let variant = text.replace(from, to);
            let told = all_said(kind, variant.as_bytes());
            let told: Vec<_> = told.iter().map(|said| said.replace(from, to)).collect();
            assert_eq!(told, plain, "{name}: {from}");
        }
    }
}

#[test]
fn a_log_that_is_appended_to_itself_claims_no_other_harm() {
    let harm = |kind, bytes: &[u8]| -> BTreeSet<String> {
        let events = read(kind, bytes);
        let harmful = events.iter().filter(|event| {
            !matches!(
                event.result,
                EventResult::Info | EventResult::Start | EventResult::LogStart
            )
        });
        harmful.map(said).collect()
    };
    for (name, kind, text) in texts() {
        let log = format!("{}\n", text.trim_end());
        let once = harm(kind, log.as_bytes());
        assert_eq!(harm(kind, log.repeat(3).as_bytes()), once, "{name}");
    }
}
