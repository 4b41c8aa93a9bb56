//! Shares that may serve as repair sources, as a list names them.

use std::collections::BTreeSet;

use super::table::{List, ListError, cell};
use crate::kb::Build;
use crate::keep::DepotRow;

/// Depots of a list.
pub(super) fn depot_rows(bytes: &[u8], now_ms: i64) -> Result<Vec<DepotRow>, ListError> {
    let list = List::parse(bytes)?;
    let path = list.must(&["path", "source", "路径"])?;
    let build = list.must(&["build", "level", "版本"])?;
    let named = |name: &str| list.column(&[name]);
    let (name, edition) = (list.column(&["name", "名称"]), named("edition"));
    let (language, arch) = (named("language"), named("arch"));
    let mut rows = Vec::new();
    for (line, cells) in &list.rows {
        let wrong = |what, value: &str, why| ListError::Value {
            line: *line,
            what,
            value: value.to_owned(),
            why,
        };
        let path = cell(cells, Some(path));
        if !crate::remedy::is_folder(path) {
            return Err(wrong(
                "path",
                path,
                r"is no \\server\share\… or X:\… of plain characters",
            ));
        }
        let build = cell(cells, Some(build));
        if Build::parse(build).is_none() {
            return Err(wrong("build", build, "is no level such as 17763.3770"));
        }
        let named = cell(cells, name);
        rows.push(DepotRow {
            name: if named.is_empty() { path } else { named }.to_owned(),
            path: path.to_owned(),
            build: build.to_owned(),
            edition: cell(cells, edition).to_owned(),
            language: cell(cells, language).to_owned(),
            arch: cell(cells, arch).to_owned(),
            revised_at: now_ms,
            gone: 0,
        });
    }
    Ok(rows)
}

/// Depots of before that the new list does not name.
pub(super) fn withdrawn(before: Vec<DepotRow>, now: &[DepotRow], now_ms: i64) -> Vec<DepotRow> {
    let named: BTreeSet<&str> = now.iter().map(|depot| depot.name.as_str()).collect();
    let absent = before
        .into_iter()
        .filter(|depot| !named.contains(depot.name.as_str()));
    absent
        .map(|depot| DepotRow {
            revised_at: now_ms.max(depot.revised_at),
            gone: 1,
            ..depot
        })
        .collect()
}
