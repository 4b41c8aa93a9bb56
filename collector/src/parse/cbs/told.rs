//! What lines of a CBS log are told as, by tests.

use super::super::{FileKind, Origin, TextParser};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

fn origin() -> Origin {
    Origin {
        device_id: "pc-1".to_owned(),
        log: "CBS.log".to_owned(),
    }
}

/// Events of lines of servicing, each behind the head of one second.
fn told(messages: &[&str]) -> Vec<UpdateEvent> {
    told_behind("CBS    ", messages)
}

/// Events of lines of the component store.
fn told_by_the_store(messages: &[&str]) -> Vec<UpdateEvent> {
    told_behind("CSI    00000001 ", messages)
}

fn told_behind(source: &str, messages: &[&str]) -> Vec<UpdateEvent> {
    let (mut parser, mut events) = (TextParser::new(FileKind::Cbs, origin()), vec![]);
    for message in messages {
        let line = format!("2023-02-15 06:30:00, Info                  {source}{message}\r\n");
        parser.feed(line.as_bytes(), &mut events);
    }
    parser.finish(&mut events);
    parser.resolve_times(&mut events);
    events
}

fn outline(events: &[UpdateEvent]) -> Vec<(Phase, EventResult)> {
    let each = events.iter().map(|event| (event.phase, event.result));
    each.collect()
}

const PACKAGE: &str = "Package_for_KB5022840~31bf3856ad364e35~amd64~~17763.4010.1.7";

/// A change of the package that came to its end.
fn change(states: &str, code: &str, context: &str) -> String {
    format!(
        "Reporting package change completion for package: {PACKAGE}, {states}, status: {code}, \
         failure source: Not Applicable, failure details: \"(null)\", client id: x, \
         primitive execution context: {context} "
    )
}

#[test]
fn a_package_that_is_in_use_after_the_boot_was_installed() {
    let reached = "current: Installed, original: Staged, target: Installed";
    let kept = "current: Installed, original: Installed, target: Installed";
    let superseded = "current: Staged, original: Installed, target: Staged";
    let outcome = |states, context| outline(&told(&[&change(states, "0x0", context)]));
    for context in ["Startup", "Shutdown"] {
        let installed = [(Phase::Install, EventResult::Success)];
        assert_eq!(outcome(reached, context), installed);
        assert_eq!(outcome(kept, context)[0].1, EventResult::Info);
        assert_eq!(outcome(superseded, context)[0].1, EventResult::Info);
    }
    // The verdict of the operation tells this one.
    assert_eq!(outcome(reached, "Interactive")[0].1, EventResult::Info);
}

#[test]
fn an_update_that_cannot_be_removed_is_no_failed_install() {
    let states = "current: Installed, original: Installed, target: Absent";
    let events = told(&[
        &format!(
            "WER: Generating failure report for package: {PACKAGE}, status: 0x80070422, failure \
             source: CSI Other, start state: Installed, target state: Absent, client id: x"
        ),
        &change(states, "0x80070422", "Interactive"),
        &format!(
            "Exec: Processing complete.  Session: 31015101_2226323456, Package: {PACKAGE} \
             [HRESULT = 0x80070422 - ERROR_SERVICE_DISABLED]"
        ),
    ]);
    assert!(events.iter().all(|event| event.phase == Phase::Uninstall));
    let failed = |event: &&UpdateEvent| event.result == EventResult::Fail;
    assert_eq!(events.iter().filter(failed).count(), 2);
}

#[test]
fn a_package_that_was_only_staged_is_not_installed() {
    let verdict = format!(
        "Exec: Processing complete.  Session: 1_2, Package: {PACKAGE} [HRESULT = 0x00000000 - S_OK]"
    );
    let staged = change(
        "current: Staged, original: Absent, target: Staged",
        "0x0",
        "Interactive",
    );
    let installed = change(
        "current: Installed, original: Staged, target: Installed",
        "0x0",
        "Interactive",
    );
    let last = |messages: &[&str]| told(messages).last().map(|event| event.result);
    assert_eq!(last(&[&staged, &verdict]), Some(EventResult::Info));
    let both = last(&[&staged, &installed, &verdict]);
    assert_eq!(both, Some(EventResult::Success));
    assert_eq!(last(&[&verdict]), Some(EventResult::Success));
}

#[test]
fn the_worker_says_what_universal_time_it_is() {
    let events = told(&[
        "Universal Time is: 2023-02-14 22:30:00.345",
        "Startup: Processing complete. [HRESULT = 0x00000000 - S_OK]",
    ]);
    assert_eq!(events[0].time_source, TimeSource::LogHeader);
    let ahead = events[0].printed_at_ms.zip(events[0].occurred_at_ms);
    assert_eq!(
        ahead.map(|(printed, utc)| printed - utc),
        Some(8 * 3_600_000)
    );
}

#[test]
fn work_that_times_out_at_a_shutdown_failed() {
    let text = "Shtd: Timed out waiting for shutdown processing to complete - no progress detected \
        in last 900000 milliseconds";
    let failed = [(Phase::RebootCommit, EventResult::Fail)];
    assert_eq!(outline(&told(&[text])), failed);
}

#[test]
fn a_transaction_that_cannot_be_committed_fails_unless_a_verdict_says_so() {
    let commit =
        "Exec: Failed to commit CSI transaction to execute changes. [HRESULT = 0x80070308]";
    let failed = [(Phase::Install, EventResult::Fail)];
    assert_eq!(outline(&told(&[commit])), failed);
    let verdict = format!(
        "Exec: Processing complete.  Session: 1_2, Package: {PACKAGE} [HRESULT = 0x80070308]"
    );
    assert_eq!(outline(&told(&[commit, &verdict])), failed);
}

#[test]
fn an_installer_whose_failure_is_ignored_hides_no_other_one() {
    let failed = |name: &str, ignored: &str| {
        format!(
            "Failed execution of queue item Installer: {name} ({{3bb9fd2b-351e-4b9c-b1fc}}) with \
             HRESULT 80070002.  Failure will {ignored}be ignored: x; installer is reliable (2)"
        )
    };
    let events = told_by_the_store(&[
        &failed("Events Installer", ""),
        &failed("Generic Command", "not "),
        &failed("Generic Command", "not "),
        &failed("Events Installer", "not "),
    ]);
    let harm = events.iter().map(|event| event.result).collect::<Vec<_>>();
    let (warn, fail) = (EventResult::Warn, EventResult::Fail);
    assert_eq!(harm, [warn, fail, fail]);
    assert_eq!(events[1].extra["installer"], "Generic Command");
}

#[test]
fn a_driver_that_is_at_hand_or_asks_for_a_reboot_did_not_fail() {
    let driver = |result: &str| {
        let text = format!("INSTALL index: 4, phase: 1, result {result}, inf: oem7.inf");
        outline(&told(&[&text]))
    };
    let commit = |result| vec![(Phase::RebootCommit, result)];
    assert_eq!(driver("259"), commit(EventResult::NotApplicable));
    assert_eq!(driver("3010"), []);
    assert_eq!(driver("1168"), commit(EventResult::Fail));
}

#[test]
fn a_package_that_is_looked_for_in_vain_is_no_failed_install() {
    let probe = |code: &str| {
        let text = format!(
            "Failed to resolve package 'Package_1_for_KB3025096~31bf3856ad364e35~amd64~~6.4.1.0' \
             [HRESULT = {code}]"
        );
        outline(&told(&[&text]))
    };
    assert_eq!(probe("0x800f0805 - CBS_E_INVALID_PACKAGE"), []);
    let failed = [(Phase::Install, EventResult::Fail)];
    assert_eq!(probe("0x800f0831 - CBS_E_STORE_CORRUPTION"), failed);
}

#[test]
fn a_boot_that_goes_on_without_a_step_did_not_fail() {
    let step = |text: &str| outline(&told(&[text]));
    let commit = |result| [(Phase::RebootCommit, result)];
    assert_eq!(
        step("Startup: Failed to notify x. Continuing without notification [HRESULT = 0x800706ba]"),
        commit(EventResult::Warn)
    );
    assert_eq!(
        step("Startup: Failed while processing driver operations queue. [HRESULT = 0x80070490]"),
        commit(EventResult::Fail)
    );
}

#[test]
fn what_the_file_checker_repairs_is_told_once_a_file() {
    let events = told_by_the_store(&[
        r#"[SR] Repaired file \SystemRoot\WinSxS\Manifests\\[l:18{9}]"x.dll" by copying from backup"#,
        r#"[SR] Repairing corrupted file [l:46{23}]"\??\C:\Windows\System32"\[l:12]"a.dll" from store"#,
        r#"[SR] Repaired file [l:12]"a.dll" by copying from backup"#,
        r#"[SR] Unable to repair file [l:12]"b.dll"; could not find source"#,
        "[SR] Cannot verify component files for X, Version = 6.1.1.1, manifest is damaged (FALSE)",
    ]);
    let repaired = (Phase::Sfc, EventResult::Repaired);
    assert_eq!(outline(&events), [repaired; 2]);
    let files: Vec<&str> = events.iter().map(|event| &*event.file).collect();
    assert_eq!(files, ["x.dll", r"C:\Windows\System32\a.dll"]);
}

#[test]
fn a_failure_in_a_wording_that_nobody_knows_stands_in_the_ledger() {
    let (mut parser, mut events) = (TextParser::new(FileKind::Cbs, origin()), vec![]);
    for message in [
        "Exec: Package processing ended. PackageId=P~31bf~amd64~~28000.1.1.7; Result=0x800f0985",
        "WER: Failure report for P result=0x800f0985",
        "Reporting change end of package P status=0x800f0985",
        "Exec: Using execution sequence: 180",
    ] {
        let line = format!("2023-02-15 06:30:00, Info                  CBS    {message}\r\n");
        parser.feed(line.as_bytes(), &mut events);
    }
    let counts = parser.counts();
    assert_eq!(
        (counts.unknown, counts.codes, counts.unknown_codes),
        (3, 3, 3)
    );
}

/// Verdict on package `number` of one session.
fn verdict(number: usize) -> String {
    format!(
        "Exec: Processing complete.  Session: 1_2, Package: \
         P{number}~31bf3856ad364e35~amd64~~10.0.17763.1 [HRESULT = 0x00000000 - S_OK]"
    )
}

const SESSION_END: &str = "Session: 1_2 finalized. Reboot required: yes [HRESULT = 0x0 - S_OK]";

/// How often each result of an install is told.
fn installs(messages: &[String]) -> (usize, usize, usize) {
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let events = told(&messages);
    let count = |result| {
        let of = |event: &&UpdateEvent| event.result == result && event.package.starts_with('P');
        events.iter().filter(of).count()
    };
    (
        count(EventResult::Success),
        count(EventResult::PendingReboot),
        count(EventResult::Info),
    )
}

#[test]
fn a_session_of_many_packages_owes_its_reboot_for_all_of_them() {
    let mut session: Vec<String> = (0..100).map(verdict).collect();
    session.push(SESSION_END.to_owned());
    assert_eq!(installs(&session), (0, 100, 0));
}

#[test]
fn a_verdict_waits_for_the_end_of_its_session_however_much_is_in_between() {
    let between = || (0..600).map(|at| format!("Appl: detect Parent, Package: X{at}, Parent: Y"));
    let mut session = vec![verdict(1)];
    session.extend(between());
    session.push(SESSION_END.to_owned());
    assert_eq!(installs(&session), (0, 1, 0));
}

#[test]
fn a_verdict_whose_session_ends_out_of_sight_is_no_success() {
    let mut log = vec![verdict(1)];
    assert_eq!(installs(&log), (1, 0, 0));
    log.extend((0..9000).map(|at| format!("Appl: detect Parent, Package: X{at}, Parent: Y")));
    assert_eq!(installs(&log), (0, 0, 1));
    let many: Vec<String> = (0..200).map(verdict).collect();
    assert_eq!(installs(&many), (128, 0, 72));
}
