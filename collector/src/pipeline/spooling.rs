//! While no gateway answers: what would rotate away goes to the disk, and
//! comes back from there once someone answers.

use super::Collector;
use crate::outbox::Cargo;
use crate::watch::source::Source;

/// Batches taken back from the spool per step.
const MAX_RETURNING: usize = 16;

impl Collector {
    /// Notes how long nothing was answered although much waits.
    pub(super) fn watch_answers(&mut self, now_ms: i64) {
        if self.answers != self.answers_seen {
            self.answers_seen = self.answers;
            self.unanswered_since_ms = None;
        }
        if self.outbox.is_full() {
            self.unanswered_since_ms.get_or_insert(now_ms);
        }
    }

    /// Whether a full outbox has waited in vain for so long that logs may
    /// rotate away before anyone answers.
    pub(super) fn is_cut_off(&self, now_ms: i64) -> bool {
        let patience_ms = i64::from(self.config.spool_after_s) * 1_000;
        self.config.spool_max_bytes > 0
            && self.unanswered_since_ms.is_some_and(|since_ms| {
                // A clock that was set back must not delay it for months.
                now_ms < since_ms - patience_ms || now_ms - since_ms >= patience_ms
            })
    }

    /// Moves what waits to the disk, if archives wait too: Windows deletes
    /// them, and the process may end before an answer comes.
    pub(super) fn spool_what_rotates_away(&mut self, now_ms: i64) {
        if !self.is_cut_off(now_ms) || !self.sources.iter().any(Source::rotates_away) {
            return;
        }
        while let Some((batch, worth)) = self.outbox.oldest_events() {
            let (seq, events) = (batch.batch_seq, u64::from(batch.event_count));
            match self.spool.keep(batch, worth) {
                Ok(dropped_events) => {
                    self.counts.dropped_events += dropped_events;
                    self.counts.spooled_events += events;
                    self.counts.spooled_batches += 1;
                    self.outbox.remove(seq);
                }
                Err(error) => {
                    self.spool.tell_trouble(&error);
                    break;
                }
            }
        }
        self.advance_memory();
    }

    /// Offers spooled batches again, oldest first, behind what is fresh. While
    /// nobody answers and nothing else waits, one of them asks whether someone
    /// does by now.
    pub(super) fn return_spooled(&mut self, now_ms: i64) {
        let is_cut_off = self.is_cut_off(now_ms);
        if self.spool.len() == 0 || (is_cut_off && self.outbox.len() > 0) {
            return;
        }
        let most = if is_cut_off { 1 } else { MAX_RETURNING };
        let waiting: Vec<u64> = self
            .spool
            .numbers()
            .filter(|number| !self.outbox.holds_spooled(*number))
            .take(most)
            .collect();
        for number in waiting {
            if !self.outbox.has_room_to_spare() {
                return;
            }
            match self.spool.read(number) {
                Ok(batch) => {
                    let batch = self.packer.restamp(batch);
                    self.counts.sealed_batches += 1;
                    self.outbox.push(batch, Cargo::Spooled(number));
                }
                Err(events) => self.counts.dropped_events += u64::from(events),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::telemetry::{Batch, Outcome, Receipt};

    use super::*;
    use crate::config::{CollectorConfig, SourcesConfig};
    use crate::spool::Worth;

    const NOW_MS: i64 = 1_673_431_200_000;

    /// A collector without logs whose spool holds some batches.
    fn collector(folder: &tempfile::TempDir, spooled: u32) -> Collector {
        let config = CollectorConfig {
            gateway: "http://127.0.0.1:1".to_owned(),
            declared_device: Some("pc-1".to_owned()),
            state_dir: folder.path().to_owned(),
            sources: SourcesConfig::none(),
            ..CollectorConfig::default()
        };
        let mut collector = Collector::open(config).unwrap();
        for _ in 0..spooled {
            let batch = Batch {
                event_count: 1,
                ..Batch::default()
            };
            collector.spool.keep(&batch, Worth::Essential).unwrap();
        }
        collector
    }

    /// As after a long time in which nobody answered.
    fn cut_off(collector: &mut Collector) {
        let patience_ms = i64::from(collector.config.spool_after_s) * 1_000;
        collector.unanswered_since_ms = Some(NOW_MS - patience_ms);
        assert!(collector.is_cut_off(NOW_MS));
    }

    #[test]
    fn while_nobody_answers_one_spooled_batch_alone_asks_for_the_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let mut collector = collector(&folder, 3);
        cut_off(&mut collector);
        for _ in 0..3 {
            collector.return_spooled(NOW_MS);
            assert_eq!(collector.outbox.len(), 1);
        }
        let asking = collector.next_batch(NOW_MS).unwrap();
        // Nobody is there: the same batch asks again, and lies in the spool.
        collector.on_disconnect();
        collector.return_spooled(NOW_MS);
        assert_eq!(collector.next_batch(NOW_MS).unwrap(), asking);
        assert_eq!((collector.outbox.len(), collector.spool.len()), (1, 3));
    }

    #[test]
    fn what_waits_anyway_asks_instead_of_the_spool() {
        let folder = tempfile::tempdir().unwrap();
        let mut collector = collector(&folder, 3);
        cut_off(&mut collector);
        collector.outbox.push(Batch::default(), Cargo::Health);
        collector.return_spooled(NOW_MS);
        assert_eq!(collector.outbox.len(), 1);
    }

    #[test]
    fn once_someone_answers_the_rest_of_the_spool_follows() {
        let folder = tempfile::tempdir().unwrap();
        let mut collector = collector(&folder, 20);
        cut_off(&mut collector);
        collector.return_spooled(NOW_MS);
        let asking = collector.next_batch(NOW_MS).unwrap();
        collector.on_receipt(&Receipt {
            epoch: asking.epoch,
            batch_seq: asking.batch_seq,
            outcome: Outcome::Durable.into(),
            ..Receipt::default()
        });
        assert_eq!(collector.spool.len(), 19);
        collector.watch_answers(NOW_MS);
        collector.return_spooled(NOW_MS);
        assert_eq!(collector.outbox.len(), MAX_RETURNING);
    }
}
