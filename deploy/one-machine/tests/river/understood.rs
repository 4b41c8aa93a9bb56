//! A Windows that writes something new is seen: from the lines of a log to
//! metrics, API and page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kbwatch_collector::{CollectorConfig, SourcesConfig, run_once};
use kbwatch_one_machine::cli::EnrollRole;
use serde_json::Value;
use tokio::sync::watch;

use crate::harness::{Plan, UpProcess, eventually};

/// Lines that every device of the fleet writes.
const LINES: u64 = 1_200;

/// A log as it is known: a session that succeeded, over and over.
fn known_format() -> String {
    let mut text = String::new();
    for n in 0..LINES {
        let (minute, second) = (n / 60 % 60, n % 60);
        write!(
            text,
            "2023-01-11 09:{minute:02}:{second:02}, Info                  CBS    Exec: Processing \
             complete.  Session: 31007000_{n}, Package: Package_for_RollupFix~31bf3856ad364e35~\
             amd64~~17763.3770.1.{n}, Identifier: KB5021237 [HRESULT = 0x00000000 - S_OK]\r\n"
        )
        .unwrap();
    }
    text
}

/// A log as no Windows wrote it so far.
fn strange_format() -> String {
    let mut text = String::new();
    for n in 0..LINES {
        writeln!(
            text,
            "{{\"t\":16734276{n:05},\"lvl\":4,\"src\":\"cbs\",\"op\":\"exec.done\",\"hr\":2148468101}}\r"
        )
        .unwrap();
    }
    text
}

/// One look at a log by a device's collector, until all is receipted.
fn look_once(plan: &Plan, folder: &Path, device: &str, ubr: &str) {
    let home = folder.join(device);
    let enrolled = plan.collector(device, EnrollRole::Device, &home);
    let facts = format!("{{\"os_build\": \"17763\", \"ubr\": \"{ubr}\"}}");
    fs::write(home.join("facts.json"), facts).unwrap();
    let config = CollectorConfig {
        facts_file: Some(home.join("facts.json")),
        sources: SourcesConfig {
            cbs_log: Some(home.join("CBS.log")),
            ..SourcesConfig::none()
        },
        ..enrolled
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_tell, shutdown) = watch::channel(false);
    let summary = runtime.block_on(run_once(config, shutdown)).unwrap();
    assert!(summary.is_complete(), "{summary:?}");
}

fn lines(river: &UpProcess, understood: &str) -> u64 {
    let label = format!("{{source=\"cbs\",understood=\"{understood}\"}}");
    river.metric(&format!("kbwatch_store_source_lines_total{label}"))
}

#[test]
fn a_build_that_writes_a_strange_format_stands_out_and_a_restart_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    for (device, text) in [("pc-1", known_format()), ("pc-2", strange_format())] {
        fs::create_dir_all(folder.path().join(device)).unwrap();
        fs::write(folder.path().join(device).join("CBS.log"), text).unwrap();
    }
    look_once(&plan, folder.path(), "pc-1", "3770");
    look_once(&plan, folder.path(), "pc-2", "3887");
    eventually("every line is counted", || {
        (lines(&river, "yes"), lines(&river, "no")) == (LINES, LINES)
    });

    // Another process on the same checkpoint, and ten lines more.
    let log = folder.path().join("pc-2/CBS.log");
    let more: String = strange_format().lines().take(10).fold(
        fs::read_to_string(&log).unwrap(),
        |mut text, line| {
            text.push_str(line);
            text.push_str("\r\n");
            text
        },
    );
    fs::write(&log, more).unwrap();
    look_once(&plan, folder.path(), "pc-2", "3887");
    eventually("the ten lines are counted and no other", || {
        (lines(&river, "yes"), lines(&river, "no")) == (LINES, LINES + 10)
    });

    let mut sources = Value::Null;
    eventually("the picture tells of both builds", || {
        let body = river.get("/api/v1/sources").unwrap_or_default();
        sources = serde_json::from_str(&body).unwrap_or_default();
        sources[0]["builds"][0]["lines"] == LINES + 10 && sources[0]["builds"][1]["lines"] == LINES
    });
    assert_eq!(sources[0]["source"], "cbs");
    let strange = &sources[0]["builds"][0];
    assert_eq!(strange["os_build"], "17763.3887");
    assert_eq!(
        (&strange["strange"], &strange["devices"]),
        (&Value::Bool(true), &1.into())
    );
    assert_eq!(strange["unknown_lines"], LINES + 10);
    assert_eq!(sources[0]["builds"][1]["strange"], false);
    assert_eq!(river.metric("kbwatch_analyzer_strange_builds"), 1);
    let page = river.get("/data?lang=en").unwrap();
    assert!(page.contains("of lines are not understood"), "{page}");
    let overview = river.get("/?lang=zh").unwrap();
    assert!(overview.contains("17763.3887") && overview.contains("的行无法解读"));
    assert_eq!(river.stop(), Some(0));
}
