//! Accounts: security identifiers, and names with their domain where the text
//! calls them a user.

use super::MASK;

/// Replaces SIDs with more than two numbers after the revision: the short ones
/// are services and groups that every machine has.
pub(super) fn mask_sids(text: &str) -> Option<String> {
    find_sid(text.as_bytes())?;
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
    Some(masked)
}

/// Where the first SID begins, in either case.
fn find_sid(text: &[u8]) -> Option<usize> {
    let revisions = memchr::memmem::find_iter(text, b"-1-");
    revisions
        .filter_map(|at| at.checked_sub(1))
        .find(|at| text[*at].eq_ignore_ascii_case(&b's'))
}

/// Words before an account's name; a name without them cannot be told from a
/// path.
const CALLED: [&str; 8] = [
    "user", "users", "username", "account", "name", "logon", "owner", "by",
];

/// The same in Chinese, where nothing stands between words.
const CALLED_IN_CHINESE: [&str; 5] = ["用户", "帐户", "账户", "帐号", "账号"];

/// Replaces `DOMAIN\name` behind a word that calls it a user.
pub(super) fn mask_names(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut kept = 0;
    for at in memchr::memchr_iter(b'\\', text.as_bytes()) {
        if at < kept {
            continue;
        }
        let Some(begin) = account_start(&text[..at]) else {
            continue;
        };
        let name = &text[at + 1..];
        let end = name.find(ends_name).unwrap_or(name.len());
        if end == 0 || begin < kept {
            continue;
        }
        masked.push_str(&text[kept..begin]);
        masked.push_str(MASK);
        kept = at + 1 + end;
    }
    (kept > 0).then(|| masked + &text[kept..])
}

/// Where the domain before a backslash begins, if a word calls it a user.
fn account_start(before: &str) -> Option<usize> {
    let domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begin = before.trim_end_matches(domain).len();
    let called = before[..begin].trim_end_matches(|c: char| " \t:：='\"".contains(c));
    if begin == before.len() || called.len() == begin {
        return None;
    }
    if CALLED_IN_CHINESE.iter().any(|word| called.ends_with(word)) {
        return Some(begin);
    }
    let word = called.rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
    CALLED
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
        .then_some(begin)
}

/// Bytes of a domain's name, as far as they are ASCII.
const DOMAIN: [bool; 256] = {
    let mut domain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        domain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    domain[b'-' as usize] = true;
    domain[b'_' as usize] = true;
    domain[b'.' as usize] = true;
    domain
};

/// Whether what stands before a backslash may be an account's domain: never
/// missing one that [`account_start`] finds, as all that is no ASCII counts as
/// whatever makes it one.
pub(super) fn may_be_account(before: &[u8]) -> bool {
    let begin = before.iter().rposition(|byte| !DOMAIN[usize::from(*byte)]);
    let Some(last) = begin else {
        return false;
    };
    if last + 1 == before.len() {
        return !before[last].is_ascii();
    }
    may_end_in_call(&before[..=last])
}

/// Whether a text may end in a word that calls what follows a user, and what
/// stands between the two.
fn may_end_in_call(text: &[u8]) -> bool {
    let between = |byte: &u8| b" \t:='\"".contains(byte);
    let Some(end) = text.iter().rposition(|byte| !between(byte)) else {
        return false;
    };
    if !text[end].is_ascii() {
        return true;
    }
    let called = &text[..=end];
    let start = called.iter().rposition(|byte| !byte.is_ascii_alphabetic());
    let word = &called[start.map_or(0, |before| before + 1)..];
    let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    called.len() < text.len() && CALLED.iter().any(|known| is(known))
}

fn ends_name(c: char) -> bool {
    c.is_whitespace() || "\\/\"'<>|,;:()[]*?=".contains(c)
}
