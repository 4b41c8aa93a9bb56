//! A log that a device cannot read is seen by people, and no more once it is
//! mended: from a folder in its place to metrics, API and page.

use std::fs;
use std::path::Path;

use kbwatch_collector::{CollectorConfig, SourcesConfig, run};
use kbwatch_one_machine::cli::EnrollRole;
use serde_json::Value;
use tokio::sync::watch;

use crate::harness::{Plan, UpProcess, eventually};

/// A device that tells how it is every second.
fn config(plan: &Plan, home: &Path) -> CollectorConfig {
    CollectorConfig {
        heartbeat_s: 1,
        poll_ms: 50,
        start_spread_ms: 0,
        sources: SourcesConfig {
            cbs_log: Some(home.join("CBS.log")),
            ..SourcesConfig::none()
        },
        ..plan.collector("pc-1", EnrollRole::Device, home)
    }
}

fn unreadable(river: &UpProcess) -> Value {
    let body = river.get("/api/v1/unreadable").unwrap_or_default();
    serde_json::from_str(&body).unwrap_or_default()
}

#[test]
fn a_log_that_cannot_be_read_is_seen_and_no_more_once_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    let home = folder.path().join("pc-1");
    let log = home.join("CBS.log");
    fs::create_dir_all(&log).unwrap();
    let config = config(&plan, &home);
    let (stop, shutdown) = watch::channel(false);
    let collector = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(config, shutdown)).unwrap()
    });

    eventually("the device stands in the list", || {
        let told = unreadable(&river);
        told[0]["devices"] == 1 && told[0]["some"][0]["device_id"] == "pc-1"
    });
    let told = unreadable(&river);
    assert_eq!(
        (&told[0]["source"], &told[0]["reason"]),
        (&"cbs".into(), &"not_a_file".into())
    );
    assert_eq!(river.metric("kbwatch_analyzer_devices_unreadable"), 1);
    let page = river.get("/data?lang=en").unwrap();
    assert!(
        page.contains("not a file") && page.contains("pc-1"),
        "{page}"
    );
    let overview = river.get("/?lang=zh").unwrap();
    assert!(overview.contains("无法读取日志"), "{overview}");

    fs::remove_dir(&log).unwrap();
    fs::write(&log, "2023-01-11 09:00:00, Info                  CBS    Ending TrustedInstaller finalization.\r\n").unwrap();
    eventually("the mended log is out of the list", || {
        unreadable(&river) == Value::Array(Vec::new())
            && river.metric("kbwatch_analyzer_devices_unreadable") == 0
    });
    stop.send(true).unwrap();
    collector.join().unwrap();
    assert_eq!(river.stop(), Some(0));
}
