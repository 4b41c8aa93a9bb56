//! A cluster's devices for a spreadsheet.
//!
//! Spreadsheets run what begins like a formula, and facts come from devices:
//! such values are written behind an apostrophe.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::view::Cluster;

/// The devices as a file to keep.
pub(super) fn response(cluster: &Cluster) -> Response {
    let stem: String = cluster
        .kb
        .chars()
        .chain(['-'])
        .chain(cluster.hresult.chars())
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{stem}-devices.csv\""),
        ),
    ];
    (headers, written(cluster)).into_response()
}

/// One line a device; facts that any device has become columns. Begins with the
/// mark that tells spreadsheets that it is UTF-8.
fn written(cluster: &Cluster) -> String {
    let keys: BTreeSet<&String> = cluster
        .devices
        .iter()
        .flat_map(|d| d.facts.keys())
        .collect();
    let mut text = String::from("\u{feff}");
    let head = [
        "device_id",
        "first_failed_at",
        "failed_at",
        "failed_attempts",
        "evidence",
    ];
    write_line(
        &mut text,
        head.into_iter().chain(keys.iter().map(|key| key.as_str())),
    );
    for device in &cluster.devices {
        let instant = |at_ms: i64| {
            let at = Timestamp::from_millisecond(at_ms);
            at.map(|at| at.to_string()).unwrap_or_default()
        };
        let first_failed_at = instant(device.first_failed_at_ms);
        let failed_at = instant(device.failed_at_ms);
        let attempts = device.attempts.to_string();
        let evidence = device.evidence.join(" ");
        let known = [
            &device.device_id,
            &first_failed_at,
            &failed_at,
            &attempts,
            &evidence,
        ];
        let facts = keys
            .iter()
            .map(|key| device.facts.get(*key).map_or("", String::as_str));
        write_line(
            &mut text,
            known.into_iter().map(String::as_str).chain(facts),
        );
    }
    text
}

fn write_line<'f>(text: &mut String, fields: impl Iterator<Item = &'f str>) {
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
    use crate::view::MemberDevice;

    fn cluster_of(device_id: &str, branch: &str) -> Cluster {
        let device = MemberDevice {
            device_id: device_id.to_owned(),
            first_failed_at_ms: 1_673_486_000_000,
            failed_at_ms: 1_673_486_040_000,
            attempts: 2,
            evidence: vec!["ab".to_owned(), "cd".to_owned()],
            facts: [("branch".to_owned(), branch.to_owned())].into(),
        };
        Cluster {
            devices: vec![device, MemberDevice::default()],
            ..Cluster::default()
        }
    }

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

    #[test]
    fn quotes_line_ends_and_commas_stay_inside_their_field() {
        let text = written(&cluster_of("dev-1", "a\",\r\n\"=b"));
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].iter().collect::<Vec<_>>(),
            [
                "dev-1",
                "2023-01-12T01:13:20Z",
                "2023-01-12T01:14:00Z",
                "2",
                "ab cd",
                "a\",\r\n\"=b"
            ]
        );
        assert_eq!(&rows[1][5], "");
    }
}
