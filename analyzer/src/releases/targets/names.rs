//! What lists call a device, and the unit of the directory that it is in.

use std::collections::HashMap;

/// `ou` is the first, `ou2` the second.
pub(super) fn unit_number(rest: &str) -> Option<usize> {
    match rest {
        "" => Some(1),
        digits => digits.parse().ok().filter(|nth| *nth > 0),
    }
}

/// The n-th `OU=` of a distinguished name, without its escapes (RFC 4514).
pub(super) fn unit(path: &str, nth: usize) -> String {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in path.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            ',' if !escaped => parts.push(String::new()),
            c => {
                escaped = false;
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    let mut units = parts.iter().filter_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        key.eq_ignore_ascii_case("ou")
            .then(|| value.trim().to_owned())
    });
    units.nth(nth - 1).unwrap_or_default()
}

/// The id of a device that a list names somehow: as it stands where nobody
/// knows it.
pub(in crate::releases) fn resolve(text: &str, names: &HashMap<String, String>) -> String {
    let text = text.trim().to_lowercase();
    // `BANK\PC-1` and `PC-1$` are accounts, `pc-1.bank.example` is a name.
    let bare = text
        .rsplit_once('\\')
        .map_or(text.as_str(), |(_, name)| name);
    let bare = bare.trim_end_matches('$');
    let short = bare.split('.').next().unwrap_or(bare);
    let known = [text.as_str(), bare, short]
        .into_iter()
        .find_map(|name| names.get(name));
    match known {
        Some(id) => id.clone(),
        None => bare.to_owned(),
    }
}
