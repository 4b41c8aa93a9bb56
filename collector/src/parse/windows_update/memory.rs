//! What the update agent's lines say one by one and mean together: titles by
//! update id, packages and operations by thread.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

const MAX_UPDATES: usize = 128;
const MAX_THREADS: usize = 64;
const MAX_DOWNLOADS: usize = 16;

/// A download that fails is told by its layers within this time.
const SAME_FAILURE_MS: i64 = 60_000;

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FailedDownload {
    code: u32,
    /// Update id; empty where the line names none.
    guid: String,
    /// Wall clock of the last line that told it.
    last_ms: i64,
}

/// An update that a title was printed for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Update {
    pub(super) guid: String,
    pub(super) kb: String,
    pub(super) title: String,
}

/// What a thread is at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thread {
    pub(super) id: String,
    /// Update whose title block the thread prints.
    pub(super) titled: String,
    /// Update that the thread installs.
    pub(super) installs: String,
    /// Word of the phase of the operation that it began.
    pub(super) phase: String,
    pub(super) session_id: String,
    pub(super) package: String,
    pub(super) client: String,
}

/// Memory of one log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    #[serde(default)]
    failed_downloads: VecDeque<FailedDownload>,
    updates: VecDeque<Update>,
    threads: VecDeque<Thread>,
}

impl Memory {
    /// Whether this failure was told before. Lines that name no update say again
    /// what the transfer of one said.
    pub(super) fn download_fails_again(&mut self, code: u32, guid: &str, now_ms: i64) -> bool {
        let recent = |told: &FailedDownload| (now_ms - told.last_ms).abs() <= SAME_FAILURE_MS;
        self.failed_downloads.retain(recent);
        let same = |told: &&mut FailedDownload| {
            let is_named = !guid.is_empty() && !told.guid.is_empty();
            told.code == code && (!is_named || told.guid == guid)
        };
        if let Some(told) = self.failed_downloads.iter_mut().find(same) {
            told.last_ms = now_ms;
            return true;
        }
        if self.failed_downloads.len() == MAX_DOWNLOADS {
            self.failed_downloads.pop_front();
        }
        self.failed_downloads.push_back(FailedDownload {
            code,
            guid: guid.to_owned(),
            last_ms: now_ms,
        });
        false
    }

    pub(super) fn update(&self, guid: &str) -> Option<&Update> {
        self.updates.iter().find(|update| update.guid == guid)
    }

    /// Takes note that an update is part of another one.
    pub(super) fn remember_part(&mut self, part: String, whole: &str) {
        if let Some(update) = self.update(whole).cloned() {
            self.remember(Update {
                guid: part,
                ..update
            });
        }
    }

    pub(super) fn remember(&mut self, update: Update) {
        self.updates.retain(|known| known.guid != update.guid);
        if self.updates.len() == MAX_UPDATES {
            self.updates.pop_front();
        }
        self.updates.push_back(update);
    }

    /// What the thread with this id is at.
    pub(super) fn thread(&mut self, id: &str) -> &mut Thread {
        let at = self.threads.iter().position(|thread| thread.id == id);
        let at = at.unwrap_or_else(|| {
            if self.threads.len() == MAX_THREADS {
                self.threads.pop_front();
            }
            self.threads.push_back(Thread {
                id: id.to_owned(),
                ..Thread::default()
            });
            self.threads.len() - 1
        });
        &mut self.threads[at]
    }
}
