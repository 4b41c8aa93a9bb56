//! Reads real log excerpts, where they are at hand, and holds the parsers to
//! what people read in them: recall and precision as floors that only rise.
//!
//! The excerpts are no part of this repository. Their folder is
//! `KBWATCH_CORPUS`, or `shared/corpus` beside the repository; without it the
//! test says so aloud and passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const RECALL_FLOOR: f64 = 1.0;
const PRECISION_FLOOR: f64 = 1.0;

const KEYS: [&str; 8] = [
    "result",
    "phase",
    "hresult",
    "kb",
    "package",
    "component",
    "file",
    "update_guid",
];
const OPTIONAL: [&str; 4] = ["info", "start", "log_start", "log_rotated"];
const HARM: [&str; 6] = [
    "fail",
    "hash_mismatch",
    "corrupt_unrepaired",
    "store_marked_corrupt",
    "manifest_missing",
    "rolled_back",
];
const PLACEHOLDERS: [&str; 2] = ["kb777777", "kb777778"];

/// Counts over all excerpts.
#[derive(Default)]
struct Score {
    required: usize,
    found: usize,
    claims: usize,
    right: usize,
    timed: usize,
    on_time: usize,
    repeats: usize,
    remarks: Vec<String>,
}

#[test]
fn real_logs_are_read_as_people_read_them() {
    let Some(folder) = corpus() else {
        // Past the test's own output, which is shown only when it fails.
        let said = writeln!(
            std::io::stderr(),
            "NOT CHECKED: no folder of real excerpts at KBWATCH_CORPUS or shared/corpus beside \
             the repository"
        );
        return said.unwrap();
    };
    let mut score = Score::default();
    for (log, expected) in cases(&folder) {
        let printed = parse(&folder.join(&log));
        for event in &printed {
            assert!(!names_a_user(event), "{log} names a user: {event}");
        }
        score.add(&log, &expected, &printed);
    }
    assert!(
        score.required > 0,
        "no expectations in {}",
        folder.display()
    );
    let recall = ratio(score.found, score.required);
    let precision = ratio(score.right, score.claims);
    println!(
        "recall {recall:.3} precision {precision:.3} times {}/{} repeats {}",
        score.on_time, score.timed, score.repeats
    );
    let remarks = score.remarks.join("\n");
    assert!(recall >= RECALL_FLOOR, "recall {recall:.3}\n{remarks}");
    assert!(
        precision >= PRECISION_FLOOR,
        "precision {precision:.3}\n{remarks}"
    );
    assert_eq!(score.on_time, score.timed, "times\n{remarks}");
    assert_eq!(score.repeats, 0, "repeats\n{remarks}");
}

fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("KBWATCH_CORPUS").map(PathBuf::from);
    if let Some(named) = &named {
        assert!(
            named.is_dir(),
            "KBWATCH_CORPUS is no folder: {}",
            named.display()
        );
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let beside = repository
        .and_then(Path::parent)
        .map(|parent| parent.join("shared/corpus"));
    named
        .into_iter()
        .chain(beside)
        .find(|folder| folder.is_dir())
}

/// Log name and expected events of every case.
fn cases(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut cases = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".expected.json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let log = case["file"].as_str().unwrap().to_owned();
        if folder.join(&log).exists() {
            cases.insert(log, case["events"].as_array().unwrap().clone());
        }
    }
    cases
}

fn parse(path: &Path) -> Vec<Value> {
    let done = Command::new(env!("CARGO_BIN_EXE_kbwatch-collector"))
        .args(["parse", "--format", "jsonl"])
        .arg(path)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", path.display());
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

impl Score {
    fn add(&mut self, log: &str, expected: &[Value], printed: &[Value]) {
        let mut by_detail: Vec<&Value> = expected.iter().collect();
        by_detail.sort_by_key(|event| std::cmp::Reverse(detail(event)));
        let mut used: HashSet<usize> = HashSet::new();
        for event in by_detail {
            let mut free: Vec<usize> = (0..printed.len())
                .filter(|at| !used.contains(at) && matches(event, &printed[*at]))
                .collect();
            if !is_word(event, "result", &OPTIONAL) {
                self.required += 1;
                self.found += usize::from(!free.is_empty());
                if free.is_empty() {
                    self.remarks.push(format!("{log}: missed {event}"));
                }
            }
            if let Some(instant) = event["ts_utc"].as_str()
                && !free.is_empty()
            {
                self.timed += 1;
                let on_time = free
                    .iter()
                    .copied()
                    .find(|at| printed[*at]["ts_utc"].as_str().and_then(second) == second(instant));
                match on_time {
                    Some(at) => {
                        self.on_time += 1;
                        free = vec![at];
                    }
                    None => self.remarks.push(format!("{log}: wrong time of {event}")),
                }
            }
            used.extend(free.first());
        }
        for (at, event) in printed.iter().enumerate() {
            self.judge(log, expected, event, used.contains(&at));
        }
    }

    fn judge(&mut self, log: &str, expected: &[Value], event: &Value, is_used: bool) {
        let placeholder = is_word(event, "kb", &PLACEHOLDERS);
        if !placeholder && !is_word(event, "result", &HARM) {
            return;
        }
        self.claims += 1;
        if !placeholder && expected.iter().any(|known| matches(known, event)) {
            self.right += 1;
            self.repeats += usize::from(!is_used);
        } else {
            self.remarks.push(format!("{log}: false alarm {event}"));
        }
    }
}

/// Whether a field holds a user's folder or a domain account.
fn names_a_user(event: &Value) -> bool {
    let fields = event.as_object().unwrap().values();
    fields.filter_map(Value::as_str).any(|text| {
        let lower = text.to_lowercase();
        let path = lower.split(":\\users\\").skip(1).any(|tail| {
            !["***", "public", "default", "all users"]
                .iter()
                .any(|shared| tail.starts_with(shared))
        });
        let account = text
            .split("S-1-5-21-")
            .skip(1)
            .any(|tail| tail.starts_with(|c: char| c.is_ascii_digit()));
        path || account
    })
}

fn fold(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.trim().trim_matches(['{', '}']).to_lowercase()
}

fn is_word(event: &Value, key: &str, words: &[&str]) -> bool {
    words.contains(&fold(&event[key]).as_str())
}

fn detail(event: &Value) -> usize {
    KEYS.iter()
        .filter(|key| !fold(&event[**key]).is_empty())
        .count()
}

fn matches(expected: &Value, printed: &Value) -> bool {
    KEYS.iter().all(|key| {
        let wanted = fold(&expected[*key]);
        wanted.is_empty() || fold(&printed[*key]) == wanted
    })
}

/// Instant without its fraction: both sides print UTC.
fn second(instant: &str) -> Option<&str> {
    instant.get(..19)
}

fn ratio(part: usize, whole: usize) -> f64 {
    let as_float = |count: usize| f64::from(u32::try_from(count).unwrap());
    if whole == 0 {
        1.0
    } else {
        as_float(part) / as_float(whole)
    }
}
