//! Files for a spreadsheet.
//!
//! Spreadsheets run what begins like a formula, and names and facts come from
//! devices: such values are written behind an apostrophe.

use std::borrow::Cow;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

/// Begin of a file: the mark that tells spreadsheets that it is UTF-8.
pub(super) const BEGIN: &str = "\u{feff}";

/// A file to keep, named after `stem` as far as that is safe.
pub(super) fn file(stem: &str, text: String) -> Response {
    let stem: String = stem
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{stem}.csv\""),
        ),
    ];
    (headers, text).into_response()
}

/// A time as every spreadsheet reads it; empty where there is none.
pub(super) fn instant(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms)
        .ok()
        .filter(|_| at_ms != 0);
    at.map(|at| at.to_string()).unwrap_or_default()
}

pub(super) fn write_line<'f>(text: &mut String, fields: impl Iterator<Item = &'f str>) {
    for (i, field) in fields.enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push('"');
        text.push_str(&harmless(field).replace('"', "\"\""));
        text.push('"');
    }
    text.push_str("\r\n");
}

/// The text, behind an apostrophe if a spreadsheet would take it for a formula.
fn harmless(field: &str) -> Cow<'_, str> {
    let begins = |c: char| {
        matches!(
            c,
            '=' | '+'
                | '-'
                | '@'
                | '\t'
                | '\r'
                | '\n'
                | '\0'
                | '\u{ff1d}'
                | '\u{ff0b}'
                | '\u{ff0d}'
                | '\u{ff20}'
        )
    };
    if field.trim_start().starts_with(begins) || field.starts_with(begins) {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_begins_like_a_formula_is_written_as_one() {
        for field in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            " =1",
            "\r=1",
            "\u{ff1d}1",
            "\n@x",
        ] {
            assert!(harmless(field).starts_with('\''), "{field:?}");
        }
        for field in ["", "dev-1", "a=b", "柜员", "1-2"] {
            assert_eq!(harmless(field), field);
        }
    }
}
