//! Releases and rollouts: what is to be on which devices, and how far it is.
//!
//! The target list is the denominator: its rows add up to it, whoever is
//! silent, excluded or without a collector included.

mod rollouts;
mod status;
mod table;

pub(crate) use rollouts::{Progress, Rollouts, Sea};
pub use table::ListError;
pub(crate) use table::{List, cell, decode};

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::damage::short_hex;
use crate::kb::{Build, KbTable};
use crate::keep::{DepotRow, KeepError, ReleaseRow, RolloutRow, TargetRow, keep};
use crate::load::LoadError;
use crate::load::memory::read_depots;

/// Columns that may name a device.
const DEVICE: [&str; 7] = [
    "device_id",
    "device",
    "hostname",
    "computer",
    "name",
    "设备",
    "计算机名",
];
const RING: [&str; 4] = ["ring", "group", "批次", "分组"];
const EXCLUDED: [&str; 4] = ["excluded", "exclude", "exception", "排除"];

/// What a patch manager hands in.
#[derive(Debug, Clone, Default)]
pub struct ImportRollout {
    /// Name of the rollout.
    pub name: String,
    /// Name of the release, a month for which KBs are known: `2023-01`.
    pub release: String,
    /// KB and level by build family, where the table does not know them.
    pub kbs: BTreeMap<u32, (String, Option<u32>)>,
    /// Target list as CSV.
    pub targets: Vec<u8>,
    /// All depots as CSV; nothing leaves them as they are.
    pub depots: Option<Vec<u8>>,
}

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImportReport {
    /// Devices on the list.
    pub targets: usize,
    /// Of these, taken out by a person.
    pub excluded: usize,
    /// Devices named more than once; the first line counts.
    pub repeated: usize,
    /// KB by build family.
    pub kbs: BTreeMap<u32, String>,
    /// Depots on the list.
    pub depots: usize,
}

/// A rollout cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Correct the target list.
    #[error("could not read the target list")]
    Targets(#[source] ListError),
    /// Correct the list of depots.
    #[error("could not read the list of depots")]
    Depots(#[source] ListError),
    /// Name the level.
    #[error(
        "no level is known for {kb} on {family}; name it, for example --kb {family}={kb}@2486: \
         without it every device of the family would count as done"
    )]
    Level {
        /// Build family.
        family: u32,
        /// KB that was named for it.
        kb: String,
    },
    /// Name the KBs.
    #[error("no KB is known for release {release:?}; name them, for example --kb 17763=KB5022286")]
    Release {
        /// Release that was asked for.
        release: String,
    },
    /// Try again.
    #[error("could not read the depots of before")]
    Load(#[from] LoadError),
    /// Try again.
    #[error("could not keep the rollout")]
    Keep(#[from] KeepError),
}

/// Imports a release, a rollout's target list and depots. The same name
/// replaces the list; the list before stays as history. A list of depots
/// replaces all depots: one that it does not name is withdrawn.
pub async fn import_rollout(
    client: &clickhouse::Client,
    import: &ImportRollout,
    now_ms: i64,
) -> Result<ImportReport, ImportError> {
    let releases = release_rows(import, now_ms)?;
    let (targets, repeated) = target_rows(import)?;
    let depots = match &import.depots {
        Some(bytes) => depot_rows(bytes, now_ms).map_err(ImportError::Depots)?,
        None => Vec::new(),
    };
    keep(client, "releases", &releases).await?;
    if import.depots.is_some() {
        let before = read_depots(client).await?;
        keep(client, "depots", &withdrawn(before, &depots, now_ms)).await?;
    }
    keep(client, "depots", &depots).await?;
    keep(client, "rollout_targets", &targets).await?;
    // The rollout last: until then the list before counts.
    let rollout = RolloutRow {
        rollout: import.name.clone(),
        release: import.release.clone(),
        import_id: import_id(import),
        imported_at: now_ms,
        revised_at: now_ms,
    };
    keep(client, "rollouts", &[rollout]).await?;
    Ok(ImportReport {
        targets: targets.len(),
        excluded: targets
            .iter()
            .filter(|row| !row.excluded.is_empty())
            .count(),
        repeated,
        kbs: releases
            .into_iter()
            .map(|row| (row.family, row.kb))
            .collect(),
        depots: depots.len(),
    })
}

fn import_id(import: &ImportRollout) -> String {
    short_hex(&Sha256::digest(&import.targets))
}

fn release_rows(import: &ImportRollout, now_ms: i64) -> Result<Vec<ReleaseRow>, ImportError> {
    let table = KbTable::shipped();
    let mut rows: BTreeMap<u32, ReleaseRow> = BTreeMap::new();
    let known = table.of_month(&import.release);
    let mut pairs: Vec<(Build, String)> = known.map(|row| (row.build, row.kb.clone())).collect();
    for (family, (kb, revision)) in &import.kbs {
        let known = table.build_of(kb, Some(*family));
        let level = revision.or(known.map(|build| build.revision));
        let revision = level.filter(|revision| *revision > 0);
        let build = Build {
            family: *family,
            revision: revision.ok_or_else(|| ImportError::Level {
                family: *family,
                kb: kb.clone(),
            })?,
        };
        pairs.push((build, kb.clone()));
    }
    for (build, kb) in pairs {
        let row = ReleaseRow {
            release: import.release.clone(),
            family: build.family,
            kb,
            revision: build.revision,
            revised_at: now_ms,
        };
        rows.insert(build.family, row);
    }
    if rows.is_empty() {
        return Err(ImportError::Release {
            release: import.release.clone(),
        });
    }
    Ok(rows.into_values().collect())
}

fn target_rows(import: &ImportRollout) -> Result<(Vec<TargetRow>, usize), ImportError> {
    let list = List::parse(&import.targets).map_err(ImportError::Targets)?;
    let device = list.must(&DEVICE).map_err(ImportError::Targets)?;
    let (ring, excluded) = (list.column(&RING), list.column(&EXCLUDED));
    let import_id = import_id(import);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut rows = Vec::with_capacity(list.rows.len());
    let mut repeated = 0;
    for (line, cells) in &list.rows {
        let device_id = cell(cells, Some(device)).to_lowercase();
        if device_id.is_empty() {
            return Err(ImportError::Targets(ListError::Value {
                line: *line,
                what: "device",
                value: device_id,
                why: "is empty",
            }));
        }
        if !seen.insert(device_id.clone()) {
            repeated += 1;
            continue;
        }
        rows.push(TargetRow {
            rollout: import.name.clone(),
            import_id: import_id.clone(),
            device_id,
            ring: cell(cells, ring).to_lowercase(),
            excluded: excluded_reason(cell(cells, excluded)),
        });
    }
    Ok((rows, repeated))
}

/// A reason, or a plain yes; a plain no excludes nobody.
fn excluded_reason(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "" | "0" | "no" | "false" | "否" => String::new(),
        _ => text.to_owned(),
    }
}

fn depot_rows(bytes: &[u8], now_ms: i64) -> Result<Vec<DepotRow>, ListError> {
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
fn withdrawn(before: Vec<DepotRow>, now: &[DepotRow], now_ms: i64) -> Vec<DepotRow> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn import(family: u32, kb: &str, level: Option<u32>) -> ImportRollout {
        ImportRollout {
            release: "2023-01".into(),
            kbs: BTreeMap::from([(family, (kb.to_owned(), level))]),
            ..ImportRollout::default()
        }
    }

    #[test]
    fn a_kb_whose_level_nobody_knows_is_refused_with_the_way_to_name_it() {
        for level in [None, Some(0)] {
            let refused = release_rows(&import(19044, "KB5022282", level), 7).unwrap_err();
            let told = refused.to_string();
            assert!(told.contains("--kb 19044=KB5022282@"), "{told}");
        }
        let named = release_rows(&import(19044, "KB5022282", Some(2486)), 7).unwrap();
        let levels: Vec<(u32, u32)> = named.iter().map(|r| (r.family, r.revision)).collect();
        assert_eq!(levels, [(17763, 3887), (19044, 2486)]);
        let shipped = release_rows(&import(17763, "KB5022286", None), 7).unwrap();
        assert_eq!(shipped[0].revision, 3887);
    }
}
