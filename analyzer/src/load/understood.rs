//! What collectors understood, by source and build.

use clickhouse::Row;
use serde::Deserialize;

use super::{Asking, LoadError};
use crate::understood::{Counted, by_source};
use crate::view::{BuildLines, LineCount, SourceHealth};

#[derive(Row, Deserialize)]
struct Columns {
    source: String,
    os_build: String,
    devices: u64,
    lines: u64,
    unknown_lines: u64,
    codes: u64,
    unknown_codes: u64,
    lost_bytes: u64,
    lost_files: u64,
    cut_lines: u64,
    last_heard_ms: i64,
}

/// A device that was heard of longer ago says nothing of how logs are written
/// now: a strange build that was left behind, or is understood since, is over.
pub(super) const HEARD_MS: i64 = 7 * 86_400_000;

/// Sums up what was counted on every build of devices that live.
pub(crate) async fn read_understood(
    client: &clickhouse::Client,
    now_ms: i64,
) -> Result<Vec<SourceHealth>, LoadError> {
    let rows: Vec<Columns> = client
        .query(
            "SELECT toString(source) AS source, toString(os_build) AS os_build, \
             uniqExact(device_id) AS devices, sum(t.lines) AS lines, \
             sum(t.unknown_lines) AS unknown_lines, sum(t.codes) AS codes, \
             sum(t.unknown_codes) AS unknown_codes, sum(t.lost_bytes) AS lost_bytes, \
             sum(t.lost_files) AS lost_files, sum(t.cut_lines) AS cut_lines, \
             toUnixTimestamp64Milli(max(last_heard_at)) AS last_heard_ms \
             FROM source_lines AS t FINAL \
             WHERE t.last_heard_at >= fromUnixTimestamp64Milli(?) GROUP BY t.source, t.os_build \
             ORDER BY t.source, t.os_build",
        )
        .bind(now_ms - HEARD_MS)
        .fetch_all()
        .await
        .asking("lines by source and build")?;
    Ok(by_source(rows.into_iter().map(counted).collect()))
}

fn counted(row: Columns) -> Counted {
    let count = LineCount {
        lines: row.lines,
        unknown_lines: row.unknown_lines,
        codes: row.codes,
        unknown_codes: row.unknown_codes,
        lost_bytes: row.lost_bytes,
        lost_files: row.lost_files,
        cut_lines: row.cut_lines,
    };
    let build = BuildLines {
        os_build: row.os_build,
        devices: row.devices,
        count,
        last_heard_ms: row.last_heard_ms,
        strange: false,
    };
    (row.source, build)
}
