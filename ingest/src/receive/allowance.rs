//! How many bytes a sender may send: by itself, with its branch, and with
//! everybody.
//!
//! A device that sends too much is slowed alone, and a branch whose devices do
//! together; the others do not notice. Where all of them together send more than
//! what lies behind can take, everybody is asked to come again.

use std::time::{Duration, Instant};

use super::identity::Speaker;
use super::rate::{Bucket, Rate, Rates};
use crate::config::ReceiveConfig;

/// Seconds of a rate that may come at once: what a device saved up while its
/// link was down.
const BURST_S: u64 = 4;

/// Bytes as which a batch counts at least: it is looked at, journalled and
/// answered. Small ones in masses are a flood too.
const LEAST: u64 = 8 * 1024;

/// What is allowed to whom.
#[derive(Debug)]
pub(super) struct Limits {
    devices: Rates,
    branches: Option<Rates>,
    all: Option<Bucket>,
}

/// The buckets that one sender's bytes are poured into, its own first.
#[derive(Debug)]
pub(super) struct Allowance(Vec<(Bucket, &'static str)>);

/// More bytes than are allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch {
    /// Who sends too much: `device`, `branch` or `all`.
    pub(super) by: &'static str,
    /// When there is room again.
    pub(super) wait: Duration,
}

impl TooMuch {
    /// For a person at the device.
    pub(super) fn reason(&self) -> &'static str {
        match self.by {
            "device" => "more bytes than one sender may send",
            "branch" => "more bytes than one branch may send",
            _ => "more bytes than all together may send",
        }
    }
}

impl Limits {
    pub(super) fn of(config: &ReceiveConfig, now: Instant) -> Self {
        let rate = |per_s: u32| Rate {
            per_s: u64::from(per_s),
            room: u64::from(per_s) * BURST_S,
        };
        Self {
            devices: Rates::new(rate(config.device_bytes_per_s)),
            branches: config.branch_bytes_per_s.map(rate).map(Rates::new),
            all: config
                .all_bytes_per_s
                .map(|per_s| Bucket::new(now, rate(per_s))),
        }
    }

    /// What a sender may send, who stands at this branch if that is known.
    pub(super) fn allowance(
        &self,
        now: Instant,
        speaker: &Speaker,
        branch: Option<&str>,
    ) -> Allowance {
        let own = self
            .devices
            .bucket(now, &speaker.device_id, speaker.share());
        let shared = self.branches.as_ref().zip(branch);
        let shared = shared.map(|(rates, branch)| (rates.bucket(now, branch, 1), "branch"));
        let all = self.all.clone().map(|bucket| (bucket, "all"));
        let own = std::iter::once((own, "device"));
        Allowance(own.chain(shared).chain(all).collect())
    }
}

impl Allowance {
    /// Takes a batch of so many bytes off what is allowed, from everybody's or
    /// from nobody's.
    pub(super) fn spend(&self, now: Instant, bytes: usize) -> Result<(), TooMuch> {
        let cost = LEAST.max(bytes as u64);
        for (number, (bucket, by)) in self.0.iter().enumerate() {
            if let Err(wait) = bucket.pour(now, cost) {
                for (poured, _) in &self.0[..number] {
                    poured.take_back(cost);
                }
                return Err(TooMuch { by, wait });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kbwatch_proto::journal::Role;

    use super::*;
    use crate::receive::identity::Identity;

    const MIB: usize = 1024 * 1024;

    fn speaker(device_id: &str) -> Speaker {
        Speaker {
            identity: Identity::Certificate,
            device_id: device_id.to_owned(),
            role: Role::Device,
            branch: None,
        }
    }

    fn limits() -> (Limits, Instant) {
        let config = ReceiveConfig {
            device_bytes_per_s: 1024 * 1024,
            branch_bytes_per_s: Some(2 * 1024 * 1024),
            all_bytes_per_s: Some(4 * 1024 * 1024),
            ..ReceiveConfig::default()
        };
        let now = Instant::now();
        (Limits::of(&config, now), now)
    }

    #[test]
    fn many_small_batches_are_a_flood_too() {
        let (limits, now) = limits();
        let own = limits.allowance(now, &speaker("pc-1"), None);
        let taken = (0..10_000).take_while(|_| own.spend(now, 1).is_ok());
        assert_eq!(taken.count(), 4 * MIB / 8_192);
    }

    #[test]
    fn a_noisy_branch_is_slowed_and_its_neighbour_does_not_notice() {
        let (limits, now) = limits();
        let mut heard = 0;
        let mut slowed = 0;
        for device in 0..10 {
            let own = limits.allowance(now, &speaker(&format!("a-{device}")), Some("0123"));
            for _ in 0..3 {
                match own.spend(now, MIB) {
                    Ok(()) => heard += 1,
                    Err(much) => {
                        assert_eq!(much.by, "branch");
                        slowed += 1;
                    }
                }
            }
        }
        assert_eq!((heard, slowed), (8, 22));
        for device in 0..2 {
            let own = limits.allowance(now, &speaker(&format!("b-{device}")), Some("0124"));
            assert_eq!(own.spend(now, MIB), Ok(()));
            let own = limits.allowance(now, &speaker(&format!("c-{device}")), None);
            assert_eq!(own.spend(now, MIB), Ok(()));
        }
    }

    #[test]
    fn what_was_not_taken_costs_nobody() {
        let (limits, now) = limits();
        let devices: Vec<_> = (0..5)
            .map(|device| {
                let branch = format!("branch-{device}");
                limits.allowance(now, &speaker(&format!("pc-{device}")), Some(&branch))
            })
            .collect();
        for own in &devices[..4] {
            assert_eq!(own.spend(now, 4 * MIB), Ok(()));
        }
        let much = devices[4].spend(now, MIB).unwrap_err();
        assert_eq!(much.by, "all");
        let later = now + much.wait;
        assert_eq!(devices[4].spend(later, MIB), Ok(()));
        // Its own bucket holds that one and not the one before.
        let later = later + Duration::from_millis(750);
        assert_eq!(devices[4].spend(later, 3 * MIB), Ok(()));
    }
}
