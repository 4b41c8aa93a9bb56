//! Finding files again that were renamed, and archives that are new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Moment, Source, add_counts, is_absence};
use crate::watch::file_id::{FileId, Opened};
use crate::watch::text_file::FollowedFile;

/// Entries of a folder that are looked at; a log folder holds dozens.
const MAX_ENTRIES: usize = 10_000;

impl Source {
    /// Finds strays under their new names, and archives that are new.
    pub(super) fn scan(&mut self, moment: Moment) -> io::Result<()> {
        let folder = self.plan.path.parent().unwrap_or(Path::new("."));
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => {
                self.forget_strays();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut present = Vec::new();
        for entry in entries.take(MAX_ENTRIES) {
            let entry = entry?;
            let path = entry.path();
            let is_archive = self.plan.has_archives && archive_time(&path).is_some();
            if path == self.plan.path || (!is_archive && self.strays.is_empty()) {
                continue;
            }
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                self.consider(&path, FileId::of(&metadata), is_archive, moment);
                present.push(path);
            }
        }
        self.forget_strays();
        self.forget_vanished(&present);
        self.archived.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(())
    }

    /// Decides what a file beside the live one is.
    fn consider(&mut self, path: &Path, id: FileId, is_archive: bool, moment: Moment) {
        let known = |file: &FollowedFile| file.path == path && file.has_id(id);
        let stray = self.strays.iter().any(|file| file.has_id(id));
        if self.archived.iter().any(known) || (!stray && !is_archive) {
            return;
        }
        // Vanished or locked between listing and opening: the next scan tells.
        let Ok(opened) = Opened::open(path) else {
            return;
        };
        if let Some(at) = self
            .strays
            .iter()
            .position(|file| file.is(&opened, &self.reading))
        {
            let mut found = self.strays.swap_remove(at);
            path.clone_into(&mut found.path);
            self.archived.push(found);
        } else if let Some(moved) = self
            .archived
            .iter_mut()
            .find(|file| file.is(&opened, &self.reading))
        {
            path.clone_into(&mut moved.path);
        } else if is_archive {
            let mut fresh = FollowedFile::new(path, &opened, &self.reading);
            if archive_time(path)
                .flatten()
                .is_some_and(|ended| ended < moment.oldest_ms)
            {
                fresh.skip();
                self.skipped_files += 1;
            }
            self.archived.push(fresh);
        }
    }

    /// Files that were found nowhere: what they gave stays, the rest is lost.
    fn forget_strays(&mut self) {
        for mut stray in std::mem::take(&mut self.strays) {
            if stray.lag_bytes() > 0 {
                let lost_bytes = stray.lag_bytes();
                let path = stray.path.display();
                tracing::warn!(source = self.plan.name, %path, lost_bytes, "log vanished before it was read");
            }
            self.bury(&mut stray);
        }
    }

    fn forget_vanished(&mut self, present: &[PathBuf]) {
        let (kept, gone) = std::mem::take(&mut self.archived)
            .into_iter()
            .partition(|file| present.contains(&file.path));
        self.archived = kept;
        self.strays = gone;
        self.forget_strays();
    }

    fn bury(&mut self, file: &mut FollowedFile) {
        let counts = file.counts();
        add_counts(&mut self.closed_counts, counts);
        file.close();
        file.take_events(&mut self.ready);
    }
}

/// `None` where a file is no archive of CBS.log; else the moment of rotation,
/// which its name states in UTC, in milliseconds.
#[expect(
    clippy::option_option,
    reason = "no archive, and an archive without a time"
)]
fn archive_time(path: &Path) -> Option<Option<i64>> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let stamp = name.strip_prefix("cbspersist_")?.strip_suffix(".log")?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", stamp).ok();
    let utc = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok());
    Some(utc.map(|utc| utc.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_archive_tells_when_it_ended() {
        let time = |name: &str| archive_time(Path::new(name));
        assert_eq!(
            time("/x/CbsPersist_20230111100000.log"),
            Some(Some(1_673_431_200_000))
        );
        assert_eq!(time("CbsPersist_odd.log"), Some(None));
        assert_eq!(time("CbsPersist_20230111100000.cab"), None);
        assert_eq!(time("CBS.log"), None);
    }
}
