//! What `kbwatch drop` and the page say about a log, and what they keep.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Plan, eventually};

/// Made up after the grammar of CBS.log: a failed update, its damaged file.
const LOG: &str = "2023-01-11 09:12:00, Info                  CBS    Exec: Processing started.  Client: UpdateAgentLCU, Session: 31008123_1020304050, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.7, Identifier: KB5022286\r
2023-01-11 09:14:10, Info                  CSI    00000a1f Hashes for file member [l:11]'printer.dll' do not match.\n Expected: {l:32 ml:33 b:3f0be1c2a97d4485606cf1b7e29ad35871c40f9be6d2835a104b7fc9de6218a3}.\n Actual: {l:32 b:c1a74e90d35b26f8820d4eaf79136bc5e04f92d7183ab6c5f0971e4d2ab386cf}.\r
2023-01-11 09:14:10, Info                  CSI    00000a20 Warning: Unable to repair payload file ([l:11]'printer.dll') for component ([l:84]'amd64_microsoft-windows-printer_31bf3856ad364e35_10.0.17763.3650_none_5d1c07ae93f2b864') from backups directory with disposition (2)...Falling back to WU.\r
2023-01-11 09:16:00, Info                  CBS    Exec: Processing complete.  Session: 31008123_1020304050, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.7, Identifier: KB5022286 [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r
2023-01-11 09:16:01, Info                  CBS    Session: 31008123_1020304050 finalized. Reboot required: no [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r
";

fn log_in(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("CBS.log");
    std::fs::write(&path, LOG).unwrap();
    path
}

fn drop_files(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kbwatch"))
        .arg("drop")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_log_is_told_in_plain_words_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    for (lang, headline) in [
        (
            "en",
            "KB5022286 failed 0x800f0985 PSFX_E_APPLY_REVERSE_DELTA_FAILED.",
        ),
        (
            "zh",
            "KB5022286 失败 0x800f0985 PSFX_E_APPLY_REVERSE_DELTA_FAILED。",
        ),
    ] {
        let output = drop_files(&[log.to_str().unwrap(), "--lang", lang]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.starts_with(headline), "{said}");
        for word in [
            "printer.dll",
            "3f0be1c2a97d4485606cf1b7e29ad35871c40f9be6d2835a104b7fc9de6218a3",
            "/RestoreHealth",
            "/LimitAccess",
        ] {
            assert!(said.contains(word), "{word} is not in: {said}");
        }
    }
}

#[test]
fn an_unreadable_file_exits_2_and_the_others_are_still_told() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let output = drop_files(&["/nowhere/CBS.log", log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("/nowhere/CBS.log"));
    assert!(text(&output.stdout).contains("KB5022286"));
}

#[test]
fn a_running_river_gets_the_events_once_however_often_they_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    let log = log_in(folder.path());
    for _ in 0..2 {
        let output = drop_files(&[
            log.to_str().unwrap(),
            "--to",
            &plan.url(),
            "--device",
            "Teller-7",
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("/devices/dropped-teller-7"));
    }
    assert!(river.metric("kbwatch_store_stored_events_total") > 0);
    assert_eq!(river.metric("kbwatch_store_rejected_events_total"), 0);
    // It has a page, and is no device of the fleet.
    let overview = || river.get("/api/v1/overview").unwrap_or_default();
    eventually("the analyzer has seen the events", || {
        let seen = overview();
        !seen.contains("\"events\":0,") && seen.contains("\"events\":")
    });
    assert!(overview().contains("\"devices\":0"), "{}", overview());
    let page = river.get("/devices/dropped-teller-7").unwrap_or_default();
    assert!(page.contains("KB5022286"), "{page}");
    assert_eq!(river.stop(), Some(0));
}

#[test]
fn a_river_elsewhere_is_not_handed_logs() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let output = drop_files(&[log.to_str().unwrap(), "--to", "http://192.0.2.1:8080"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("not on this machine"));
}

#[test]
fn the_page_answers_an_upload_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    let url = format!("{}/drop", plan.url());
    let told = ureq::post(format!("{url}?name=CBS.log"))
        .send(LOG)
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert!(told.starts_with("KB5022286 failed"), "{told}");
    let form = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"<b>CBS.log\"\r\n\r\n{LOG}\r\n--cut--\r\n"
    );
    let page = ureq::post(&url)
        .header("Content-Type", "multipart/form-data; boundary=cut")
        .send(&form)
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert!(
        page.contains("printer.dll") && page.contains("&lt;b&gt;CBS.log"),
        "{page}"
    );
    assert_eq!(river.metric("kbwatch_store_events_total"), 0);
    assert_eq!(river.stop(), Some(0));
}

#[test]
fn an_upload_over_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(&folder.path().join("data"));
    let river = plan.start();
    let large = vec![b'x'; 65 * 1024 * 1024];
    let answer = ureq::post(format!("{}/drop?name=CBS.log", plan.url()))
        .config()
        .http_status_as_error(false)
        .build()
        .send(&large[..]);
    // Told with a status, or by closing the connection before all was sent.
    assert!(answer.map_or(true, |answer| answer.status() == 413));
    assert_eq!(river.stop(), Some(0));
}
