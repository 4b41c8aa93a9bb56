//! Whether a log is there and may be read, told once whenever it changes.

use std::io;
use std::path::Path;

use super::Source;

/// A log that was there may be missing for so long before people are told: a
/// rotation takes a moment.
const ABSENT_MS: i64 = 60_000;

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
    /// People know that it is missing.
    Told,
}

impl Source {
    /// Whether the log, or an archive of it, was found and may be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.trouble.is_none() && (self.live.is_some() || !self.archived.is_empty())
    }

    /// Whether people should know that it is not read.
    pub(crate) fn is_missed(&self) -> bool {
        !self.is_readable() && (self.trouble.is_some() || !self.plan.is_optional)
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
            if self.presence == Presence::Told && !failed {
                tracing::info!(%path, "log of sources.{name} is there now");
            }
            self.presence = Presence::There;
            return;
        }
        match self.presence {
            Presence::Told => {}
            Presence::There => self.presence = Presence::Gone(now_ms),
            Presence::Gone(since_ms) if (0..ABSENT_MS).contains(&(now_ms - since_ms)) => {}
            Presence::Unknown | Presence::Gone(_) if self.plan.is_optional => {
                self.presence = Presence::Told;
            }
            Presence::Unknown | Presence::Gone(_) => {
                tracing::warn!(%path, "log is not there: correct sources.{name} if the path is wrong; until it comes nothing is read of it");
                self.presence = Presence::Told;
            }
        }
    }

    /// Says once that a log cannot be read, and once that it can again.
    pub(super) fn tell_trouble(&mut self, failed: Option<&io::Error>) {
        let trouble = failed.map(io::Error::kind);
        if std::mem::replace(&mut self.trouble, trouble) == trouble {
            return;
        }
        let path = self.plan.path.display();
        let source = self.plan.name;
        if let Some(error) = failed {
            tracing::warn!(source, %path, %error, "log cannot be read, trying again");
        } else {
            tracing::info!(source, %path, "log can be read again");
        }
    }
}
