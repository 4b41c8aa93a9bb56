//! Keeps FIELDS.md equal to what is sent: the wire format and the further
//! fields that the grammars put into events.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

const CATALOGUE: &str = include_str!("../FIELDS.md");
const WIRE: &str = include_str!("../../proto/proto/events.proto");

/// Names in backticks under a heading.
fn listed(heading: &str) -> BTreeSet<&'static str> {
    let from = CATALOGUE
        .split_once(&format!("\n## {heading}\n"))
        .unwrap()
        .1;
    let section = from.split("\n## ").next().unwrap();
    let names = section.split('`').skip(1).step_by(2);
    names
        .filter(|name| {
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        .collect()
}

/// Fields of a message, references to the table of strings by their names.
fn sent(message: &str) -> BTreeSet<&'static str> {
    let from = WIRE
        .split_once(&format!("\nmessage {message} {{"))
        .unwrap()
        .1;
    let body = from.split("\n}").next().unwrap();
    let fields = body.lines().filter_map(|line| line.split_once(" = "));
    fields
        .map(|(left, _)| left.rsplit(' ').next().unwrap())
        .map(|name| name.trim_end_matches("_refs").trim_end_matches("_ref"))
        .collect()
}

/// All code under a folder.
fn code(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code(&path, out);
        } else {
            out.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn all_code() -> String {
    let mut all = String::new();
    code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all
}

/// Names that grammars put into events by `put(&mut event, "name", …)`.
fn put_by_grammars(code: &str) -> BTreeSet<&str> {
    let calls = code.split("put(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let rest = rest.strip_prefix("&mut ").unwrap_or(rest);
        let name = rest
            .strip_prefix("event,")?
            .trim_start()
            .strip_prefix('"')?;
        name.split('"').next()
    });
    calls.collect()
}

#[test]
fn every_field_of_the_wire_format_is_listed_and_no_other() {
    assert_eq!(listed("Events"), sent("Event"));
    let health: BTreeSet<_> = sent("Health")
        .union(&sent("SourceLines"))
        .chain(&sent("UnreadableSource"))
        .copied()
        .collect();
    assert_eq!(listed("Health"), health);
    assert!(listed("Facts").is_superset(&sent("Facts")));
}

#[test]
fn every_further_field_is_listed_and_every_listed_one_is_put() {
    let code = all_code();
    let listed = listed("Further fields of events");
    let put = put_by_grammars(&code);
    let missing: Vec<_> = put.difference(&listed).collect();
    assert!(missing.is_empty(), "not in FIELDS.md: {missing:?}");
    for name in listed
        .difference(&put)
        .filter(|name| **name != "csi_payload")
    {
        assert!(code.contains(&format!("\"{name}\"")), "never put: {name}");
    }
}

#[test]
fn further_fields_that_no_grammar_puts_are_listed_too() {
    let code = all_code();
    let calls = code.split(".extra.insert(").skip(1);
    let calls = calls.chain(code.split("extra\n").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix(".insert(")?;
        Some(rest)
    }));
    let inserted: BTreeSet<&str> = calls
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    assert!(inserted.contains("imported_by"), "{inserted:?}");
    let listed = listed("Further fields of events");
    let missing: Vec<_> = inserted.difference(&listed).collect();
    assert!(missing.is_empty(), "not in FIELDS.md: {missing:?}");
}

#[test]
fn every_listed_fact_is_read_somewhere() {
    let code = all_code();
    for name in listed("Facts").difference(&sent("Facts")) {
        assert!(code.contains(&format!("\"{name}\"")), "never read: {name}");
    }
}

/// Names that facts are stated under in a piece of code.
fn stated(code: &str) -> BTreeSet<&str> {
    let stated = code.split("state(").skip(1);
    let plain = code.split_once("PLAIN").map_or("", |(_, rest)| rest);
    let plain = plain.split_once("];").map_or("", |(table, _)| table);
    let names = stated.chain(plain.split("    (").skip(1));
    names
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect()
}

#[test]
fn every_fact_that_is_stated_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in ["windows/facts.rs", "watch/facts.rs"] {
        let code = std::fs::read_to_string(folder.join(file)).unwrap();
        let stated = stated(&code);
        assert!(stated.contains("arch"), "{file}: {stated:?}");
        let listed = listed("Facts");
        let missing: Vec<_> = stated.difference(&listed).collect();
        assert!(missing.is_empty(), "{file}: not in FIELDS.md: {missing:?}");
    }
}
