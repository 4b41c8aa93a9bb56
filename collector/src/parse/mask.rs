//! Masks what must not leave a device: paths in the homes of users, accounts
//! and their security identifiers, credentials of proxies, names of documents.
//!
//! Promise: masked text holds nothing of a path behind `\Users\NAME` but a KB
//! number and the kind of file, no account SID, no `DOMAIN\name` that is called
//! a user, no `user:password@`, no name in an address of mail and no name of an
//! office document; masking twice changes nothing.

mod accounts;
mod credentials;
mod documents;
mod homes;
mod mails;
mod traces;

use traces::{ACCOUNT, CREDENTIALS, DOCUMENT, HOME, SID, traces};

/// What stands in place of a masked part.
const MASK: &str = "***";

/// The text without what must not leave the device.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    mask_in_place(&mut masked);
    masked
}

/// What replaces the text behind each trace. Homes first: a path is known by
/// its separators, which others take away.
const REPLACERS: [(u8, Replacer); 6] = [
    (HOME, homes::mask),
    (SID, accounts::mask_sids),
    (ACCOUNT, accounts::mask_names),
    (CREDENTIALS, credentials::mask),
    (CREDENTIALS, mails::mask),
    (DOCUMENT, documents::mask),
];

/// The text with what it looks for replaced; `None` where it found nothing.
type Replacer = fn(&str) -> Option<String>;

/// Takes out of a text what must not leave the device.
pub(crate) fn mask_in_place(text: &mut String) {
    let traces = traces(text.as_bytes());
    if traces != 0 {
        replace(text, traces);
    }
}

#[inline(never)]
fn replace(text: &mut String, traces: u8) {
    for (trace, replacer) in REPLACERS {
        if traces & trace != 0
            && let Some(masked) = replacer(text)
        {
            *text = masked;
        }
    }
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
                r"at C:\Users\***\***.tmp now",
            ),
            (r#""C:\Users\Li Lei\a""#, r#""C:\Users\***""#),
            (r"\\?\C:\\Users\\wang\\a", r"\\?\C:\\Users\\***"),
            ("/Users/wang", "/Users/***"),
            (
                r"C:\Documents and Settings\wang\x",
                r"C:\Documents and Settings\***",
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
    fn what_names_a_person_is_masked_and_what_follows_is_kept() {
        for (text, expected) in [
            (
                r"C:\Users\O'Brien Wang\x.log, then",
                r"C:\Users\***\***.log, then",
            ),
            (
                r#"dism /packagepath:"C:\Users\wang\Desktop\Gehalt Mueller 2023.msu" /quiet"#,
                r#"dism /packagepath:"C:\Users\***\***.msu" /quiet"#,
            ),
            (
                r"dism /packagepath:C:\Users\wang\a b.cab /quiet /norestart",
                r"dism /packagepath:C:\Users\***\***.cab /quiet /norestart",
            ),
            (
                r"from C:\Users\wang\a.dll to D:\store\b.dll",
                r"from C:\Users\***\***.dll to D:\store\b.dll",
            ),
            (r"\\bank\home$\wang\x", r"\\bank\home$\***"),
            (r"for user BANK\zhangsan profile", "for user *** profile"),
            (r"/user:BANK\zhangsan /x", "/user:*** /x"),
            (r"Account Name: 'BANK\zhang.san'", "Account Name: '***'"),
            (
                r"CBS\contoso.dll of Amd64\a.dpb",
                r"CBS\contoso.dll of Amd64\a.dpb",
            ),
            // Found by fuzzing: a home without a name behind it.
            (r#"of C:\Users\ "(null)", x"#, r#"of C:\Users\ "(null)", x"#),
            (r"[C:\Users\:80]", r"[C:\Users\:80]"),
            ("http://li:pa/ss@proxy", "http://***@proxy"),
            ("proxy=li:geheim@proxy:8080", "proxy=***@proxy:8080"),
            (
                r"D:\Daten\Kunden Mueller.xlsx failed",
                r"D:\Daten\***.xlsx failed",
            ),
            ("print Mueller.PDF now", "print ***.PDF now"),
            (r"D:\收件\张三工资.wps now", r"D:\收件\***.wps now"),
            ("open 名单.et", "open ***.et"),
            ("a.etl b.dpx etc.", "a.etl b.dpx etc."),
            (r"(requested by BANK\lisi, x)", r"(requested by ***, x)"),
            (r"代表用户 BANK\李四 [x]", r"代表用户 *** [x]"),
            (r"账号：BANK\李四", r"账号：***"),
            (
                "10.0.17763.1 a.dll x.manifest",
                "10.0.17763.1 a.dll x.manifest",
            ),
            (
                "CSI 00000001@2023/1/9:05:04:03.007 WcpInitialize (stack @0x7fed)",
                "CSI 00000001@2023/1/9:05:04:03.007 WcpInitialize (stack @0x7fed)",
            ),
        ] {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn what_is_masked_is_seen_wherever_it_stands() {
        for at in 0..48 {
            let before = "x".repeat(at);
            for (secret, masked) in [
                (r"C:\Users\wang\a.b", r"C:\Users\***\***.b"),
                (r"user BANK\wang", "user ***"),
                (r"D:\Li Lei.xlsx", r"D:\***.xlsx"),
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
        fn nothing_of_a_home_is_left(
            name in "[A-Za-z\\p{Han}][A-Za-z .,;'()\\[\\]&!\\p{Han}-]{0,14}[A-Za-z\\p{Han}]",
            folder in "[A-Z][a-z]{3,9}( [A-Z][a-z]{3,9})?",
            file in "[A-Z][a-z]{4,9} [A-Z][a-z]{4,9}",
            home in prop::sample::select(&[
                r"C:\Users", r"D:\Documents and Settings", r"C:\DOCUME~1", r"\\bank\home$", "/Users",
            ][..]),
            (open, end) in prop::sample::select(&[("\"", "\""), ("", " [x"), ("", ": "), ("", "\n")][..]),
        ) {
            prop_assume!(!homes::SHARED.iter().any(|shared| name.eq_ignore_ascii_case(shared)));
            let separator = if home.contains('/') { '/' } else { '\\' };
            let path = [home, &name, &folder, &format!("{file}.msu")].join(&separator.to_string());
            let masked = mask(&format!("failed: {open}{path}{end}"));
            let expected = format!("failed: {open}{home}{separator}***{separator}***.msu{end}");
            prop_assert_eq!(masked, expected);
        }
    }
}
