//! Prints look-alikes of every kind of log, and keeps what was printed.
//!
//! The fixtures were written for these tests; no real log is among them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

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
