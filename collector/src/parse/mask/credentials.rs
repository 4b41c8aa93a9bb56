//! Credentials of servers and proxies, with and without the scheme before them.

use super::MASK;
use crate::parse::scan;

/// Replaces `user:password` before the `@` of an address, or the user alone
/// behind a scheme.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut kept = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find('@') {
        let at = from + found;
        let (before, tail) = text.as_bytes().split_at(at);
        let begin = before.iter().rposition(|byte| ends_word(*byte));
        let begin = begin.map_or(0, |end| end + 1);
        let begin = begin.max(kept);
        let end = at
            + tail
                .iter()
                .position(|byte| ends_word(*byte))
                .unwrap_or(tail.len());
        if let Some((first, last)) = credentials_in(&text[begin..end]) {
            masked.push_str(&text[kept..begin + first]);
            masked.push_str(MASK);
            kept = begin + last;
        }
        from = end.max(at + 1);
    }
    (kept > 0).then(|| masked + &text[kept..])
}

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\"'<>(),;".contains(&byte)
}

/// Where credentials begin and end in a word that holds an `@`.
fn credentials_in(word: &str) -> Option<(usize, usize)> {
    let (first, has_scheme) = match scan::find(word.as_bytes(), b"://") {
        Some(scheme) => (scheme + 3, true),
        None => (word.rfind('=').map_or(0, |end| end + 1), false),
    };
    let address = word.get(first..)?;
    let authority = address.split('/').next().unwrap_or_default();
    let (user, rest) = authority.split_once(':').unwrap_or((authority, ""));
    let last = if has_scheme && authority.contains('@') {
        authority.rfind('@')?
    } else {
        // A password may hold a slash; a port is a number, a drive a letter.
        let is_port = rest.bytes().all(|byte| byte.is_ascii_digit());
        let is_drive = user.len() == 1 && (rest.is_empty() || rest.starts_with('\\'));
        if is_port || is_drive || user.is_empty() || user.contains('@') {
            return None;
        }
        address.rfind('@')?
    };
    let is_masked = &address[..last] == MASK;
    (last > 0 && !is_masked).then_some((first, first + last))
}
