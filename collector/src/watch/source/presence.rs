//! Whether a log is there and may be read, told once whenever it changes.

use std::io;
use std::path::Path;

use kbwatch_proto::unreadable::Unreadable;

use super::Source;
use crate::watch::trouble::{PATIENCE_MS, Trouble, reason};

/// Whether the log is there, and what people were told of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Presence {
    /// Nobody looked yet.
    #[default]
    Unknown,
    /// It was found.
    There,
    /// It is missing since then.
    Gone(i64),
    /// People know that it is missing, since then.
    Told(i64),
}

impl Source {
    /// Whether the log, or an archive of it, was found and may be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.trouble.is_none() && (self.live.is_some() || !self.archived.is_empty())
    }

    /// Whether people should know that it is not read.
    pub(crate) fn is_missed(&self) -> bool {
        !self.is_readable() && (self.trouble.is_some() || self.plan.is_expected())
    }

    /// What people elsewhere should know: not what may pass by itself, and not
    /// that a log is missing which not every machine has.
    pub(crate) fn lasting_trouble(&self, now_ms: i64) -> Option<Trouble> {
        if let Some(trouble) = self.trouble.or(self.locked_archive) {
            let passes = matches!(trouble.reason, Unreadable::InUse | Unreadable::Damaged);
            return (!passes || trouble.has_lasted(now_ms)).then_some(trouble);
        }
        match self.presence {
            Presence::Told(since_ms) if self.plan.is_expected() && !self.is_readable() => {
                let reason = Unreadable::Absent;
                Some(Trouble { reason, since_ms })
            }
            _ => None,
        }
    }

    /// Where the log should be.
    pub(crate) fn path(&self) -> &Path {
        &self.plan.path
    }

    /// Says once that a log is not there, and once that it came.
    pub(super) fn tell_presence(&mut self, failed: bool, now_ms: i64) {
        let path = self.plan.path.display();
        let name = self.plan.name;
        if self.live.is_some() || failed {
            if matches!(self.presence, Presence::Told(_)) && !failed {
                tracing::info!(%path, "log of sources.{name} is there now");
            }
            self.presence = Presence::There;
            return;
        }
        let since_ms = match self.presence {
            Presence::Told(_) => return,
            Presence::There => {
                self.presence = Presence::Gone(now_ms);
                return;
            }
            // An earlier process read it: it may be rotated away this moment.
            Presence::Unknown if self.is_known => {
                self.presence = Presence::Gone(now_ms);
                return;
            }
            Presence::Gone(since_ms) if (0..PATIENCE_MS).contains(&(now_ms - since_ms)) => return,
            Presence::Gone(since_ms) => since_ms,
            Presence::Unknown => now_ms,
        };
        self.presence = Presence::Told(since_ms);
        if self.plan.is_optional {
            tracing::debug!(%path, "log is not there, as on many machines");
        } else if self.plan.is_default {
            tracing::info!(%path, "log is not there yet; not every machine has one");
        } else {
            tracing::warn!(%path, "log is not there: correct sources.{name} if the path is wrong; until it comes nothing is read of it");
        }
    }

    /// Says once that a log cannot be read, and once that it can again.
    pub(super) fn tell_trouble(&mut self, failed: Option<&io::Error>, now_ms: i64) {
        let reason = failed.map(reason);
        if self.trouble.map(|trouble| trouble.reason) == reason {
            return;
        }
        self.trouble = Trouble::after(self.trouble, reason, now_ms);
        let path = self.plan.path.display();
        let source = self.plan.name;
        if let Some(error) = failed {
            tracing::warn!(source, %path, %error, "log cannot be read, trying again");
        } else {
            tracing::info!(source, %path, "log can be read again");
        }
    }

    /// Notes whether the last listing met an archive that cannot be opened.
    pub(super) fn note_locked_archive(&mut self, failed: Option<Unreadable>, now_ms: i64) {
        self.locked_archive = Trouble::after(self.locked_archive, failed, now_ms);
    }
}
