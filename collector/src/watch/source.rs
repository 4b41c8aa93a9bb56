//! One log of the endpoint through all its files: the live one, and the
//! archives that it became.
//!
//! Nothing is kept open between two looks. A look costs one metadata call
//! while nothing changes; the folder is listed only when the live file is
//! another one than before.

use std::io;
use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::SourceKind;

use crate::parse::ParseCounts;
use crate::remember::RememberedFile;
use crate::watch::losses::Losses;
use crate::watch::text_file::{FollowedFile, Reading};
use crate::watch::trouble::Trouble;

pub(crate) use self::plan::{Archives, SourcePlan};

use self::listing::Listing;
use self::presence::Presence;

mod listing;
mod live;
mod plan;
mod presence;
mod reading;
mod rotation;

/// Bytes read per look, so that one long backlog does not starve the rest.
pub(crate) const READ_BUDGET: u64 = 256 * 1024;

/// One log through all its files.
#[derive(Debug)]
pub(crate) struct Source {
    plan: SourcePlan,
    reading: Reading,
    live: Option<FollowedFile>,
    /// Files that nobody writes any more, by name: oldest first.
    archived: Vec<FollowedFile>,
    /// Files that are no longer, or not yet, found under a name.
    strays: Vec<FollowedFile>,
    listing: Listing,
    /// Something of this log was read before: what appears now is news.
    is_known: bool,
    /// Events of files that are gone.
    ready: Vec<UpdateEvent>,
    closed_counts: ParseCounts,
    skipped_files: u64,
    /// Archives that are too many to be known, at most so far.
    files_beyond: u64,
    skipped_events: u64,
    /// How often the live file turned out to be written anew in its place.
    rewritten: u32,
    trouble: Option<Trouble>,
    /// An archive that cannot be opened so far.
    locked_archive: Option<Trouble>,
    losses: Losses,
    presence: Presence,
}

/// What a look at a source found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    pub(crate) read_bytes: u64,
    /// There is more to read at once.
    pub(crate) more: bool,
}

/// When a look happens and what it may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now_ms: i64,
    /// Archives that end before this are not read.
    pub(crate) oldest_ms: i64,
    /// Bytes that may be read.
    pub(crate) budget: u64,
    /// The live file is left alone: it stays, whatever happens.
    pub(crate) archives_only: bool,
    /// No byte will be written any more: do not wait for quiet.
    pub(crate) last_look: bool,
}

impl Source {
    pub(crate) fn new(
        plan: SourcePlan,
        device_id: Arc<str>,
        remembered: Vec<RememberedFile>,
    ) -> Self {
        Self {
            reading: Reading {
                device_id,
                kind: plan.kind,
                replaced_whole: plan.replaced_whole,
            },
            plan,
            is_known: !remembered.is_empty(),
            live: None,
            archived: Vec::new(),
            strays: remembered
                .into_iter()
                .map(FollowedFile::remembered)
                .collect(),
            listing: Listing::default(),
            ready: Vec::new(),
            closed_counts: ParseCounts::default(),
            skipped_files: 0,
            files_beyond: 0,
            skipped_events: 0,
            rewritten: 0,
            trouble: None,
            locked_archive: None,
            losses: Losses::default(),
            presence: Presence::Unknown,
        }
    }

    /// See [`SourcePlan::key`].
    pub(crate) fn key(&self) -> String {
        self.plan.key()
    }

    /// Which log it is in the words of all stages.
    pub(crate) fn kind(&self) -> SourceKind {
        self.plan.source_kind()
    }

    /// Looks for changes and reads what is new, archives first. A file that
    /// cannot be read now does not keep the others from being read.
    pub(crate) fn look(&mut self, moment: Moment) -> Looked {
        let mut failed = None;
        let mut looked = Looked::default();
        let opened = self.look_at_live().unwrap_or_else(|error| {
            failed = Some(error);
            None
        });
        if self.listing.is_due()
            && let Err(error) = self.scan(moment)
        {
            self.listing.ask_again();
            failed = Some(error);
        }
        self.read_archives(moment, &mut looked, &mut failed);
        if !moment.archives_only
            && let Err(error) = self.read_live(opened, moment, &mut looked)
        {
            failed = Some(error);
        }
        looked.more = failed.is_none() && self.has_more(moment);
        self.is_known |= self.live.is_some() || !self.archived.is_empty();
        self.tell_trouble(failed.as_ref(), moment.now_ms);
        self.tell_presence(failed.is_some(), moment.now_ms);
        looked
    }

    fn has_more(&self, moment: Moment) -> bool {
        let live = self.live.iter().filter(|_| !moment.archives_only);
        let mut readable = self.archived.iter().chain(live);
        readable.any(|file| file.lag_bytes() > 0)
    }

    /// Whether files that nobody writes any more, and that Windows will
    /// delete, hold what is not receipted yet.
    pub(crate) fn rotates_away(&self) -> bool {
        !self.ready.is_empty()
            || self
                .archived
                .iter()
                .any(|file| !file.is_finished() || !file.is_answered())
    }

    fn files(&self) -> impl Iterator<Item = &FollowedFile> {
        self.archived.iter().chain(&self.live)
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut FollowedFile> {
        self.archived.iter_mut().chain(&mut self.live)
    }

    /// Bytes that are there and were not read.
    pub(crate) fn lag_bytes(&self) -> u64 {
        self.files().map(FollowedFile::lag_bytes).sum()
    }

    /// Whether everything was read and every record closed.
    pub(crate) fn is_settled(&self) -> bool {
        self.strays.is_empty()
            && self.files().all(FollowedFile::is_settled)
            && self.archived.iter().all(FollowedFile::is_finished)
    }

    pub(crate) fn open_events(&self) -> usize {
        self.ready.len() + self.files().map(FollowedFile::open_events).sum::<usize>()
    }

    /// Hands over what was read, without what is older than `oldest_ms`.
    pub(crate) fn take_events(&mut self, oldest_ms: i64, out: &mut Vec<UpdateEvent>) {
        out.append(&mut self.ready);
        let mut skipped = 0;
        for file in self.files_mut() {
            skipped += file.take_events(oldest_ms, out);
        }
        self.skipped_events += skipped;
    }

    pub(crate) fn mark(&mut self, seq: u64) {
        for file in self.files_mut() {
            file.mark(seq);
        }
    }

    pub(crate) fn answered(&mut self, up_to: u64) -> bool {
        let moved = self.files_mut().map(|file| file.answered(up_to));
        moved.fold(false, |any, one| any | one)
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.files().all(FollowedFile::is_answered)
    }

    pub(crate) fn memory(&self) -> Vec<RememberedFile> {
        self.files()
            .chain(&self.strays)
            .map(FollowedFile::memory)
            .collect()
    }

    /// How many files its memory holds.
    pub(crate) fn remembered_files(&self) -> usize {
        self.files().count() + self.strays.len()
    }

    /// What the parsers counted, of files that are gone or missed too.
    pub(crate) fn counts(&self) -> ParseCounts {
        let mut sum = self.closed_counts;
        for file in self.files().chain(&self.strays) {
            sum.add(file.counts());
        }
        sum
    }

    /// What was gone before it was read.
    pub(crate) fn losses(&self) -> Losses {
        self.losses
    }

    /// Events that were too old to be reported.
    pub(crate) fn skipped_events(&self) -> u64 {
        self.skipped_events
    }

    /// When the log was last written, as far as was seen.
    pub(crate) fn modified_ms(&self) -> Option<i64> {
        self.live.as_ref().and_then(FollowedFile::modified_ms)
    }

    /// Archives that were too old, or too many, to be read.
    pub(crate) fn skipped_files(&self) -> u64 {
        self.skipped_files + self.files_beyond
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
