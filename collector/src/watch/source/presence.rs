//! Whether a log is there and may be read, told once whenever it changes.

use std::io;
use std::path::Path;

use kbwatch_proto::unreadable::Unreadable;

use super::Source;

/// A log that was there may be missing, locked or half packed for so long before
/// people are told: a rotation takes a moment.
const PATIENCE_MS: i64 = 60_000;

/// Errors of Windows: another program shares the file, or part of it, with
/// nobody.
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;

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

/// What keeps a log, or an archive of it, from being read, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) reason: Unreadable,
    pub(crate) since_ms: i64,
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
            let is_young = (0..PATIENCE_MS).contains(&(now_ms - trouble.since_ms));
            return (!passes || !is_young).then_some(trouble);
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
        let since_ms = self.trouble.map_or(now_ms, |trouble| trouble.since_ms);
        self.trouble = reason.map(|reason| Trouble { reason, since_ms });
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
        let since_ms = self.locked_archive.map_or(now_ms, |known| known.since_ms);
        self.locked_archive = failed.map(|reason| Trouble { reason, since_ms });
    }
}

/// What an error means for whoever has to mend it.
pub(super) fn reason(error: &io::Error) -> Unreadable {
    let by_windows = error.raw_os_error().filter(|_| cfg!(windows));
    match (by_windows, error.kind()) {
        (Some(SHARING_VIOLATION | LOCK_VIOLATION), _) | (_, io::ErrorKind::ResourceBusy) => {
            Unreadable::InUse
        }
        (_, io::ErrorKind::PermissionDenied) => Unreadable::Denied,
        (_, io::ErrorKind::IsADirectory) => Unreadable::NotAFile,
        (_, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Unreadable::Absent,
        (_, io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Unreadable::Damaged
        }
        _ => Unreadable::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_has_to_be_mended() {
        use io::ErrorKind::{InvalidData, IsADirectory, PermissionDenied, TimedOut};
        let of = |kind: io::ErrorKind| reason(&io::Error::from(kind));
        assert_eq!(of(PermissionDenied), Unreadable::Denied);
        assert_eq!(of(IsADirectory), Unreadable::NotAFile);
        assert_eq!(of(InvalidData), Unreadable::Damaged);
        assert_eq!(of(TimedOut), Unreadable::Failed);
    }
}
