//! Failures that name no package: as a rule a verdict on the package follows
//! and says the same, and then they say nothing more.

use kbwatch_proto::words::{EventResult, Phase};

use super::super::outcome;
use super::super::report::{Report, put, text};
use super::super::scan;
use super::{CbsGrammar, package};

/// Records with which an operation ends, by their starts behind `Failed to `.
/// What else fails on the way up is told by them, or was a probe.
const ENDS: &[&[u8]] = &[
    b"process single phase execution",
    b"perform operation",
    b"resolve execution chain",
    b"execute execution chain",
    b"begin deployment installation for Update",
    b"bulk stage deployment manifest",
    b"stage execution package",
    b"resolve package",
    b"load the COMPONENTS hive",
    b"find or add the component family",
    b"commit CSI transaction",
    b"commit CBS transaction",
];

/// Codes with which a package is looked for that is not there, as on every
/// healthy machine. Where it was the one asked for, the verdict says so.
const PROBED: [u32; 2] = [0x800f_0805, 0x800f_080c];

impl CbsGrammar {
    /// `Failed to process single phase execution. [HRESULT…]` and its like, and
    /// `Package "P" requires Servicing Stack v… [HRESULT…]`.
    pub(super) fn execution_failed(&mut self, message: &[u8], report: &mut Report<'_>) -> bool {
        let prerequisite = message.starts_with(b"Package ")
            && scan::contains(message, b" requires Servicing Stack ");
        if !prerequisite && !is_end(message) {
            return false;
        }
        let Some(code) = scan::hresult(message) else {
            return false;
        };
        if PROBED.contains(&code) && scan::contains(message, b"Failed to resolve package") {
            return false;
        }
        let result = outcome::of_code(code);
        let known = self.orphan.as_ref().and_then(|orphan| orphan.event.hresult) == Some(code)
            || self.memory.was_told(self.failure_key(code));
        if known || result == EventResult::Success {
            return true;
        }
        self.close_orphan(report);
        let mut event = self.begin(report, Phase::Install, result);
        event.hresult = Some(code);
        if let Some((named, _)) = scan::counted(message)
            && (prerequisite || memchr::memchr(b'~', named).is_some())
        {
            event.package = text(named);
            let kb = package::kb(&event.package, "");
            if prerequisite {
                event.kb = kb;
            } else {
                // A package that is not there is not the one that failed.
                put(&mut event, "missing_kb", kb);
            }
        }
        self.orphan = Some(self.open(event));
        true
    }

    /// An event with this code was told: what failed without a name is it.
    pub(super) fn adopt_orphan(&mut self, code: u32) {
        self.orphan
            .take_if(|orphan| orphan.event.hresult == Some(code));
        if code & 0x8000_0000 != 0 {
            let key = self.failure_key(code);
            self.memory.tell_once(key);
        }
    }

    pub(super) fn close_orphan(&mut self, report: &mut Report<'_>) {
        if let Some(orphan) = self.orphan.take() {
            orphan.close(report);
        }
    }

    fn failure_key(&self, code: u32) -> u64 {
        self.memory.key(&["failure", &code.to_string()])
    }
}

fn is_end(message: &[u8]) -> bool {
    let message = message.strip_prefix(b"Exec: ").unwrap_or(message);
    let failed = message.strip_prefix(b"Failed to ");
    // Most differ in their first letter.
    let is = |rest: &[u8], end: &[u8]| rest.first() == end.first() && rest.starts_with(end);
    failed.is_some_and(|rest| ENDS.iter().any(|end| is(rest, end)))
}
