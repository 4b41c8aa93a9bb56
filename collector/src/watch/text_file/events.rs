//! What was read and is in no batch yet: dated, and without what is too old.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::SourceKind;

use super::{FollowedFile, Parsing};

/// How many times the room for events may exceed what was last needed.
const MOST_SPARE_ROOM: usize = 4;

impl FollowedFile {
    /// Events that no batch has taken yet.
    pub(crate) fn open_events(&self) -> usize {
        self.events.len()
    }

    /// Hands over the events, with their times as far as the log tells them;
    /// those of the history that are from before `oldest_ms` are left out.
    /// Returns how many.
    pub(crate) fn take_events(&mut self, oldest_ms: i64, out: &mut Vec<UpdateEvent>) -> u64 {
        self.resolve_times();
        let history = std::mem::take(&mut self.history_events);
        let before = self.events.len();
        if history > 0 {
            let mut number = 0;
            self.events.retain(|event| {
                number += 1;
                number > history || is_recent(event, oldest_ms)
            });
        }
        let skipped = before - self.events.len();
        out.append(&mut self.events);
        // Room for as many again, not for as many as ever were.
        if self.events.capacity() > MOST_SPARE_ROOM * before {
            self.events.shrink_to(before);
        }
        skipped as u64
    }

    pub(super) fn resolve_times(&mut self) {
        if let Parsing::Open(parser) = &self.parsing {
            parser.resolve_times(&mut self.events);
        }
        self.beginning.date(&mut self.events);
    }
}

/// Whether an event is young enough to matter. A list of what is installed is
/// about today, however old its rows.
fn is_recent(event: &UpdateEvent, oldest_ms: i64) -> bool {
    event.source_kind == SourceKind::InstalledUpdates
        || event
            .occurred_at_ms
            .or(event.printed_at_ms)
            .is_none_or(|at_ms| at_ms >= oldest_ms)
}
