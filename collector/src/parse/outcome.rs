//! What a final result code makes of an operation.

use kbwatch_proto::result_code::{ResultCode, Verdict};
use kbwatch_proto::words::EventResult;

/// Codes that say "done, but for a reboot" in spite of their severity bit, or
/// without one.
const PENDING_REBOOT: [u32; 5] = [
    0x0024_0005,
    0x8024_2014,
    0x8007_0bc2,
    0x0000_0bc2,
    0x8007_0bc3,
];

/// Codes of updates that are not meant for this machine, are on it already, or
/// are on it for good.
const NOT_APPLICABLE: [u32; 4] = [0x8024_0017, 0x800f_081e, 0x0024_0006, 0x800f_0825];

/// What the installation of a driver ends with where the machine has it, or a
/// better one.
const DRIVER_AT_HAND: u32 = 0x8007_0103;

/// Codes of work that someone called off, which servicing's own tables do not
/// know as such: at the screen, through the agent, or by a newer call.
const CANCELLED: [u32; 7] = [
    0x8007_04c7,
    0x8007_04d3,
    0x8024_0054,
    0x8024_0055,
    0x8024_005a,
    0x8024_005b,
    0x8024_0063,
];

/// Codes after which the agent goes on by itself, the last one as soon as
/// somebody logs on.
const RETRIED: [u32; 3] = [0x800f_0816, 0x8024_200d, 0x8024_0020];

/// The result that an operation's final code stands for.
pub(crate) fn of_code(code: u32) -> EventResult {
    if PENDING_REBOOT.contains(&code) {
        return EventResult::PendingReboot;
    }
    if NOT_APPLICABLE.contains(&code) {
        return EventResult::NotApplicable;
    }
    if RETRIED.contains(&code) {
        return EventResult::Retry;
    }
    if CANCELLED.contains(&code) {
        return EventResult::Cancelled;
    }
    let code = ResultCode(code).canonical();
    if code.is_success() {
        return EventResult::Success;
    }
    match code.verdict() {
        Verdict::Cancelled => EventResult::Cancelled,
        Verdict::Pending => EventResult::PendingReboot,
        Verdict::Benign => EventResult::Warn,
        _ => EventResult::Fail,
    }
}

/// The same for a driver, or for an update without a KB number: those are
/// drivers and applications.
pub(crate) fn of_driver_code(code: u32) -> EventResult {
    if code == DRIVER_AT_HAND {
        return EventResult::NotApplicable;
    }
    of_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_look_like_failure_and_are_not_are_told_apart() {
        for (code, result) in [
            (0, EventResult::Success),
            (0x8007_0bc2, EventResult::PendingReboot),
            (0x8024_2014, EventResult::PendingReboot),
            (0x0024_0005, EventResult::PendingReboot),
            (0x8024_000b, EventResult::Cancelled),
            (0x800f_0820, EventResult::Cancelled),
            (0x8007_04c7, EventResult::Cancelled),
            (0x0024_0006, EventResult::NotApplicable),
            (0x8024_0017, EventResult::NotApplicable),
            (0x800f_0816, EventResult::Retry),
            (0x8007_0bc9, EventResult::Fail),
            (0x800f_0985, EventResult::Fail),
            (0x8024_8007, EventResult::Fail),
            (0x8007_0103, EventResult::Fail),
            (0x8024_0020, EventResult::Retry),
            (0x800f_0825, EventResult::NotApplicable),
        ] {
            assert_eq!(of_code(code), result, "{code:#010x}");
        }
    }

    #[test]
    fn what_the_table_calls_benign_is_no_failure() {
        let failed = |code: &u32| of_code(*code) == EventResult::Fail;
        let benign = |code: &u32| ResultCode(*code).verdict() == Verdict::Benign;
        let codes = (0x8024_0000..0x8025_0000).chain(0x800f_0000..0x8010_0000);
        assert_eq!(codes.filter(benign).find(failed), None);
    }

    #[test]
    fn a_driver_that_is_at_hand_did_not_fail() {
        assert_eq!(of_driver_code(0x8007_0103), EventResult::NotApplicable);
        assert_eq!(of_driver_code(0x8007_0490), EventResult::Fail);
    }
}
