//! Masks what must not leave a device: user names in paths, security
//! identifiers of accounts, credentials in addresses.
//!
//! Promise: masked text holds no name after `\Users\`, no account SID and no
//! `user:password@`; masking twice changes nothing.

use super::scan::find;

/// Traces of what is masked, as flags.
const HOME: u8 = 1;
const ACCOUNT: u8 = 2;
const ADDRESS: u8 = 4;

/// Pairs of neighbouring bytes that are looked at together.
const BLOCK: usize = 16;

/// Nothing shorter can be masked: `://@`.
const SHORTEST: usize = 4;

/// What stands in place of a masked part.
const MASK: &str = "***";

/// Folders whose next part is a user's name.
const HOMES: [&str; 3] = ["users", "documents and settings", "profiles"];

/// Folders under the homes that belong to nobody.
const SHARED: [&str; 5] = ["public", "default", "all users", "default user", MASK];

/// The text without user names, account SIDs and credentials.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    mask_in_place(&mut masked);
    masked
}

/// Takes user names, account SIDs and credentials out of a text.
pub(crate) fn mask_in_place(text: &mut String) {
    let bytes = text.as_bytes();
    let traces = traces(bytes);
    if traces == 0 {
        return;
    }
    let accounts = traces & ACCOUNT != 0 && find(bytes, b"-1-").is_some();
    let credentials = traces & ADDRESS != 0 && memchr::memchr(b'@', bytes).is_some();
    if traces & HOME != 0 {
        *text = mask_homes(text);
    }
    if accounts {
        *text = mask_sids(text);
    }
    if credentials {
        *text = mask_credentials(text);
    }
}

/// Which neighbouring bytes hint at something to mask: a separator before the
/// first letter of a home, `-1` of a SID, `:/` of an address.
fn traces(text: &[u8]) -> u8 {
    if text.len() < SHORTEST {
        return 0;
    }
    // The last block overlaps the one before; only a short text is copied.
    let Some(last) = text.last_chunk() else {
        let mut short = [0; BLOCK + 1];
        short[..text.len()].copy_from_slice(text);
        return block_traces_if_hinted(&short);
    };
    let mut found = block_traces_if_hinted(last);
    let mut rest = text;
    while let Some(block) = rest.first_chunk() {
        found |= block_traces_if_hinted(block);
        rest = &rest[BLOCK..];
    }
    found
}

#[inline]
fn block_traces_if_hinted(block: &[u8; BLOCK + 1]) -> u8 {
    if hints(block) { block_traces(block) } else { 0 }
}

/// Whether a block may hold a trace: a separator of paths and addresses, or the
/// `-1` of a SID. Every text passes here and most are cleared, hence a loop
/// that neither branches nor stops early: it becomes vector code.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators are branches, and branches are no vector code"
)]
fn hints(block: &[u8; BLOCK + 1]) -> bool {
    let pairs = block.iter().zip(&block[1..]);
    let found = pairs.fold(0, |found, (byte, next)| {
        let separator = (*byte == b'\\') | (*byte == b'/') | (*next == b'/');
        let account = (*byte == b'-') & (*next == b'1');
        found | u8::from(separator | account)
    });
    found != 0
}

/// Traces of a block, found in the same way.
#[inline(never)]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators are branches, and branches are no vector code"
)]
fn block_traces(block: &[u8; BLOCK + 1]) -> u8 {
    let pairs = block.iter().zip(&block[1..]);
    pairs.fold(0, |found, (byte, next)| {
        let lower = next | 0x20;
        let initial = (lower == b'u') | (lower == b'd') | (lower == b'p');
        let home = initial & ((*byte == b'\\') | (*byte == b'/'));
        let account = (*byte == b'-') & (*next == b'1');
        let address = (*byte == b':') & (*next == b'/');
        found
            | (HOME * u8::from(home))
            | (ACCOUNT * u8::from(account))
            | (ADDRESS * u8::from(address))
    })
}

fn is_separator(c: char) -> bool {
    matches!(c, '\\' | '/')
}

/// Replaces the part after `\Users\` and its like.
fn mask_homes(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\\', b'/', rest.as_bytes()) {
        let (kept, tail) = rest.split_at(at + 1);
        masked.push_str(kept);
        rest = tail;
        let Some(home) = HOMES.iter().find(|home| starts_with_folder(tail, home)) else {
            continue;
        };
        let mut name_at = home.len() + 1;
        while tail[name_at..].starts_with(is_separator) {
            name_at += 1;
        }
        masked.push_str(&tail[..name_at]);
        rest = &tail[name_at..];
        let end = rest.find(ends_name).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || SHARED.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            continue;
        }
        masked.push_str(MASK);
        rest = &rest[end..];
    }
    masked.push_str(rest);
    masked
}

fn ends_name(c: char) -> bool {
    matches!(
        c,
        '\\' | '/' | '"' | '\'' | '<' | '>' | '|' | ',' | ';' | ')' | ']' | '\n' | '\t'
    )
}

fn starts_with_folder(text: &str, folder: &str) -> bool {
    text.get(..folder.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(folder))
        && text[folder.len()..].starts_with(is_separator)
}

/// Replaces SIDs with more than two numbers after the revision: the short ones
/// are services and groups that every machine has.
fn mask_sids(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_sid(rest.as_bytes()) {
        let (kept, tail) = rest.split_at(at);
        masked.push_str(kept);
        let body = &tail[4..];
        let end = body
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .unwrap_or(body.len());
        let numbers = body[..end].split('-').filter(|n| !n.is_empty()).count();
        if numbers > 2 {
            masked.push_str("S-1-");
            masked.push_str(MASK);
        } else {
            masked.push_str(&tail[..4 + end]);
        }
        rest = &body[end..];
    }
    masked.push_str(rest);
    masked
}

/// Where the first SID begins, in either case.
fn find_sid(text: &[u8]) -> Option<usize> {
    let revisions = memchr::memmem::find_iter(text, b"-1-");
    revisions
        .filter_map(|at| at.checked_sub(1))
        .find(|at| text[*at].eq_ignore_ascii_case(&b's'))
}

/// Replaces `user:password` before the `@` of an address.
fn mask_credentials(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (kept, tail) = rest.split_at(at + 3);
        masked.push_str(kept);
        let end = tail
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '>' | ','))
            .unwrap_or(tail.len());
        let host_at = tail[..end].rfind('@').map_or(0, |found| {
            masked.push_str(MASK);
            found
        });
        rest = &tail[host_at..];
    }
    masked.push_str(rest);
    masked
}

/// Cuts a text to at most `limit` bytes, on a character's boundary.
pub(crate) fn clip(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn user_names_in_paths_are_masked_and_shared_folders_are_not() {
        for (text, expected) in [
            (
                r"at C:\Users\wang\AppData\x.tmp now",
                r"at C:\Users\***\AppData\x.tmp now",
            ),
            (r#""C:\Users\Li Lei\a""#, r#""C:\Users\***\a""#),
            (r"\\?\C:\\Users\\wang\\a", r"\\?\C:\\Users\\***\\a"),
            ("/Users/wang", "/Users/***"),
            (
                r"C:\Documents and Settings\wang\x",
                r"C:\Documents and Settings\***\x",
            ),
            (r"C:\Users\Public\x", r"C:\Users\Public\x"),
            (r"C:\Windows\WinSxS\a", r"C:\Windows\WinSxS\a"),
        ] {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn account_sids_are_masked_and_service_sids_are_not() {
        assert_eq!(mask("for S-1-5-21-1-2-3-1001."), "for S-1-***.");
        assert_eq!(mask("S-1-5-18"), "S-1-5-18");
    }

    #[test]
    fn a_lower_case_sid_before_an_upper_case_one_is_masked() {
        assert_eq!(
            mask("s-1-5-21-1-2-3-1001 ran S-1-5-18, s-1-5-18"),
            "S-1-*** ran S-1-5-18, s-1-5-18"
        );
        assert_eq!(mask("s-1-5-21-1-2-3-9-S-1-5-18"), "S-1-***S-1-5-18");
    }

    #[test]
    fn credentials_in_addresses_are_masked() {
        assert_eq!(
            mask("via http://li:secret@proxy:8080/x"),
            "via http://***@proxy:8080/x"
        );
        assert_eq!(mask("https://wsus.example/a@b"), "https://wsus.example/a@b");
    }

    #[test]
    fn a_path_is_masked_wherever_it_stands() {
        let text = r#"wusa "C:\Users\wang\kb5022286.msu" /quiet"#;
        assert_eq!(mask(text), r#"wusa "C:\Users\***\kb5022286.msu" /quiet"#);
    }

    #[test]
    fn what_is_masked_is_seen_wherever_it_stands() {
        for at in 0..3 * BLOCK {
            let before = "x".repeat(at);
            for (secret, masked) in [
                (r"C:\Users\wang\a", r"C:\Users\***\a"),
                ("S-1-5-21-1-2-3-1001", "S-1-***"),
                ("http://li:secret@proxy", "http://***@proxy"),
            ] {
                let text = format!("{before} {secret}");
                assert_eq!(mask(&text), format!("{before} {masked}"));
            }
        }
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(clip("补丁".into(), 4), "补");
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing(text in r#"[\\/:@. A-Za-z0-9"-]{0,60}"#) {
            let once = mask(&text);
            prop_assert_eq!(mask(&once), once);
        }

        #[test]
        fn no_account_is_left_in_any_mix_of_cases(
            parts in prop::collection::vec(("[ a-z,(]{0,5}[ ,(]", "[sS]", 0_u32..4), 1..6),
        ) {
            let (mut text, mut expected) = (String::new(), String::new());
            for (before, letter, kind) in parts {
                let (sid, masked) = if kind == 0 {
                    (format!("{letter}-1-5-18"), format!("{letter}-1-5-18"))
                } else {
                    (format!("{letter}-1-5-21-7-8-{kind}-1001"), "S-1-***".to_owned())
                };
                text.push_str(&before);
                text.push_str(&sid);
                expected.push_str(&before);
                expected.push_str(&masked);
            }
            prop_assert_eq!(mask(&text), expected);
        }

        #[test]
        fn no_name_follows_users(name in "[a-z]{3,12}", tail in "[a-z\\\\]{0,9}") {
            prop_assume!(!SHARED.contains(&name.as_str()));
            let text = format!("open C:\\Users\\{name}\\{tail}");
            let expected = format!("open C:\\Users\\***\\{tail}");
            prop_assert_eq!(mask(&text), mask(&expected));
        }
    }
}
