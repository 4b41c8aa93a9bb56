//! Records that look like failure and are printed on healthy machines: told
//! only when asked for, as noise.

use kbwatch_proto::words::{EventResult, Phase};

use super::super::panther::Head;
use super::super::report::Report;
use super::super::scan;
use super::CbsGrammar;

impl CbsGrammar {
    /// Takes note of a record's code, and tells a known false alarm as noise
    /// where it is asked for.
    pub(super) fn ledger(&mut self, head: &Head<'_>, understood: bool, report: &mut Report<'_>) {
        if head.message.ends_with(b" - S_OK]") {
            return;
        }
        let Some(code) = scan::hresult(head.message).filter(|code| code & 0x8000_0000 != 0) else {
            return;
        };
        let noise = !understood && is_noise(code, head.message);
        report.counts.note_code(Some(code), understood || noise);
        if noise && report.with_noise {
            let mut event = self.begin(report, Phase::Maintenance, EventResult::Info);
            event.source = super::super::report::text(head.source).into();
            event.hresult = Some(code);
            event.noise = true;
            report.tell(event);
        }
    }
}

/// Whether a code is noise, some of them only with a certain text.
pub(super) fn is_noise(code: u32, message: &[u8]) -> bool {
    match code {
        0x8000_4005 | 0x8007_0002 | 0x8007_0003 | 0x8007_0020 | 0x8007_0216 | 0x8007_0490
        | 0x8007_06ba | 0x800f_0805 | 0x800f_080c | 0x800f_080d | 0x800f_0816 | 0x800f_090c => true,
        0x8007_0008 => scan::contains(message, b"event"),
        0x8007_000d => scan::contains(message, b"tick count"),
        _ => false,
    }
}
