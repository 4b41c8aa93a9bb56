//! What lines of a CBS log are told as, by tests.

use super::super::{FileKind, Origin, TextParser};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

/// Events of lines, each behind the head of one second.
fn told(messages: &[&str]) -> Vec<UpdateEvent> {
    let origin = Origin {
        device_id: "pc-1".to_owned(),
        log: "CBS.log".to_owned(),
    };
    let (mut parser, mut events) = (TextParser::new(FileKind::Cbs, origin), vec![]);
    for message in messages {
        let line = format!("2023-02-15 06:30:00, Info                  CBS    {message}\r\n");
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
