//! `explain --csv` as a person runs it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

use std::fmt::Write as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn explain(csv: &str, format: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, csv).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kbwatch-analyzer"))
        .args(["explain", "--format", format, "--csv"])
        .arg(&path)
        .output()
        .unwrap()
}

fn causes(csv: &str) -> Vec<Value> {
    let output = explain(csv, "json");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Leaves over isp × cdn × bitrate; `bad` picks those that fail at 25 %, the
/// others at 2 %.
fn table(bad: impl Fn(usize, usize, usize) -> bool, usual: bool) -> String {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut csv = String::from("isp,cdn,bitrate,failed,total");
    csv += if usual {
        ",usual_failed,usual_total\n"
    } else {
        "\n"
    };
    for isp in 0..8 {
        for cdn in 0..6 {
            for bitrate in 0..4 {
                let total = 50 + dice.u32(..400);
                let rate = if bad(isp, cdn, bitrate) { 0.25 } else { 0.02 };
                let hits = |dice: &mut fastrand::Rng, rate: f64| {
                    (0..total).filter(|_| dice.f64() < rate).count()
                };
                let failed = hits(&mut dice, rate);
                write!(csv, "isp{isp},{cdn},{bitrate},{failed},{total}").unwrap();
                if usual {
                    write!(csv, ",{},{total}", hits(&mut dice, 0.02)).unwrap();
                }
                csv += "\n";
            }
        }
    }
    csv
}

fn names(causes: &[Value]) -> Vec<Value> {
    causes.iter().map(|cause| cause["cause"].clone()).collect()
}

#[test]
fn a_single_cause_is_named_alone() {
    for usual in [false, true] {
        let found = causes(&table(|isp, _, _| isp == 3, usual));
        assert_eq!(names(&found), [json!({"isp": "isp3"})], "usual: {usual}");
        let ratio = found[0]["risk_ratio"].as_f64().unwrap();
        let interval = found[0]["interval"].as_array().unwrap();
        assert!((8.0..18.0).contains(&ratio), "{ratio}");
        assert!(interval[0].as_f64().unwrap() < ratio && ratio < interval[1].as_f64().unwrap());
    }
}

#[test]
fn a_conjunction_is_named_with_exactly_its_parts() {
    for usual in [false, true] {
        let found = causes(&table(|isp, cdn, _| isp == 2 && cdn == 5, usual));
        assert_eq!(
            names(&found),
            [json!({"isp": "isp2", "cdn": "5"})],
            "usual: {usual}"
        );
        let three = causes(&table(
            |isp, cdn, rate| isp == 2 && cdn == 5 && rate == 1,
            usual,
        ));
        let expected = json!({"isp": "isp2", "cdn": "5", "bitrate": "1"});
        assert_eq!(names(&three), [expected], "usual: {usual}");
    }
}

#[test]
fn two_causes_are_both_named() {
    let mut found = names(&causes(&table(|isp, cdn, _| isp == 1 || cdn == 4, true)));
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, [json!({"cdn": "4"}), json!({"isp": "isp1"})]);
}

#[test]
fn noise_has_no_cause() {
    assert_eq!(causes(&table(|_, _, _| false, false)), Vec::<Value>::new());
    assert_eq!(causes(&table(|_, _, _| false, true)), Vec::<Value>::new());
    assert_eq!(causes("isp,failed,total\n"), Vec::<Value>::new());
    assert_eq!(causes("isp,failed,total\nA,0,0\n"), Vec::<Value>::new());
}

#[test]
fn repeated_leaves_are_summed_and_fractions_allowed() {
    let mut csv = String::from("isp,failed,total\n");
    for _ in 0..40 {
        csv += "A,1.5,5\nB,0.25,10.5\nC,0.25,10.5\n";
    }
    let found = causes(&csv);
    assert_eq!(names(&found), [json!({"isp": "A"})]);
    assert_eq!(
        (&found[0]["failed"], &found[0]["total"]),
        (&json!(60.0), &json!(200.0))
    );
}

#[test]
fn more_failed_than_total_is_an_error_with_its_line() {
    let output = explain("isp,failed,total\nA,1,5\nB,6,5\n", "json");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 3"));
    assert!(output.stdout.is_empty());
    let missing = explain("isp,failed\nA,1\n", "json");
    assert_eq!(missing.status.code(), Some(2));
    let text = explain("isp,failed,total\nA,x,5\n", "json");
    assert_eq!(text.status.code(), Some(2));
}

#[test]
fn text_is_for_people_and_usage_errors_exit_64() {
    let output = explain(&table(|isp, _, _| isp == 3, false), "text");
    assert!(String::from_utf8_lossy(&output.stdout).contains("isp=isp3"));
    let wrong = Command::new(env!("CARGO_BIN_EXE_kbwatch-analyzer"))
        .args(["explain", "--colour", "red"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn fifty_thousand_leaves_take_less_than_a_second() {
    let mut dice = fastrand::Rng::with_seed(9);
    let mut csv = String::from("a,b,c,d,e,failed,total,usual_failed,usual_total\n");
    for leaf in 0..50_000usize {
        let parts = [10, 20, 5, 10, 5].iter().scan(leaf, |rest, size| {
            let part = *rest % size;
            *rest /= size;
            Some(part.to_string())
        });
        let parts: Vec<String> = parts.collect();
        let bad = parts[0] == "3" && parts[1] == "7";
        let rate = if bad { 0.3 } else { 0.02 };
        let mut hits = |rate: f64| (0..20).filter(|_| dice.f64() < rate).count();
        let (failed, usual) = (hits(rate), hits(0.02));
        writeln!(csv, "{},{failed},20,{usual},20", parts.join(",")).unwrap();
    }
    let begun = Instant::now();
    let found = causes(&csv);
    let took = begun.elapsed();
    assert_eq!(names(&found), [json!({"a": "3", "b": "7"})]);
    // Other work may share the machine: the limit here is not the benchmark's.
    assert!(took < Duration::from_secs(5), "{took:?}");
}
