//! Prints look-alikes of every kind of log, and keeps what was printed.
//!
//! The fixtures were written for these tests; no real log is among them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use kbwatch_collector::parse::PARSER_VERSION;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn fixtures() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn parse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .arg("parse")
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))
        .output()
        .unwrap()
}

fn objects(done: &Output) -> Vec<Value> {
    String::from_utf8(done.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_fixture_is_read_as_before() {
    for name in fixtures() {
        let done = parse(&[&name, "--format", "jsonl", "--device", "pc-1"]);
        assert!(done.status.success(), "{name}");
        insta::assert_json_snapshot!(name, objects(&done));
    }
}

#[test]
fn noise_is_printed_only_on_demand_and_never_as_harm() {
    let quiet = objects(&parse(&["cbs_install_0x800f0985.log", "--format", "jsonl"]));
    let loud = objects(&parse(&[
        "cbs_install_0x800f0985.log",
        "--format",
        "jsonl",
        "--noise",
    ]));
    assert!(quiet.iter().all(|event| event["noise"].is_null()));
    let noise: Vec<_> = loud.iter().filter(|event| event["noise"] == true).collect();
    assert_eq!(noise.len(), 3);
    assert!(noise.iter().all(|event| event["result"] == "info"));
    assert_eq!(loud.len(), quiet.len() + noise.len());
}

#[test]
fn nothing_printed_names_a_user() {
    for name in fixtures() {
        let done = parse(&[&name, "--format", "jsonl", "--noise"]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(!text.contains("wang"), "{name}");
    }
}

#[test]
fn an_unreadable_file_costs_status_2_and_no_other_file() {
    let done = parse(&["missing.log", "qfe.txt", "--format", "jsonl"]);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(objects(&done).len(), 3);
    assert!(String::from_utf8_lossy(&done.stderr).contains("missing.log"));
}

#[test]
fn a_command_line_that_makes_no_sense_costs_status_64() {
    for arguments in [
        &[][..],
        &["--kind", "novel", "qfe.txt"],
        &["--format", "xml", "qfe.txt"],
    ] {
        let done = parse(arguments);
        assert_eq!(done.status.code(), Some(64), "{arguments:?}");
        assert!(done.stdout.is_empty());
    }
    assert_eq!(parse(&["--help"]).status.code(), Some(0));
}

/// What every fixture gave with which version of the grammars.
const RECORD: &str = "tests/golden_events.txt";

/// Set it to write the record anew.
const WRITE_RECORD: &str = "KBWATCH_RECORD_EVENTS";

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex = hash.iter().take(16).map(|byte| format!("{byte:02x}"));
    hex.collect()
}

/// Fixture, its digest, and that of all its events with their ids and noise.
fn record_now() -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let of = |name: String| {
        let done = parse(&[&name, "--format", "jsonl", "--device", "pc-1", "--noise"]);
        let text = digest(&std::fs::read(folder.join(&name)).unwrap());
        (name, (text, digest(&done.stdout)))
    };
    fixtures().into_iter().map(of).collect()
}

fn read_record(text: &str) -> (u32, BTreeMap<String, (String, String)>) {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let version = lines.next().unwrap().strip_prefix("PARSER_VERSION ");
    let entries = lines.map(|line| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap().to_owned();
        (next(), (next(), next()))
    });
    (version.unwrap().parse().unwrap(), entries.collect())
}

/// Fixtures that stayed as they were and are read otherwise.
fn read_otherwise(
    before: &BTreeMap<String, (String, String)>,
    now: &BTreeMap<String, (String, String)>,
) -> Vec<String> {
    let changed = now.iter().filter(|(name, (text, events))| {
        let same_text = before.get(*name).filter(|(before, _)| before == text);
        same_text.is_some_and(|(_, before)| before != events)
    });
    changed.map(|(name, _)| name.clone()).collect()
}

/// Collectors read again what they read with an older version; without a new
/// one, a fleet would hold events of both kinds side by side.
#[test]
fn events_change_only_with_a_new_version_of_the_grammars() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORD);
    let (version, before) = read_record(&std::fs::read_to_string(&path).unwrap());
    let now = record_now();
    let changed = read_otherwise(&before, &now);
    assert!(
        changed.is_empty() || version < PARSER_VERSION,
        "the events of {changed:?} changed: raise PARSER_VERSION in collector/src/parse/mod.rs, so \
         that collectors read their logs again, then run this test once with {WRITE_RECORD}=1; \
         where no event should have changed, look at the snapshots' differences"
    );
    if std::env::var_os(WRITE_RECORD).is_some() {
        let mut text =
            "# Digests of every fixture and of its events: collector/tests/golden.rs.\n".to_owned();
        writeln!(text, "PARSER_VERSION {PARSER_VERSION}").unwrap();
        for (name, (fixture, events)) in &now {
            writeln!(text, "{name} {fixture} {events}").unwrap();
        }
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert!(
        (version, &before) == (PARSER_VERSION, &now),
        "fixtures or PARSER_VERSION changed: run this test once with {WRITE_RECORD}=1 and commit \
         collector/{RECORD}"
    );
}

#[test]
fn a_fixture_that_was_added_or_edited_needs_no_new_version() {
    let record = |entries: &[[&str; 3]]| -> BTreeMap<String, (String, String)> {
        let entries = entries.iter().map(|entry| entry.map(str::to_owned));
        entries
            .map(|[name, text, events]| (name, (text, events)))
            .collect()
    };
    let before = record(&[["a", "1", "x"], ["b", "2", "y"], ["c", "3", "z"]]);
    let now = record(&[["a", "1", "x"], ["b", "9", "w"], ["d", "4", "v"]]);
    assert_eq!(read_otherwise(&before, &now), [""; 0]);
    let now = record(&[["a", "1", "w"], ["b", "2", "y"]]);
    assert_eq!(read_otherwise(&before, &now), ["a"]);
}
