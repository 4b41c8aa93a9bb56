//! A baseline: codes that this fleet is known to show, so that a new
//! installation need not be silent for its first day.

use clickhouse::Client;

use crate::keep::{CodeRow, KeepError, StateRow, keep};
use crate::pipeline::BASELINE_KEY;
use crate::releases::{List, ListError, cell};
use crate::tell::known_code;
use kbwatch_proto::result_code::ResultCode;

/// A baseline cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Correct the list.
    #[error("could not read the list of codes")]
    List(#[from] ListError),
    /// Try again.
    #[error("could not keep the baseline")]
    Keep(#[from] KeepError),
}

/// Imports a CSV with a column `hresult` and, if known, `last_seen` (RFC 3339);
/// any spelling of a code will do. An empty list declares that every code is new.
///
/// From then on the database counts as past its first 24 hours. Returns how
/// many codes were taken over.
pub async fn import_baseline(
    client: &Client,
    csv: &[u8],
    now_ms: i64,
) -> Result<usize, BaselineError> {
    let rows = code_rows(csv, now_ms)?;
    keep(client, "failure_codes", &rows).await?;
    let state = StateRow {
        key: BASELINE_KEY.to_owned(),
        value: now_ms.to_string(),
        revised_at: now_ms,
    };
    keep(client, "analyzer_state", &[state]).await?;
    Ok(rows.len())
}

fn code_rows(csv: &[u8], now_ms: i64) -> Result<Vec<CodeRow>, ListError> {
    let list = List::parse(csv)?;
    let code = list.must(&["hresult", "code"])?;
    let seen = list.column(&["last_seen", "last_seen_at"]);
    let mut rows = Vec::with_capacity(list.rows.len());
    for (line, cells) in &list.rows {
        let wrong = |what, value: &str, why| ListError::Value {
            line: *line,
            what,
            value: value.to_owned(),
            why,
        };
        let text = cell(cells, Some(code));
        let hresult = ResultCode::parse(text)
            .ok_or_else(|| wrong("hresult", text, "is no result code such as 0x80070070"))?;
        let seen_text = cell(cells, seen);
        let last_seen_ms = if seen_text.is_empty() {
            now_ms
        } else {
            let at = seen_text.parse::<jiff::Timestamp>();
            at.map_err(|_| {
                wrong(
                    "last_seen",
                    seen_text,
                    "is no time such as 2023-01-10T00:00:00Z",
                )
            })?
            .as_millisecond()
        };
        rows.push(known_code(hresult.0, last_seen_ms, now_ms));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_any_spelling_with_the_time_they_were_seen() {
        let rows = code_rows(
            b"hresult,last_seen\n0x80070070,2023-01-10T00:00:00Z\n800f0831,\n",
            7,
        );
        let rows = rows.unwrap();
        assert_eq!(rows[0].hresult, 0x8007_0070);
        assert_eq!(rows[0].last_seen_at, 1_673_308_800_000);
        assert_eq!((rows[1].hresult, rows[1].last_seen_at), (0x800f_0831, 7));
    }

    #[test]
    fn a_wrong_code_is_named_with_its_line() {
        let error = code_rows(b"hresult\n0x80070070\nbroken\n", 7).unwrap_err();
        assert!(error.to_string().contains("line 3") && error.to_string().contains("broken"));
    }
}
