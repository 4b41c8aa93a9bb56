//! Finding files again that were renamed, and archives that are new.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use kbwatch_proto::unreadable::Unreadable;

use super::{Archives, Moment, Source, is_absence};
use crate::watch::beginning::archive_time;
use crate::watch::file_id::{FileId, Signature};
use crate::watch::losses::Losses;
use crate::watch::opened::Opened;
use crate::watch::text_file::FollowedFile;
use crate::watch::trouble::reason;

/// Archives that are known at once; a log folder holds dozens.
const MAX_ARCHIVES: usize = 10_000;

/// Listings that may miss a file before it counts as gone: one that is renamed
/// while its folder is listed may be seen under neither name.
const MAX_MISSED_SCANS: u32 = 3;

/// The same while an archive cannot be opened, which may be the one: what scans
/// new files for viruses holds them for seconds, a backup for minutes.
const MAX_MISSED_WHILE_LOCKED: u32 = 300;

/// What a listing could not settle.
#[derive(Debug, Default)]
struct Unsettled {
    /// An archive is there and cannot be opened, or is there twice.
    is_locked: bool,
    /// What keeps an archive from being opened.
    reason: Option<Unreadable>,
}

impl Unsettled {
    /// A file is there and cannot be looked into.
    fn note(&mut self, is_archive: bool, error: &io::Error) {
        self.is_locked = true;
        self.reason = is_archive.then(|| reason(error)).or(self.reason);
    }
}

impl Source {
    /// Finds strays under their new names, and archives that are new.
    pub(super) fn scan(&mut self, moment: Moment) -> io::Result<()> {
        let folder = self.plan.path.parent().unwrap_or(Path::new("."));
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => {
                // It may be back at the next look, like a drive that is late.
                self.give_up_strays(moment, MAX_MISSED_SCANS);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let candidates = self.candidates(entries)?;
        let known: HashMap<PathBuf, usize> = (0..)
            .zip(&self.archived)
            .map(|(at, file)| (file.path.clone(), at))
            .collect();
        let mut present = HashSet::with_capacity(candidates.len());
        let mut unsettled = Unsettled::default();
        let mut beyond = 0;
        for (path, is_archive) in candidates {
            let signature = match Signature::at(&path) {
                Ok(signature) => signature,
                Err(error) if is_absence(&error) => continue,
                // It is there, whatever it is.
                Err(error) => {
                    unsettled.note(is_archive, &error);
                    present.insert(path);
                    continue;
                }
            };
            let known = known.get(&path).map(|at| &mut self.archived[*at]);
            if let Some(file) = known.filter(|file| file.is_at(&path, signature.id)) {
                file.reopen_if_changed(signature);
            } else if self.archived.len() < MAX_ARCHIVES || !self.strays.is_empty() {
                let id = signature.id;
                self.consider(&path, (id, is_archive), moment, &mut unsettled);
            } else {
                beyond += 1;
            }
            present.insert(path);
        }
        self.note_beyond(beyond);
        self.set_vanished_aside(&present);
        let patience = if unsettled.is_locked {
            MAX_MISSED_WHILE_LOCKED
        } else {
            MAX_MISSED_SCANS
        };
        self.give_up_strays(moment, patience);
        self.archived.sort_by(|a, b| a.path.cmp(&b.path));
        self.note_beginnings();
        self.note_locked_archive(unsettled.reason, moment.now_ms);
        if !self.strays.is_empty() {
            self.listing.ask();
        } else if unsettled.is_locked {
            self.listing.ask_again();
        }
        Ok(())
    }

    /// Files that may be archives, and whether they are called so, the newest
    /// first. An archive is packed before it is deleted: seen as .log first, its
    /// .cab is known for the same.
    fn candidates(&self, entries: fs::ReadDir) -> io::Result<Vec<(PathBuf, bool)>> {
        let mut candidates = Vec::new();
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let is_archive = self.is_archive(&path);
            if path != self.plan.path
                && (is_archive || !self.strays.is_empty())
                && entry.file_type().is_ok_and(|kind| kind.is_file())
            {
                candidates.push((path, is_archive));
            }
        }
        candidates.sort_by(|(a, _), (b, _)| b.file_name().cmp(&a.file_name()));
        Ok(candidates)
    }

    /// Counts archives that are too many to be known, and says so once.
    fn note_beyond(&mut self, beyond: u64) {
        if beyond > self.files_beyond {
            let source = self.plan.name;
            tracing::warn!(source, beyond, "too many archives: the oldest are not read");
            self.files_beyond = beyond;
        }
    }

    fn is_archive(&self, path: &Path) -> bool {
        match self.plan.archives {
            Archives::None => false,
            Archives::CbsPersist => archive_time(path).is_some(),
            Archives::Backup => {
                let mut backup = self.plan.path.clone().into_os_string();
                backup.push(".bak");
                path.as_os_str().eq_ignore_ascii_case(&backup)
            }
        }
    }

    /// Tells each file when the one before it was rotated away: then it began.
    fn note_beginnings(&mut self) {
        if self.plan.archives != Archives::CbsPersist {
            return;
        }
        let mut rotated_ms = None;
        for file in &mut self.archived {
            file.beginning.note_rotation(rotated_ms);
            rotated_ms = archive_time(&file.path).flatten();
        }
        // One that is still looked for may be the one before.
        let is_sure = self.strays.is_empty();
        if let Some(live) = &mut self.live {
            live.beginning.note_rotation(rotated_ms.filter(|_| is_sure));
        }
    }

    /// Decides what a file beside the live one is.
    fn consider(
        &mut self,
        path: &Path,
        (id, is_archive): (FileId, bool),
        moment: Moment,
        unsettled: &mut Unsettled,
    ) {
        let stray = self.strays.iter().any(|file| file.has_id(id));
        if !stray && !is_archive {
            return;
        }
        let opened = match Opened::open(path) {
            Ok(opened) => opened,
            // Vanished between listing and opening.
            Err(error) if is_absence(&error) => return,
            Err(error) => {
                unsettled.note(is_archive, &error);
                return;
            }
        };
        let reading = &self.reading;
        let is_it = |file: &FollowedFile| file.is(&opened, reading) || file.is_packed_as(&opened);
        if let Some(at) = self.strays.iter().position(is_it) {
            let mut found = self.strays.swap_remove(at);
            found.move_to(path, &opened);
            self.archived.push(found);
        } else if let Some(moved) = self.archived.iter_mut().find(|file| is_it(file)) {
            if moved.path.exists() {
                // Packed, and not deleted yet.
                unsettled.is_locked = true;
            } else {
                moved.move_to(path, &opened);
            }
        } else if is_archive {
            let mut fresh = FollowedFile::new(path, &opened, reading, !self.is_known);
            let ended = archive_time(path).flatten();
            if !self.is_known && ended.is_some_and(|ended| ended < moment.oldest_ms) {
                fresh.skip();
                self.skipped_files += 1;
            }
            self.archived.push(fresh);
        }
    }

    /// Files that listing after listing did not show: what they gave stays,
    /// the rest is lost.
    fn give_up_strays(&mut self, moment: Moment, patience: u32) {
        for mut stray in std::mem::take(&mut self.strays) {
            stray.missed_scans += 1;
            if stray.missed_scans < patience {
                self.strays.push(stray);
                continue;
            }
            if !self.plan.replaced_whole && stray.is_unread() {
                let lost_bytes = stray.lag_bytes();
                self.losses += Losses::of_file(lost_bytes);
                let path = stray.path.display();
                tracing::warn!(source = self.plan.name, %path, lost_bytes, "log vanished before it was read");
            }
            self.bury(&mut stray, moment);
        }
    }

    fn set_vanished_aside(&mut self, present: &HashSet<PathBuf>) {
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.archived)
            .into_iter()
            .partition(|file| present.contains(&file.path));
        self.archived = kept;
        self.strays.extend(gone);
    }

    fn bury(&mut self, file: &mut FollowedFile, moment: Moment) {
        let counts = file.counts();
        self.closed_counts.add(counts);
        file.close();
        self.skipped_events += file.take_events(moment.oldest_ms, &mut self.ready);
    }
}
