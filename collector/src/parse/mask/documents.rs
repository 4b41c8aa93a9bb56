//! Names of office documents, wherever they lie.

use std::ops::RangeInclusive;

use super::MASK;

/// Kinds of files that people name after what is in them.
const KINDS: [&str; 24] = [
    "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pptx", "pdf", "msg", "pst", "ost", "odt",
    "ods", "odp", "rtf", "eml", "vsd", "vsdx", "wps", "wpt", "et", "dps", "ofd",
];

/// Lengths of them.
const KIND_LENS: RangeInclusive<usize> = 2..=4;

/// Replaces a document's name, but for its kind.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut kept = 0;
    for at in memchr::memchr_iter(b'.', text.as_bytes()) {
        let kind = &text[at + 1..];
        let length = kind
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(kind.len());
        // Most dots stand in version numbers.
        if !KIND_LENS.contains(&length) {
            continue;
        }
        let kind = &kind[..length];
        if !KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            continue;
        }
        let begin = name_start(&text[..at]).max(kept);
        if begin >= at || &text[begin..at] == MASK {
            continue;
        }
        masked.push_str(&text[kept..begin]);
        masked.push_str(MASK);
        kept = at;
    }
    (kept > 0).then(|| masked + &text[kept..])
}

/// Where the name begins: behind its folder, else behind a blank.
fn name_start(before: &str) -> usize {
    let ends = |c: char| "\\/\"'<>|:*?=\n\r\t".contains(c);
    let Some(end) = before.rfind(ends) else {
        return before.rfind(' ').map_or(0, |blank| blank + 1);
    };
    let begin = end + 1;
    if before[end..].starts_with(['\\', '/', '"', '\'']) {
        return begin;
    }
    before[begin..]
        .rfind(' ')
        .map_or(begin, |blank| begin + blank + 1)
}
