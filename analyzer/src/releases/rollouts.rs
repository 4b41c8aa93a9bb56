//! Every rollout's target list, held in memory.

use std::collections::{HashMap, HashSet};

use super::exceptions::{ExceptionRow, of_rollout};
use super::progress::{Progress, Sea, progress_of};
use super::status::Target;
use super::verdict::VerdictBook;
use crate::keep::{ReleaseRow, RolloutRow};
use crate::load::LoadError;
use crate::load::memory::{Declared, read_targets};

/// Rollouts and their target lists.
#[derive(Debug, Default)]
pub(crate) struct Rollouts {
    declared: Vec<RolloutRow>,
    releases: Vec<ReleaseRow>,
    /// By rollout: the import that was read, and its lines.
    targets: HashMap<String, (String, Vec<Target>)>,
}

impl Rollouts {
    /// Takes over what was declared; reads target lists that changed.
    pub(crate) async fn refresh(
        &mut self,
        client: &clickhouse::Client,
        declared: &Declared,
    ) -> Result<(), LoadError> {
        for rollout in &declared.rollouts {
            let read = self.targets.get(&rollout.rollout);
            if read.is_some_and(|(import, _)| *import == rollout.import_id) {
                continue;
            }
            let rows = read_targets(client, rollout).await?;
            let targets = rows.into_iter().map(|row| Target {
                device_id: row.device_id,
                ring: row.ring,
                excluded: !row.excluded.is_empty(),
            });
            let list = (rollout.import_id.clone(), targets.collect());
            self.targets.insert(rollout.rollout.clone(), list);
        }
        self.declared.clone_from(&declared.rollouts);
        self.releases.clone_from(&declared.releases);
        // Newest first, on screens and where two lists name a device's ring.
        self.declared
            .sort_by(|a, b| (b.imported_at, &b.rollout).cmp(&(a.imported_at, &a.rollout)));
        Ok(())
    }

    /// Rings by device id; the newest list that names a ring counts.
    pub(crate) fn rings(&self) -> HashMap<String, String> {
        let mut rings: HashMap<String, String> = HashMap::new();
        for rollout in &self.declared {
            let lists = self.targets.get(&rollout.rollout);
            for target in lists.into_iter().flat_map(|(_, targets)| targets) {
                if !target.ring.is_empty() && !rings.contains_key(&target.device_id) {
                    rings.insert(target.device_id.clone(), target.ring.clone());
                }
            }
        }
        rings
    }

    /// Devices on the target lists of a KB, without those that a person took
    /// out; `None` where no list is for it.
    pub(crate) fn listed(&self, kb: &str) -> Option<HashSet<&str>> {
        let releases = self.releases.iter().filter(|row| row.kb == kb);
        let releases: HashSet<&str> = releases.map(|row| row.release.as_str()).collect();
        let for_kb = self
            .declared
            .iter()
            .filter(|rollout| releases.contains(rollout.release.as_str()));
        let lists: Vec<_> = for_kb
            .filter_map(|rollout| self.targets.get(&rollout.rollout))
            .collect();
        let targets = lists.iter().flat_map(|(_, targets)| targets);
        let ids = targets
            .filter(|target| !target.excluded)
            .map(|target| target.device_id.as_str());
        (!lists.is_empty()).then(|| ids.collect())
    }

    /// Devices that stand on target lists of a KB and count on none: taken out,
    /// or answered for by somebody.
    pub(crate) fn let_off<'s>(
        &'s self,
        kb: &str,
        exceptions: &'s [ExceptionRow],
        now_ms: i64,
    ) -> HashSet<&'s str> {
        let (mut off, mut on) = (HashSet::new(), HashSet::new());
        for rollout in &self.declared {
            let mut releases = self.releases.iter();
            if !releases.any(|row| row.kb == kb && row.release == rollout.release) {
                continue;
            }
            let excused = of_rollout(exceptions, &rollout.rollout);
            let lists = self.targets.get(&rollout.rollout);
            for target in lists.into_iter().flat_map(|(_, targets)| targets) {
                let id = target.device_id.as_str();
                let excused = excused.get(id).is_some_and(|row| row.until_at > now_ms);
                let set = if target.excluded || excused {
                    &mut off
                } else {
                    &mut on
                };
                set.insert(id);
            }
        }
        off.retain(|id| !on.contains(id));
        off
    }

    /// How far every rollout is, newest first.
    pub(crate) fn progress(&self, sea: &Sea<'_, '_>, book: &mut VerdictBook) -> Vec<Progress> {
        let rollouts = self.declared.iter();
        let progress = rollouts.map(|rollout| {
            let targets = self.targets.get(&rollout.rollout);
            let targets = targets.map_or(&[][..], |(_, targets)| targets);
            progress_of(rollout, (&self.releases, targets), sea, book)
        });
        progress.collect()
    }
}
