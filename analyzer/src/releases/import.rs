//! A rollout is declared: its release, its target list, and depots.

use std::collections::{BTreeMap, HashMap};

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use super::depots::{depot_rows, withdrawn};
use super::table::{ListError, Mapping};
use super::targets::{Difference, TargetList, difference, import_id, target_rows};
use crate::kb::{Build, KbTable};
use crate::keep::{KeepError, ReleaseRow, RolloutRow, TargetRow, keep};
use crate::load::LoadError;
use crate::load::memory::{read_depots, read_rollout, read_targets};
use crate::load::plans::read_names;

/// What a patch manager hands in.
#[derive(Debug, Clone, Default)]
pub struct ImportRollout {
    /// Name of the rollout.
    pub name: String,
    /// Name of the release, a month for which KBs are known: `2023-01`.
    pub release: String,
    /// KB and level by build family, where the table does not know them.
    pub kbs: BTreeMap<u32, (String, Option<u32>)>,
    /// Target list as CSV; empty where `lists` has it.
    pub targets: Vec<u8>,
    /// Further target lists, each for one ring or with a column for it.
    pub lists: Vec<TargetList>,
    /// Columns of the target lists, where they are called otherwise.
    pub mapping: Mapping,
    /// All depots as CSV; nothing leaves them as they are.
    pub depots: Option<Vec<u8>>,
    /// Only say what would change.
    pub preview: bool,
}

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Devices on the list.
    pub targets: usize,
    /// Of these, taken out by a person.
    pub excluded: usize,
    /// Devices named more than once; the first line counts.
    pub repeated: usize,
    /// Devices that kbwatch never heard of.
    pub unheard: usize,
    /// KB by build family.
    pub kbs: BTreeMap<u32, String>,
    /// Depots on the list.
    pub depots: usize,
    /// Against the list of before.
    pub difference: Difference,
}

/// `rollout_imports`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct ImportRow {
    pub(crate) rollout: String,
    pub(crate) release: String,
    pub(crate) import_id: String,
    pub(crate) targets: u64,
    pub(crate) excluded: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) changed: u64,
    pub(crate) imported_at: i64,
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
    client: &Client,
    import: &ImportRollout,
    now_ms: i64,
) -> Result<ImportReport, ImportError> {
    let releases = release_rows(import, now_ms)?;
    let names = read_names(client).await?;
    let (targets, repeated) = target_rows(import, &names).map_err(ImportError::Targets)?;
    let depots = match &import.depots {
        Some(bytes) => depot_rows(bytes, now_ms).map_err(ImportError::Depots)?,
        None => Vec::new(),
    };
    let before = match read_rollout(client, &import.name).await? {
        Some(before) => read_targets(client, &before).await?,
        None => Vec::new(),
    };
    let report = ImportReport {
        targets: targets.len(),
        excluded: excluded(&targets),
        repeated,
        unheard: unheard(&targets, &names),
        kbs: releases
            .iter()
            .map(|row| (row.family, row.kb.clone()))
            .collect(),
        depots: depots.len(),
        difference: difference(&before, &targets),
    };
    if import.preview {
        return Ok(report);
    }
    keep(client, "releases", &releases).await?;
    if import.depots.is_some() {
        let before = read_depots(client).await?;
        keep(client, "depots", &withdrawn(before, &depots, now_ms)).await?;
    }
    keep(client, "depots", &depots).await?;
    keep(client, "rollout_targets", &targets).await?;
    keep(
        client,
        "rollout_imports",
        &[history(import, &report, &targets, now_ms)],
    )
    .await?;
    // The rollout last: until then the list before counts.
    let rollout = RolloutRow {
        rollout: import.name.clone(),
        release: import.release.clone(),
        import_id: import_id(&targets),
        imported_at: now_ms,
        revised_at: now_ms,
    };
    keep(client, "rollouts", &[rollout]).await?;
    Ok(report)
}

fn excluded(targets: &[TargetRow]) -> usize {
    let excluded = targets.iter().filter(|row| !row.excluded.is_empty());
    excluded.count()
}

fn unheard(targets: &[TargetRow], names: &HashMap<String, String>) -> usize {
    let unheard = targets
        .iter()
        .filter(|row| !names.contains_key(&row.device_id));
    unheard.count()
}

fn history(
    import: &ImportRollout,
    report: &ImportReport,
    targets: &[TargetRow],
    now_ms: i64,
) -> ImportRow {
    let difference = &report.difference;
    ImportRow {
        rollout: import.name.clone(),
        release: import.release.clone(),
        import_id: import_id(targets),
        targets: report.targets as u64,
        excluded: report.excluded as u64,
        added: difference.added as u64,
        removed: difference.removed as u64,
        changed: difference.changed as u64,
        imported_at: now_ms,
    }
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
