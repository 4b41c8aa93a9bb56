//! Making batches: events get their times and are sealed.

use kbwatch_proto::batch::{self, Contents, PackError};
use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::telemetry::Batch;
use kbwatch_proto::words::TimeSource;

use crate::config::CollectorConfig;
use crate::zone::{DeviceZone, WallClock};

/// Seals contents for one device and one start of the process.
#[derive(Debug)]
pub(crate) struct Packer {
    epoch: u64,
    /// Empty where a certificate says who this is.
    declared_device: String,
    max_events: usize,
    zone: DeviceZone,
}

/// What became of some contents.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) batches: Vec<Batch>,
    /// Events that no batch can hold.
    pub(crate) dropped_events: u64,
}

impl Packer {
    pub(crate) fn new(config: &CollectorConfig, device_id: &str) -> Self {
        let declares = config.tls.is_none();
        Self {
            epoch: fastrand::u64(1..),
            declared_device: if declares { device_id } else { "" }.to_owned(),
            max_events: config.batch_max_events as usize,
            zone: DeviceZone::new(config.utc_offset_minutes),
        }
    }

    /// Random per start of the process; part of every batch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Events of one batch, at most.
    pub(crate) fn max_events(&self) -> usize {
        self.max_events
    }

    /// Gives events their times.
    pub(crate) fn date(&self, events: &mut [UpdateEvent], now_ms: i64) {
        let clock = self.zone.now();
        for event in events {
            event.observed_at_ms = now_ms;
            resolve(event, &clock);
            event.rate_completeness();
        }
    }

    /// A batch of an earlier process, as if this one had made it.
    pub(crate) fn restamp(&self, batch: Batch) -> Batch {
        Batch {
            epoch: self.epoch,
            declared_device: self.declared_device.clone(),
            ..batch
        }
    }

    /// Events in portions of one batch each.
    pub(crate) fn split(&self, events: Vec<UpdateEvent>) -> Vec<Contents> {
        let mut portions = Vec::with_capacity(events.len().div_ceil(self.max_events));
        let mut left = events.into_iter();
        while left.len() > 0 {
            portions.push(Contents {
                events: left.by_ref().take(self.max_events).collect(),
                ..Contents::default()
            });
        }
        portions
    }

    /// Seals contents, in halves if they are too large for one batch.
    pub(crate) fn pack(&self, contents: Contents, facts_revision: u64) -> Packed {
        let mut packed = Packed::default();
        self.pack_into(&mut packed, contents, facts_revision);
        packed
    }

    fn pack_into(&self, packed: &mut Packed, mut contents: Contents, facts_revision: u64) {
        match batch::pack(&contents) {
            Ok(batch) => packed.batches.push(Batch {
                epoch: self.epoch,
                collector_version: env!("CARGO_PKG_VERSION").to_owned(),
                facts_revision,
                declared_device: self.declared_device.clone(),
                ..batch
            }),
            Err(PackError::TooLarge { events }) if events > 1 => {
                let later = contents.events.split_off(events / 2);
                self.pack_into(packed, contents, facts_revision);
                let later = Contents {
                    events: later,
                    ..Contents::default()
                };
                self.pack_into(packed, later, facts_revision);
            }
            Err(error) => {
                packed.dropped_events += contents.events.len() as u64;
                tracing::error!(%error, "event dropped, no batch can hold it");
            }
        }
    }
}

/// Where the log does not tell UTC, the device's own zone does.
fn resolve(event: &mut UpdateEvent, clock: &WallClock) {
    if event.occurred_at_ms.is_none()
        && let Some(printed_at_ms) = event.printed_at_ms
    {
        event.occurred_at_ms = clock.to_utc(printed_at_ms);
        if event.occurred_at_ms.is_some() {
            event.time_source = TimeSource::DeviceZone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packer() -> Packer {
        Packer::new(
            &CollectorConfig {
                utc_offset_minutes: Some(480),
                batch_max_events: 4_000,
                ..CollectorConfig::default()
            },
            "pc-1",
        )
    }

    fn event(printed_at_ms: i64) -> UpdateEvent {
        UpdateEvent {
            printed_at_ms: Some(printed_at_ms),
            ..UpdateEvent::default()
        }
    }

    #[test]
    fn a_time_that_the_log_tells_is_not_touched() {
        let mut events = vec![UpdateEvent {
            occurred_at_ms: Some(7),
            time_source: TimeSource::CsiStamp,
            ..event(0)
        }];
        packer().date(&mut events, 0);
        assert_eq!(events[0].occurred_at_ms, Some(7));
        assert_eq!(events[0].time_source, TimeSource::CsiStamp);
    }

    #[test]
    fn what_is_too_large_for_one_batch_goes_in_several() {
        let fat = |n: usize| UpdateEvent {
            evidence: format!("{n:04}").repeat(500),
            title: format!("{n:05}").repeat(200),
            ..event(0)
        };
        let events: Vec<_> = (0..4_000).map(fat).collect();
        let packer = packer();
        let mut portions = packer.split(events);
        assert_eq!(portions.len(), 1);
        let outcome = packer.pack(portions.remove(0), 3);
        assert!(outcome.batches.len() > 1);
        assert_eq!(outcome.dropped_events, 0);
        let total: u32 = outcome.batches.iter().map(|batch| batch.event_count).sum();
        assert_eq!(total, 4_000);
    }
}
