//! Events that wait for a later record to complete them.
//!
//! Promise: an event is told at the latest when the log falls quiet; if a
//! later record still adds to it, it is told again under the same id.

use kbwatch_proto::event::UpdateEvent;

use super::report::Report;

/// An event that is still open.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What is known so far.
    pub(crate) event: UpdateEvent,
    /// Where its record starts: the place to read again from after a restart.
    pub(crate) start: (u64, u64),
    /// Number of the record that opened it.
    pub(crate) born: u64,
    /// Scan or operation that was under way when it opened.
    pub(crate) scan: u64,
    /// Whether it says more than what was last told of it.
    untold: bool,
}

impl Pending {
    /// Opens an event that starts at `start` (offset, line) with record `born`.
    #[inline]
    pub(crate) fn open(event: UpdateEvent, start: (u64, u64), born: u64) -> Self {
        Self {
            event,
            start,
            born,
            scan: 0,
            untold: true,
        }
    }

    /// Notes which scan or operation was under way.
    #[inline]
    pub(crate) fn within(mut self, scan: u64) -> Self {
        self.scan = scan;
        self
    }

    /// Adds what a later record says.
    pub(crate) fn enrich(&mut self, add: impl FnOnce(&mut UpdateEvent)) {
        add(&mut self.event);
        self.untold = true;
    }

    /// Tells it as it stands; it stays open.
    pub(crate) fn tell_so_far(&mut self, report: &mut Report<'_>) {
        if self.untold {
            self.untold = false;
            report.tell(self.event.clone());
        }
    }

    /// Tells it for the last time.
    pub(crate) fn close(self, report: &mut Report<'_>) {
        if self.untold {
            report.tell(self.event);
        }
    }
}
