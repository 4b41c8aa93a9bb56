//! Lines of the log of Windows 7 and 8.1, taken apart: as they were written, with
//! blanks for tabs, or without their stamps.

use crate::parse::{scan, time};

/// A line, taken apart.
pub(crate) struct Head<'a> {
    pub(super) printed_at_ms: Option<i64>,
    pub(super) component: &'a [u8],
    pub(super) text: &'a [u8],
}

impl<'a> Head<'a> {
    /// Takes a line apart; `None` where it is none.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let (printed_at_ms, rest) = time::legacy_stamp(line.trim_ascii_start())?;
        let Some(cells) = rest.strip_prefix(b"\t") else {
            return Self::pasted(printed_at_ms, rest);
        };
        let mut cells = cells.splitn(4, |byte| *byte == b'\t');
        let (_pid, _tid) = (cells.next()?, cells.next()?);
        Some(Self {
            printed_at_ms: Some(printed_at_ms),
            component: cells.next()?.trim_ascii(),
            text: cells.next().unwrap_or_default().trim_ascii(),
        })
    }

    /// What follows the stamp where blanks took the place of tabs.
    fn pasted(printed_at_ms: i64, rest: &'a [u8]) -> Option<Self> {
        let (pid, rest) = word(rest);
        let (tid, rest) = word(rest);
        let hex = |id: &[u8]| !id.is_empty() && id.iter().all(u8::is_ascii_hexdigit);
        let (component, rest) = word(rest);
        (hex(pid) && hex(tid) && !component.is_empty()).then_some(Self {
            printed_at_ms: Some(printed_at_ms),
            component,
            text: rest.trim_ascii(),
        })
    }

    /// A record of an excerpt that lost its stamp, if it says that something
    /// failed.
    pub(crate) fn bare(line: &'a [u8]) -> Option<Self> {
        let text = line.trim_ascii();
        let text = text.strip_prefix(b"> ").unwrap_or(text);
        let tells = BARE.iter().any(|mark| scan::contains(text, mark));
        let (component, rest) = word(text);
        let named = component.iter().all(u8::is_ascii_alphabetic);
        tells.then_some(Self {
            printed_at_ms: None,
            component: if named { component } else { b"" },
            text: if named { rest.trim_ascii() } else { text },
        })
    }
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(scan::lead(text, |byte| !byte.is_ascii_whitespace()).len())
}

/// What failing records say that no other log says.
const BARE: [&[u8]; 3] = [
    b"CBS called Error with 0x",
    b"failed Searching for update with error 0x",
    b"WARNING: Exit code = 0x8024",
];
