//! Traces of what is masked: most texts hold none, and that is told quickly.
//!
//! Promise: where something is to be masked, its trace is found; a trace alone
//! proves nothing.

use super::accounts;

/// Traces, as flags.
pub(super) const HOME: u8 = 1;
pub(super) const SID: u8 = 2;
pub(super) const CREDENTIALS: u8 = 4;
pub(super) const ACCOUNT: u8 = 8;
pub(super) const DOCUMENT: u8 = 16;

/// Bytes that are looked at together, each with the two behind it.
const BLOCK: usize = 16;
const WINDOW: usize = BLOCK + 2;

/// Nothing shorter can be masked: `a:@b`.
const SHORTEST: usize = 4;

/// Which traces a text holds.
pub(super) fn traces(text: &[u8]) -> u8 {
    if text.len() < SHORTEST {
        return 0;
    }
    let mut found = 0;
    each_window(text, |start, window| {
        // Every hint is the lowest bit of its byte.
        let mut hints = u128::from_le_bytes(hints(window));
        while hints != 0 {
            found |= trace_at(text, start + hints.trailing_zeros() as usize / 8);
            hints &= hints - 1;
        }
    });
    // Two bytes stand behind none in a window.
    for at in text.len() - 2..text.len() {
        if matches!(text[at], b'\\' | b'@') {
            found |= trace_at(text, at);
        }
    }
    found
}

/// Which bytes of a window may be traces: separators, an `@`, a dot before a
/// letter, what stands before the revision of a SID. It neither branches nor
/// stops early: then this becomes vector code.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators are branches, and branches are no vector code"
)]
fn hints(window: &[u8; WINDOW]) -> [u8; BLOCK] {
    let mut hints = [0; BLOCK];
    for (at, hint) in hints.iter_mut().enumerate() {
        let (byte, next, third) = (window[at], window[at + 1], window[at + 2]);
        let separator = (byte == b'\\') | (byte == b'/');
        let kind = (byte == b'.') & (next >= b'A');
        let revision = (next == b'-') & (third == b'1');
        *hint = u8::from(separator | (byte == b'@') | kind | revision);
    }
    hints
}

/// What a byte and those around it are a trace of.
#[inline(never)]
fn trace_at(text: &[u8], at: usize) -> u8 {
    let behind = &text[at + 1..];
    match text[at] {
        b'\\' if accounts::may_be_account(&text[..at]) => ACCOUNT | home(behind),
        b'\\' | b'/' => home(behind),
        b'@' if is_stamp(&text[..at], behind) => 0,
        b'@' => CREDENTIALS,
        b'.' => document(behind),
        b's' | b'S' => SID,
        _ => 0,
    }
}

/// Whether this `@` stands in a stamp of the component store,
/// `000001ec@2023/1/9:05:04`: a number alone before it, a year behind it. A
/// password before a host has a colon before it, and mail goes to no year.
#[inline]
fn is_stamp(before: &[u8], behind: &[u8]) -> bool {
    let Some((rest, number)) = before.split_last_chunk::<8>() else {
        return false;
    };
    let is_year = |[a, b, c, d, end]: &[u8; 5]| {
        [a, b, c, d].into_iter().all(u8::is_ascii_digit) && *end == b'/'
    };
    matches!(rest.last(), None | Some(b' ' | b'\t'))
        && behind.first_chunk().is_some_and(is_year)
        && number.iter().all(u8::is_ascii_hexdigit)
}

/// How the folders begin that hold homes.
#[inline]
fn home(behind: &[u8]) -> u8 {
    HOME * u8::from(matches!(&start(behind), b"us" | b"do" | b"pr" | b"ho"))
}

/// How the kinds of documents begin.
#[inline]
fn document(behind: &[u8]) -> u8 {
    let is_kind = matches!(
        &start(behind),
        b"do"
            | b"xl"
            | b"pp"
            | b"pd"
            | b"ms"
            | b"ps"
            | b"os"
            | b"od"
            | b"rt"
            | b"em"
            | b"vs"
            | b"wp"
            | b"et"
            | b"of"
    );
    DOCUMENT * u8::from(is_kind || is_slides(behind))
}

/// `.dps`: descriptions of printers, `.dpb`, begin so too.
#[inline]
fn is_slides(behind: &[u8]) -> bool {
    let kind: Option<&[u8; 3]> = behind.first_chunk();
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"dps"))
}

/// The first two letters, in lower case.
#[inline]
fn start(text: &[u8]) -> [u8; 2] {
    let start = text.first_chunk().copied().unwrap_or_default();
    start.map(|byte: u8| byte.to_ascii_lowercase())
}

/// Shows every byte of a text in a window, wherever two stand behind it.
#[inline]
fn each_window(text: &[u8], mut look: impl FnMut(usize, &[u8; WINDOW])) {
    // The last window overlaps the one before; only a short text is copied.
    if let Some(last) = text.last_chunk() {
        look(text.len() - WINDOW, last);
        let mut start = 0;
        while let Some(window) = text[start..].first_chunk() {
            look(start, window);
            start += BLOCK;
        }
    } else {
        let mut short = [0; WINDOW];
        short[..text.len()].copy_from_slice(text);
        look(0, &short);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{mask, replace};
    use proptest::prelude::*;

    /// What masks look for, whole and in pieces.
    const PARTS: &[&str] = &[
        r"\",
        "/",
        " ",
        ".",
        "@",
        ":",
        "-",
        "'",
        "\"",
        "=",
        "补",
        "wang",
        "Li Lei",
        "Users",
        r"\Users\",
        r"C:\USERS\",
        "/home/",
        r"home$\",
        r"\Documents and Settings\",
        r"\DOCUME~1\",
        r"\profiles\",
        "S-1-5-21-",
        "s-1-",
        "1-2-3",
        "-1001",
        "user ",
        "Users:",
        "USERNAME=",
        "account '",
        "name\t",
        "Logon: ",
        "owner ",
        r"BANK\",
        r"\w",
        ".doc",
        ".XLSX",
        ".ppt",
        ".pdf",
        ".msg",
        ".Pst",
        ".ost",
        ".odt",
        ".ods",
        ".rtf",
        ".wps",
        ".ET",
        ".dps",
        ".ofd",
        ".eml",
        ".vsdx",
        "by ",
        "用户 ",
        "账号：",
        "li.lei@bank.com",
        ".msu",
        ".dll",
        "kb5022286",
        "://",
        "http://",
        "li:geheim@",
        "a:@b",
        ":80",
        "CBS.log",
        "***",
    ];

    proptest! {
        #[test]
        fn what_is_to_be_masked_has_a_trace(
            parts in prop::collection::vec(prop::sample::select(PARTS), 1..12),
            chars in r#"[\\/:@.' A-Za-z0-9"-]{0,12}"#,
            at in 0_usize..12,
        ) {
            let mut parts = parts;
            parts.insert(at.min(parts.len()), &chars);
            let text = parts.concat();
            let mut without_traces = text.clone();
            replace(&mut without_traces, u8::MAX);
            prop_assert_eq!(mask(&text), without_traces);
        }
    }
}
