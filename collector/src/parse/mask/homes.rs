//! Paths in the homes of users. A name may hold nearly every character, so what
//! ends a path is what no name may hold, and what no path goes on with.

use super::MASK;
use crate::parse::scan;

/// Folders whose next part is a user's name, also under their short names and
/// as shares.
const HOMES: [&str; 10] = [
    "users",
    "documents and settings",
    "docume~1",
    "profiles",
    "home",
    "homes",
    "users$",
    "profiles$",
    "home$",
    "homes$",
];

/// Folders under the homes that belong to nobody.
pub(super) const SHARED: [&str; 5] = ["public", "default", "all users", "default user", MASK];

/// Longest ending of a file's name that tells its kind.
const MAX_KIND_LEN: usize = 8;

/// Names that Windows gives: they tell nothing about a user.
const LOGS: [&str; 9] = [
    "CBS.log",
    "dism.log",
    "WindowsUpdate.log",
    "setupact.log",
    "setuperr.log",
    "CheckSUR.log",
    "ReportingEvents.log",
    "System.evtx",
    "Setup.evtx",
];

/// Replaces what follows `\Users\` and its like, to the end of the path; of a
/// file, a KB number in its
/// name and its kind stay, and a name that Windows gave.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut kept = 0;
    for at in memchr::memchr2_iter(b'\\', b'/', text.as_bytes()) {
        if at < kept {
            continue;
        }
        let Some(name_at) = name_in_home(&text[at + 1..]).map(|name_at| at + 1 + name_at) else {
            continue;
        };
        let path = path_in_home(&text[name_at..], quoted_by(&text[..at]));
        let name = path.split(is_separator).next().unwrap_or_default();
        if name.is_empty() || SHARED.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            continue;
        }
        masked.push_str(&text[kept..name_at]);
        masked.push_str(MASK);
        push_kind(&mut masked, path);
        kept = name_at + path.len();
    }
    (kept > 0).then(|| masked + &text[kept..])
}

fn is_separator(c: char) -> bool {
    matches!(c, '\\' | '/')
}

/// Where a user's name begins, behind a home and its separators.
fn name_in_home(text: &str) -> Option<usize> {
    let follows = |home: &&&str| {
        let head = text.get(..home.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(home))
            && text[home.len()..].starts_with(is_separator)
    };
    let home = HOMES.iter().find(follows)?;
    let name = text[home.len()..].trim_start_matches(is_separator);
    Some(text.len() - name.len())
}

/// The quote that was opened right before the path, if one was.
fn quoted_by(before: &str) -> Option<char> {
    let opened = before.rfind(['\'', '"'])?;
    let quote = before[opened..].chars().next()?;
    let inside = &before[opened + 1..];
    (!inside.contains(char::is_whitespace)).then_some(quote)
}

/// The rest of a path, from the user's name on.
fn path_in_home(text: &str, quote: Option<char>) -> &str {
    let forbidden = |c: char| "\"<>|*?:\n\r\t".contains(c) || Some(c) == quote;
    let run = &text[..text.find(forbidden).unwrap_or(text.len())];
    if quote.is_some() {
        return run;
    }
    // No name ends with a blank: a slash behind one begins something else.
    let mut last_at = 0;
    let mut end = run.len();
    for (at, _) in run.match_indices(is_separator) {
        if run[..at].ends_with(' ') {
            end = at;
            break;
        }
        last_at = at + 1;
    }
    let last = &run[last_at..end];
    &run[..last_at + end_of_name(last)]
}

/// Where the last name of an unquoted path ends: behind the kind of a file,
/// else where the text goes on in brackets or ends.
fn end_of_name(last: &str) -> usize {
    for (at, _) in last.match_indices('.') {
        let kind = &last[at + 1..];
        let length = kind
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(kind.len());
        let follows = kind[length..].chars().next();
        if (1..=MAX_KIND_LEN).contains(&length) && !matches!(follows, Some('.' | '-' | '_')) {
            return at + 1 + length;
        }
    }
    let stops = [" [", " (", ", ", "; ", " - "];
    let end = stops.iter().filter_map(|stop| last.find(stop)).min();
    last[..end.unwrap_or(last.len())].trim_end().len()
}

/// What a file's name may tell.
fn push_kind(masked: &mut String, path: &str) {
    let Some((folders, file)) = path.rsplit_once(is_separator) else {
        return;
    };
    let Some((_, kind)) = file.rsplit_once('.') else {
        return;
    };
    let is_kind = kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_kind || !(1..=MAX_KIND_LEN).contains(&kind.len()) {
        return;
    }
    masked.push_str(&path[folders.len()..path.len() - file.len()]);
    if LOGS.iter().any(|log| file.eq_ignore_ascii_case(log)) {
        masked.push_str(file);
        return;
    }
    match scan::kb(file.as_bytes()) {
        Some(kb) => masked.push_str(&kb.to_ascii_lowercase()),
        None => masked.push_str(MASK),
    }
    masked.push('.');
    masked.push_str(kind);
}
