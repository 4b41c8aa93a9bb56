//! Records that look like failure and are printed on healthy machines: told
//! only when asked for, as noise.

use kbwatch_proto::words::{EventResult, Phase};

use super::super::panther::Head;
use super::super::report::Report;
use super::super::scan;
use super::CbsGrammar;

/// Codes with the text that makes them noise; no text: always.
const NOISE: &[(u32, &[u8])] = &[
    (0x800f_0805, b""),
    (0x8007_0490, b""),
    (0x8007_0002, b""),
    (0x8007_0003, b""),
    (0x8007_0020, b""),
    (0x8007_06ba, b""),
    (0x8007_0216, b""),
    (0x8007_0008, b"event"),
    (0x8000_4005, b""),
    (0x8007_000d, b"tick count"),
    (0x800f_080d, b""),
    (0x800f_090c, b""),
    (0x800f_080c, b""),
    (0x800f_0816, b""),
];

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

pub(super) fn is_noise(code: u32, message: &[u8]) -> bool {
    NOISE
        .iter()
        .any(|(noisy, mark)| *noisy == code && scan::contains(message, mark))
}
