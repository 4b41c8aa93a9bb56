//! Rows of a table of events, as lists of them are copied: what stands before
//! and behind the provider.

/// The message in a row of a table: what follows its last cell's edge. Rows
/// without cells name people before it, and nothing tells where it begins.
pub(super) fn last_cell(row: &str) -> Option<&str> {
    let Some(at) = row.find("Microsoft-Windows-") else {
        return Some(row);
    };
    let rest = &row[at..];
    let cells = if rest.contains('\t') { '\t' } else { ',' };
    // Provider, number and category.
    let message = rest.splitn(4, cells).nth(3)?;
    Some(message.trim().trim_matches('"'))
}

/// What stands before a message in a row of a table, if a date is in it.
pub(super) fn date_before<'a>(message: &str, row: &'a str) -> &'a str {
    let before = row.find(message).map_or("", |at| &row[..at]);
    let digits = before.bytes().filter(u8::is_ascii_digit).count();
    let dated = digits >= 8 && before.contains(':');
    if dated { before.trim() } else { "" }
}

/// Number of an event in the cell of a table that follows its provider's.
pub(super) fn number_in_row(rest: &str) -> Option<u32> {
    let cell = rest.strip_prefix(['\t', ',', ';'])?;
    let cell = cell.split(['\t', ',', ';']).next()?;
    cell.trim_matches('"').parse().ok()
}

/// The same in a row without cells, right before its provider's.
pub(super) fn number_before(rest: &str) -> Option<u32> {
    let rest = rest.strip_suffix("Microsoft-Windows-").unwrap_or(rest);
    let rest = rest.strip_suffix("Microsoft-").unwrap_or(rest);
    rest.split_whitespace().next_back()?.parse().ok()
}
