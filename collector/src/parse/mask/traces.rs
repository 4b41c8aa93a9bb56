//! Traces of what is masked: most texts hold none, and that is told quickly.
//!
//! Promise: where something is to be masked, its trace is found; a trace alone
//! proves nothing.

#![expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators are branches, and branches are no vector code"
)]

/// Traces, as flags.
pub(super) const HOME: u8 = 1;
pub(super) const SID: u8 = 2;
pub(super) const CREDENTIALS: u8 = 4;
pub(super) const ACCOUNT: u8 = 8;
pub(super) const DOCUMENT: u8 = 16;

/// Bytes that are looked at together, each with the two behind it.
pub(super) const BLOCK: usize = 16;
const WINDOW: usize = BLOCK + 2;

/// Nothing shorter can be masked: `a:@b`.
const SHORTEST: usize = 4;

/// Looks for one trace in a text.
type Look = fn(&[u8]) -> u8;

/// Who looks closer where a trace is hinted at.
const LOOKS: [(u8, Look); 3] = [(HOME, home), (ACCOUNT, called), (DOCUMENT, document)];

/// Which traces a text holds.
pub(super) fn traces(text: &[u8]) -> u8 {
    if text.len() < SHORTEST {
        return 0;
    }
    let mut hints = fold(text, hint);
    if let [.., before, last] = text {
        // From the last two bytes on, only these can matter.
        hints |= ACCOUNT * u8::from(*before == b'\\');
        hints |= CREDENTIALS * u8::from((*before == b'@') | (*last == b'@'));
    }
    if hints == 0 {
        return 0;
    }
    let mut found = hints & (CREDENTIALS | SID);
    for (trace, look) in LOOKS {
        if hints & trace != 0 {
            found |= look(text);
        }
    }
    found
}

/// What single bytes and pairs hint at: a separator before a home, a backslash
/// behind a domain, the dot before a document's kind; and the traces that are as
/// short: the `@` behind a password, `s-1` of a SID.
#[inline]
fn hint(byte: u8, next: u8, third: u8) -> u8 {
    let back = byte == b'\\';
    (HOME * u8::from(back | (byte == b'/')))
        | (ACCOUNT * u8::from(back))
        | (CREDENTIALS * u8::from(byte == b'@'))
        | (DOCUMENT * u8::from((byte == b'.') & (next >= b'A')))
        | (SID * u8::from((byte | 0x20 == b's') & (next == b'-') & (third == b'1')))
}

/// A separator and how the folders begin that hold homes.
#[inline(never)]
fn home(text: &[u8]) -> u8 {
    fold(text, |byte, next, third| {
        let (next, third) = (next | 0x20, third | 0x20);
        let users = (next == b'u') & (third == b's');
        let documents = (next == b'd') & (third == b'o');
        let profiles = (next == b'p') & (third == b'r');
        let homes = (next == b'h') & (third == b'o');
        let separator = (byte == b'\\') | (byte == b'/');
        HOME * u8::from(separator & (users | documents | profiles | homes))
    })
}

/// A part of each word that calls an account so, one that few others have.
#[inline(never)]
fn called(text: &[u8]) -> u8 {
    fold(text, |byte, next, third| {
        // The last characters of the Chinese words, for person and number.
        let person = (byte == 0xe6) & (next == 0x88) & (third == 0xb7);
        let number = (byte == 0xe5) & (next == 0x8f) & (third == 0xb7);
        let chinese = person | number;
        let (byte, next, third) = (byte | 0x20, next | 0x20, third | 0x20);
        let user = (byte == b'u') & (next == b's') & (third == b'e');
        let account = (byte == b'c') & (next == b'c') & (third == b'o');
        let name = (byte == b'n') & (next == b'a') & (third == b'm');
        let logon = (byte == b'g') & (next == b'o') & (third == b'n');
        let owner = (byte == b'w') & (next == b'n') & (third == b'e');
        let by = (byte == b'b') & (next == b'y');
        ACCOUNT * u8::from(user | account | name | logon | owner | by | chinese)
    })
}

/// A dot and how the kinds of documents begin: `.do`, `.xl`, `.pp`, `.pd`,
/// `.ms`, `.ps`, `.os`, `.od`, `.rt`, `.em`, `.vs`, `.wp`, `.et`, `.dp` and `.of`.
#[inline(never)]
fn document(text: &[u8]) -> u8 {
    fold(text, |byte, next, third| {
        let (next, third) = (next | 0x20, third | 0x20);
        let (p, o) = (next == b'p', next == b'o');
        let (d, s) = (third == b'd', third == b's');
        let mails = ((next == b'm') | p | o) & s;
        let open = (p | o) & d;
        let office = ((next == b'd') & (third == b'o')) | ((next == b'x') & (third == b'l'));
        let others = (p & (third == b'p')) | ((next == b'r') & (third == b't'));
        let saved = ((next == b'e') & ((third == b'm') | (third == b't'))) | ((next == b'v') & s);
        let pages = ((next == b'w') | (next == b'd')) & (third == b'p');
        let fixed = o & (third == b'f');
        let more = saved | pages | fixed;
        DOCUMENT * u8::from((byte == b'.') & (mails | open | office | others | more))
    })
}

/// All that `flags` says of a byte and the two behind it, wherever two stand
/// behind one. It neither branches nor stops early, and nor may `flags`:
/// then this becomes vector code.
#[inline]
fn fold(text: &[u8], flags: impl Fn(u8, u8, u8) -> u8) -> u8 {
    let mut found = [0; BLOCK];
    let mut look = |window: &[u8; WINDOW]| {
        for (at, found) in found.iter_mut().enumerate() {
            *found |= flags(window[at], window[at + 1], window[at + 2]);
        }
    };
    // The last window overlaps the one before; only a short text is copied.
    if let Some(last) = text.last_chunk() {
        look(last);
        let mut rest = text;
        while let Some(window) = rest.first_chunk() {
            look(window);
            rest = &rest[BLOCK..];
        }
    } else {
        let mut short = [0; WINDOW];
        short[..text.len()].copy_from_slice(text);
        look(&short);
    }
    found.iter().fold(0, |all, found| all | found)
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
