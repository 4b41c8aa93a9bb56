//! What lines of a dism.log are told as, by tests.

use super::super::{FileKind, Origin, TextParser};
use kbwatch_proto::words::EventResult;

fn origin() -> Origin {
    Origin {
        device_id: "pc-1".to_owned(),
        log: "dism.log".to_owned(),
    }
}

/// Lines, each behind a head of its level and second.
fn log(lines: &[(&str, &str)]) -> String {
    let heads = lines.iter().enumerate();
    let line = |(at, (level, text)): (usize, &(&str, &str))| {
        format!("2023-02-15 06:{at:02}:00, {level:21} DISM   {text}\r\n")
    };
    heads.map(line).collect()
}

/// Phase, result, code, operation and KB of what failed or was a warning.
fn told(lines: &[(&str, &str)]) -> Vec<String> {
    let (mut parser, mut events) = (TextParser::new(FileKind::Dism, origin()), vec![]);
    parser.feed(log(lines).as_bytes(), &mut events);
    parser.finish(&mut events);
    let harm = events
        .iter()
        .filter(|event| matches!(event.result, EventResult::Fail | EventResult::Warn));
    harm.map(|event| {
        format!(
            "{} {} {:08x} {} {}",
            event.phase.as_str(),
            event.result.as_str(),
            event.hresult.unwrap_or_default(),
            event.operation,
            event.kb
        )
        .trim_end()
        .to_owned()
    })
    .collect()
}

const START: (&str, &str) = ("Info", "DISM.EXE: <----- Starting Dism.exe session ----->");
const END: (&str, &str) = ("Info", "DISM.EXE: <----- Ending Dism.exe session ----->");
const RESTORE: (&str, &str) = (
    "Info",
    "DISM.EXE: Executing command line: Dism /Online /Cleanup-Image /RestoreHealth",
);
const ADD: (&str, &str) = (
    "Info",
    r"DISM.EXE: Executing command line: Dism /Online /Add-Package /PackagePath:C:\t\kb5022286.cab",
);
const HOST: (&str, &str) = (
    "Info",
    "DISM Provider Store: PID=4032 TID=4036 Finished initializing - CDISMProviderStore::Final",
);
const NO_SOURCE: (&str, &str) = (
    "Error",
    "DISM Package Manager: PID=4032 TID=4040 Failed finalizing changes. - \
     CDISMPackageManager::Internal_Finalize(hr:0x800f081f)",
);

#[test]
fn a_program_that_asks_something_else_takes_nobody_s_failure() {
    let other = (
        "Info",
        "API: PID=7788 TID=7792 Enter DismGetFeatureInfoInternal - DismGetFeatureInfoInternal",
    );
    let end = (
        "Error",
        "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F081F",
    );
    assert_eq!(
        told(&[START, RESTORE, HOST, other, NO_SOURCE, end, END]),
        ["corruption_repair fail 800f081f restorehealth"]
    );
    // Nor does it get one of another's.
    let its_own = (
        "Error",
        "API: PID=7788 TID=7792 Failed to get info - CGetFeatureInfo::Execute(hr:0x80070002)",
    );
    assert_eq!(
        told(&[START, RESTORE, HOST, other, its_own, END]),
        ["inventory warn 80070002 GetFeatureInfo"]
    );
}

#[test]
fn a_second_command_that_comes_and_goes_leaves_the_first_one_s_kb() {
    let list = (
        "Info",
        "DISM.EXE: Executing command line: Dism /Online /Get-Packages",
    );
    let failed = (
        "Error",
        "DISM Package Manager: PID=4032 TID=4040 Failed finalizing changes. - \
         CDISMPackageManager::Internal_Finalize(hr:0x80070490)",
    );
    let end = (
        "Error",
        "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=80070490",
    );
    let expected = ["install fail 80070490 add-package KB5022286"];
    assert_eq!(
        told(&[START, ADD, START, list, END, failed, end, END]),
        expected
    );
    // The second one outlasts the first: the end is of the one that spoke.
    let listed = (
        "Error",
        "DISM Package Manager: PID=5050 TID=1 No list - CDISMPackageManager::Get(hr:0x80070057)",
    );
    assert_eq!(
        told(&[START, ADD, HOST, START, list, failed, end, END, listed, END]),
        [expected[0], "inventory warn 80070057 get-"]
    );
}

#[test]
fn a_process_that_gets_ready_belongs_to_the_run_that_it_begins() {
    let ready = (
        "Info",
        "DISM Manager: PID=7688 TID=1 Successfully created the local image session - \
         CDISMManager::CreateLocalImageSession",
    );
    let failed = (
        "Error",
        "DISM Manager: PID=7688 TID=1 No session - CDISMManager::CreateImageSession(hr:0x80070005)",
    );
    assert_eq!(
        told(&[START, RESTORE, HOST, ready, START, ADD, failed]),
        ["install fail 80070005 add-package KB5022286"]
    );
}

#[test]
fn a_failure_that_changes_its_code_and_back_is_told_once_a_code() {
    let download = (
        "Error",
        "DISM Package Manager: PID=4032 TID=4040 Failed. - CDISMPackageManager::F(hr:0x800f0906)",
    );
    let end = (
        "Error",
        "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0906",
    );
    assert_eq!(
        told(&[START, ADD, download, NO_SOURCE, end, END]),
        [
            "install fail 800f0906 add-package KB5022286",
            "install fail 800f081f add-package KB5022286"
        ]
    );
}

#[test]
fn runs_survive_a_restart() {
    let before = log(&[START, ADD, HOST]);
    let (mut parser, mut events) = (TextParser::new(FileKind::Dism, origin()), vec![]);
    parser.feed(before.as_bytes(), &mut events);
    let checkpoint = parser.checkpoint();
    let mut parser = TextParser::restore(FileKind::Dism, origin(), &checkpoint);
    let mut events = vec![];
    parser.feed(log(&[NO_SOURCE]).as_bytes(), &mut events);
    parser.finish(&mut events);
    assert_eq!(events[0].kb, "KB5022286");
}

#[test]
fn runs_that_never_end_stay_few() {
    let failed: Vec<String> = (0..20)
        .map(|at| {
            format!("DISM Package Manager: PID=40{at:02} TID=1 Failed. - CDISM::F(hr:0x800f081f)")
        })
        .collect();
    let run = |failed| [START, ADD, ("Error", failed)];
    let lines: Vec<_> = failed.iter().flat_map(|failed| run(failed)).collect();
    assert_eq!(told(&lines).len(), 20);
}
