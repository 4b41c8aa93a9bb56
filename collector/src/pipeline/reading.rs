//! From logs to sealed batches: read what is new within a budget, seal what is
//! due.

use kbwatch_proto::batch::Contents;
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::EventResult;

use super::{Collector, DAY_MS, YEAR_MS};
use crate::outbox::Cargo;
use crate::spool::Worth;
use crate::standing::Stepped;
use crate::watch::source::{Moment, READ_BUDGET, Source};

impl Collector {
    /// Every source in turn, so that a long backlog of one does not use up what
    /// all may read.
    pub(super) fn look_at_logs(&mut self, now_ms: i64, last_look: bool, stepped: &mut Stepped) {
        let oldest_ms = self.oldest_ms(now_ms);
        let archives_only = self.is_cut_off(now_ms);
        let count = self.sources.len();
        self.turn = self.turn.wrapping_add(1);
        for step in 0..count {
            let left = if last_look {
                u64::MAX
            } else {
                self.read_pace.left(now_ms)
            };
            let source = &mut self.sources[(self.turn % count + step) % count];
            let looked = source.look(Moment {
                now_ms,
                oldest_ms,
                budget: READ_BUDGET.min(left),
                archives_only,
                last_look,
            });
            self.read_pace.spend(looked.read_bytes);
            stepped.read_bytes += looked.read_bytes;
            stepped.more |= looked.more;
        }
        stepped.more &= last_look || self.read_pace.left(now_ms) > 0;
        self.counts.read_bytes += stepped.read_bytes;
    }

    /// Looks where the logs are without reading them.
    pub(super) fn look_for_rotation(&mut self, now_ms: i64) {
        let oldest_ms = self.oldest_ms(now_ms);
        for source in &mut self.sources {
            source.look(Moment {
                now_ms,
                oldest_ms,
                budget: 0,
                archives_only: true,
                last_look: false,
            });
        }
    }

    /// Before this, history is left out. A clock that runs a year ahead of
    /// every log is not believed: it would make all of them too old.
    fn oldest_ms(&self, now_ms: i64) -> i64 {
        let written = self.sources.iter().filter_map(Source::modified_ms).max();
        let today_ms = match written {
            Some(written_ms) if now_ms.saturating_sub(written_ms) > YEAR_MS => written_ms,
            _ => now_ms,
        };
        today_ms.saturating_sub(i64::from(self.config.history_days) * DAY_MS)
    }

    pub(super) fn seal_if_due(&mut self, now_ms: i64, at_once: bool) {
        let open = self.open_events();
        if open > 0 {
            // After a pause the first event does not wait for company.
            let since_ms = now_ms.saturating_sub(self.sealed_at_ms);
            let paused = !(0..i64::from(self.config.batch_max_age_ms)).contains(&since_ms);
            let full = open >= u64::from(self.config.batch_max_events);
            if !(paused || full || at_once) {
                return;
            }
            self.seal_events(now_ms);
            self.sealed_at_ms = now_ms;
        }
        let seq = self.outbox.last_seq();
        for source in &mut self.sources {
            source.mark(seq);
        }
        self.advance_memory();
    }

    /// Puts every open event into batches; apart by worth while cut off, since
    /// these may have to be given up one by one.
    fn seal_events(&mut self, now_ms: i64) {
        let oldest_ms = self.oldest_ms(now_ms);
        let mut events = Vec::new();
        for source in &mut self.sources {
            source.take_events(oldest_ms, &mut events);
        }
        self.packer.date(&mut events, now_ms);
        self.counts.read_events += events.len() as u64;
        let mut information = Vec::new();
        if self.is_cut_off(now_ms) {
            (information, events) = events.into_iter().partition(is_information);
        }
        let parts = [
            (information, Worth::Informational),
            (events, Worth::Essential),
        ];
        for (events, worth) in parts {
            for contents in self.packer.split(events) {
                self.seal(contents, Cargo::Events(worth));
            }
        }
    }

    pub(super) fn seal(&mut self, contents: Contents, cargo: Cargo) {
        let packed = self.packer.pack(contents, self.snapshot.revision);
        self.counts.dropped_events += packed.dropped_events;
        self.counts.sealed_batches += packed.batches.len() as u64;
        for batch in packed.batches {
            self.outbox.push(batch, cargo);
        }
    }
}

/// Whether nobody would act on an event.
fn is_information(event: &UpdateEvent) -> bool {
    use EventResult::{Info, LogRotated, LogStart, Retry, Start, Warn};
    event.noise
        || matches!(
            event.result,
            Start | Info | Retry | Warn | LogStart | LogRotated
        )
}
