//! A rollout's target list, as a command line names it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clickhouse::Client;

use super::{ListRefused, parse_pair, read};
use crate::releases::{ImportReport, ImportRollout, Mapping, TargetList, import_rollout};

/// A KB by build family, with its level where that is named.
type FamilyKb = (u32, (String, Option<u32>));

/// A rollout's target list.
///
/// The list is a CSV in UTF-8, UTF-16 or GBK with a column for the device
/// (`device_id`, `hostname`, `Name`, `FullDomainName`, 设备, 计算机名 …) and, if
/// wanted, `ring` and `excluded`: as people write it, or as `ConfigMgr`, WSUS
/// and Active Directory export it.
#[derive(Debug, Clone, clap::Args)]
pub struct RolloutList {
    /// Name of the rollout.
    #[arg(long)]
    pub name: String,
    /// Name of the release: a month, `2023-01`.
    #[arg(long)]
    pub release: String,
    /// KB of a build family and the level that it brings:
    /// `19044=KB5022282@2486`. The level may be left out where the shipped
    /// table knows the KB: `17763=KB5022286`.
    #[arg(long = "kb", value_name = "FAMILY=KB@LEVEL", value_parser = parse_kb)]
    pub kbs: Vec<FamilyKb>,
    /// Target list; several times for several files. With a ring before it,
    /// `ring1=FILE`, all its devices are of that ring: a file per collection.
    #[arg(long, value_name = "[RING=]CSV", required = true, value_parser = parse_targets)]
    pub targets: Vec<(String, PathBuf)>,
    /// Which column is the `device`, the `ring` or `excluded`, where it is
    /// called otherwise: `device=Asset`. `ring=ou` takes the ring from the unit
    /// of a distinguished name, `ring=ou2` from the one above.
    #[arg(long = "map", value_name = "WHAT=COLUMN", value_parser = parse_pair)]
    pub mapping: Vec<(String, String)>,
    /// Depots to repair from: a CSV with `path` and `build` and, if wanted,
    /// `name`, `edition`, `language`, `arch`. The list replaces the one before:
    /// a depot that it does not name is withdrawn.
    #[arg(long, value_name = "CSV")]
    pub depots: Option<PathBuf>,
    /// Only say what would change.
    #[arg(long)]
    pub preview: bool,
}

impl RolloutList {
    /// Imports the list; a running analyzer takes it up with its next cycle.
    pub async fn import(&self, client: &Client, now_ms: i64) -> Result<ImportReport, ListRefused> {
        let list = |(ring, path): &(String, PathBuf)| {
            let ring = ring.clone();
            read(path).map(|csv| TargetList { ring, csv })
        };
        let order = ImportRollout {
            name: self.name.clone(),
            release: self.release.clone(),
            kbs: self.kbs.iter().cloned().collect::<BTreeMap<_, _>>(),
            targets: Vec::new(),
            lists: self.targets.iter().map(list).collect::<Result<_, _>>()?,
            mapping: Mapping::of(self.mapping.iter().cloned()),
            depots: self.depots.as_deref().map(read).transpose()?,
            preview: self.preview,
        };
        Ok(import_rollout(client, &order, now_ms).await?)
    }
}

impl ImportReport {
    /// What was done, for a person; `name` of the rollout.
    pub fn told(&self, name: &str, preview: bool) -> String {
        let kbs: Vec<&str> = self.kbs.values().map(String::as_str).collect();
        let done = if preview { "would import" } else { "imported" };
        let head = format!(
            "{done} {name:?}: {} targets, {} excluded, {} named twice, {} never heard of, {} \
             depots, KBs {}",
            self.targets,
            self.excluded,
            self.repeated,
            self.unheard,
            self.depots,
            kbs.join(" ")
        );
        let against = &self.difference;
        let counts = format!(
            "against the list before: {} come in, {} go, {} change",
            against.added, against.removed, against.changed
        );
        let shown = if preview { &against.some[..] } else { &[] };
        let lines = [head, counts]
            .into_iter()
            .chain(shown.iter().map(|line| format!("  {line}")));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// `FILE` or `ring1=FILE`; a ring has no separator of paths in it.
fn parse_targets(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((ring, path)) if !ring.contains(['/', '\\', '.']) && !path.is_empty() => {
            Ok((ring.to_owned(), PathBuf::from(path)))
        }
        _ if text.is_empty() => Err("name a file".to_owned()),
        _ => Ok((String::new(), PathBuf::from(text))),
    }
}

/// `17763=KB5022286` or `17763=KB5022286@3887`.
fn parse_kb(pair: &str) -> Result<FamilyKb, String> {
    let parsed = || {
        let (family, kb) = pair.split_once('=')?;
        let (kb, level) = match kb.split_once('@') {
            Some((kb, level)) => (kb, Some(level.parse().ok()?)),
            None => (kb, None),
        };
        let digits = kb.strip_prefix("KB")?;
        let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        sound.then_some((family.parse().ok()?, (kb.to_owned(), level)))
    };
    parsed().ok_or_else(|| "write it as 17763=KB5022286@3887".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_targets_may_name_its_ring() {
        let pair = |ring: &str, path: &str| Ok((ring.to_owned(), PathBuf::from(path)));
        assert_eq!(parse_targets("a.csv"), pair("", "a.csv"));
        assert_eq!(parse_targets("ring1=a.csv"), pair("ring1", "a.csv"));
        assert_eq!(parse_targets("./a=b.csv"), pair("", "./a=b.csv"));
        assert!(parse_pair("device=Name").is_ok() && parse_pair("device").is_err());
    }

    #[test]
    fn a_kb_is_named_by_family_with_or_without_its_level() {
        let kb = |level| (17763, ("KB5022286".to_owned(), level));
        assert_eq!(parse_kb("17763=KB5022286"), Ok(kb(None)));
        assert_eq!(parse_kb("17763=KB5022286@3887"), Ok(kb(Some(3887))));
        for wrong in ["KB5022286", "17763=5022286", "x=KB1", "1=KB", "1=KB2@x"] {
            assert!(parse_kb(wrong).is_err(), "{wrong}");
        }
    }
}
