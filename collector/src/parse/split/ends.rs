//! Where units end, in every encoding, also across a cut.

use std::borrow::Cow;

use memchr::memmem;

use super::{Splitter, Unit};
use crate::parse::encoding::Encoding;

impl Splitter {
    /// Where the unit in `rest` ends: its length without and with its end mark.
    /// The mark of a line is not part of it; that of an element is.
    pub(super) fn find_end(&self, rest: &[u8], encoding: Encoding) -> Option<(usize, usize)> {
        match (self.unit, encoding) {
            (Unit::Line, Encoding::Bytes) => memchr::memchr(b'\n', rest).map(|at| (at, at + 1)),
            (Unit::Line, Encoding::Utf16Le | Encoding::Utf16Be) => self.find_wide(rest, encoding),
            (Unit::EventElement, _) => self.find_element_end(rest, encoding),
        }
    }

    /// LF in UTF-16: its two bytes must lie on a unit boundary, and the first
    /// of them may already be in `partial`.
    fn find_wide(&self, rest: &[u8], encoding: Encoding) -> Option<(usize, usize)> {
        let lf: [u8; 2] = match encoding {
            Encoding::Utf16Be => [0, b'\n'],
            _ => [b'\n', 0],
        };
        let odd = usize::try_from(self.taken % 2).unwrap_or(0);
        if odd == 1 && self.partial.last() == Some(&lf[0]) && rest.first() == Some(&lf[1]) {
            return Some((0, 1));
        }
        let mut at = odd;
        while let Some(pair) = rest.get(at..at + 2) {
            if pair == lf {
                return Some((at, at + 2));
            }
            at += 2;
        }
        None
    }

    fn find_element_end(&self, rest: &[u8], encoding: Encoding) -> Option<(usize, usize)> {
        const END: &[u8] = b"</Event>";
        let end: Cow<'_, [u8]> = match encoding {
            Encoding::Bytes => Cow::Borrowed(END),
            Encoding::Utf16Le => Cow::Owned(END.iter().flat_map(|byte| [*byte, 0]).collect()),
            Encoding::Utf16Be => Cow::Owned(END.iter().flat_map(|byte| [0, *byte]).collect()),
        };
        // The end may straddle the cut: look at the seam first.
        let kept = self.partial.len().min(end.len() - 1);
        let mut seam = self.partial[self.partial.len() - kept..].to_vec();
        seam.extend_from_slice(&rest[..rest.len().min(end.len() - 1)]);
        if let Some(at) = memmem::find(&seam, &end) {
            let next = at + end.len() - kept;
            return Some((next, next));
        }
        let next = memmem::find(rest, &end)? + end.len();
        Some((next, next))
    }
}
