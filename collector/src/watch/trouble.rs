//! What keeps a log from being read, since when, and whether people should
//! know.

use std::io;

use kbwatch_proto::unreadable::Unreadable;

/// A log that was there may be missing, locked or half packed for so long before
/// people are told: a rotation takes a moment.
pub(crate) const PATIENCE_MS: i64 = 60_000;

/// Errors of Windows: another program shares the file, or part of it, with
/// nobody.
const SHARING_VIOLATION: i32 = 32;
const LOCK_VIOLATION: i32 = 33;

/// Errors of the Windows event log: its file is damaged, and there is no such
/// channel.
const EVENT_LOG_DAMAGED: i32 = 1500;
const NO_SUCH_CHANNEL: i32 = 15_007;

/// What keeps a log, or an archive of it, from being read, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) reason: Unreadable,
    pub(crate) since_ms: i64,
}

impl Trouble {
    /// Whether it has lasted for longer than what passes by itself.
    pub(crate) fn has_lasted(self, now_ms: i64) -> bool {
        !(0..PATIENCE_MS).contains(&(now_ms - self.since_ms))
    }

    /// The trouble after another look: what lasts began when it began.
    pub(crate) fn after(
        known: Option<Self>,
        reason: Option<Unreadable>,
        now_ms: i64,
    ) -> Option<Self> {
        let since_ms = known.map_or(now_ms, |trouble| trouble.since_ms);
        reason.map(|reason| Self { reason, since_ms })
    }
}

/// What an error means for whoever has to mend it.
pub(crate) fn reason(error: &io::Error) -> Unreadable {
    let by_windows = error.raw_os_error().filter(|_| cfg!(windows));
    match (by_windows, error.kind()) {
        (Some(SHARING_VIOLATION | LOCK_VIOLATION), _) | (_, io::ErrorKind::ResourceBusy) => {
            Unreadable::InUse
        }
        (_, io::ErrorKind::PermissionDenied) => Unreadable::Denied,
        (_, io::ErrorKind::IsADirectory) => Unreadable::NotAFile,
        (Some(NO_SUCH_CHANNEL), _)
        | (_, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Unreadable::Absent,
        (Some(EVENT_LOG_DAMAGED), _)
        | (_, io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
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
