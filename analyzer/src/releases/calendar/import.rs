//! Reads a list of windows and puts it in place of the one before.

use clickhouse::Client;
use sha2::{Digest, Sha256};

use super::WindowRow;
use super::when::When;
use crate::damage::short_hex;
use crate::keep::{KeepError, keep};
use crate::releases::table::{List, ListError, Mapping, cell};

/// A list of windows is refused.
#[derive(Debug, thiserror::Error)]
pub enum WindowsRefused {
    /// Correct the list.
    #[error("could not read the list of windows")]
    List(#[from] ListError),
    /// Try again.
    #[error("could not keep the windows")]
    Keep(#[from] KeepError),
}

/// Imports maintenance windows in place of those before: columns `days` or
/// `date`, `from`, `to`, `offset`, and for whom: `ring`, `branch`, `class`.
/// Returns how many there are now.
pub async fn import_windows(
    client: &Client,
    csv: &[u8],
    mapping: &Mapping,
    now_ms: i64,
) -> Result<usize, WindowsRefused> {
    let rows = window_rows(csv, mapping, now_ms)?;
    keep(client, "maintenance_windows", &rows).await?;
    Ok(rows.len() - 1)
}

pub(super) fn window_rows(
    csv: &[u8],
    mapping: &Mapping,
    now_ms: i64,
) -> Result<Vec<WindowRow>, ListError> {
    let list = List::parse(csv)?;
    let days = list.mapped(mapping, "days", &["days", "day", "星期"]);
    let date = list.mapped(mapping, "date", &["date", "日期"]);
    let from = list.must_mapped(mapping, "from", &["from", "begin", "start", "开始"])?;
    let to = list.must_mapped(mapping, "to", &["to", "end", "结束"])?;
    let offset = list.must_mapped(mapping, "offset", &["offset", "utc_offset", "时差"])?;
    let named =
        |what: &'static str, chinese: &'static str| list.mapped(mapping, what, &[what, chinese]);
    let (name, ring) = (named("name", "名称"), named("ring", "批次"));
    let (branch, class) = (named("branch", "网点"), named("class", "类别"));
    let import_id = short_hex(&Sha256::digest(csv));
    let blank = WindowRow {
        import_id,
        position: 0,
        name: String::new(),
        ring: String::new(),
        branch: String::new(),
        class: String::new(),
        days: String::new(),
        begins: String::new(),
        ends: String::new(),
        utc_offset: String::new(),
        imported_at: now_ms,
    };
    let mut rows = vec![blank.clone()];
    for (position, (line, cells)) in (1..).zip(&list.rows) {
        let text = |column| cell(cells, column).trim().to_owned();
        let days = match text(date) {
            day if day.is_empty() => text(days).to_lowercase(),
            day => day,
        };
        let row = WindowRow {
            position,
            name: text(name),
            ring: text(ring).to_lowercase(),
            branch: text(branch),
            class: text(class).to_lowercase(),
            days,
            begins: text(Some(from)),
            ends: text(Some(to)),
            utc_offset: text(Some(offset)),
            ..blank.clone()
        };
        if let Err((what, value, why)) = When::parse(&row) {
            let line = *line;
            return Err(ListError::Value {
                line,
                what,
                value,
                why,
            });
        }
        rows.push(row);
    }
    Ok(rows)
}
