//! Small fleets for tests: devices with facts and attempts of one KB.

use kbwatch_proto::words::Phase;

use super::Fleet;
use crate::attempts::{Attempt, KbAttempts, Outcome, Stand};
use crate::facts::FactsRevision;
use crate::kb::UpdateKind;

/// The KB of the samples.
pub(crate) const KB: &str = "KB5022286";

/// With which its attempts fail.
pub(crate) const HRESULT: u32 = 0x800f_0985;

fn attempt(stand: Stand, at_ms: i64) -> Attempt {
    Attempt {
        started_at_ms: at_ms - 10,
        ended_at_ms: at_ms,
        stand,
        phase: Phase::Install,
        hresult: None,
        benign: false,
        evidence: Vec::new(),
        broken: Vec::new(),
    }
}

/// An attempt that failed at `at_ms`.
pub(crate) fn failed(hresult: Option<u32>, at_ms: i64) -> Attempt {
    Attempt {
        hresult,
        ..attempt(Stand::Closed(Outcome::Failed), at_ms)
    }
}

/// An attempt that was verified at `at_ms`.
pub(crate) fn succeeded(at_ms: i64) -> Attempt {
    attempt(Stand::Closed(Outcome::Succeeded), at_ms)
}

/// An attempt without a verdict, last heard of at `at_ms`.
pub(crate) fn open(at_ms: i64) -> Attempt {
    attempt(Stand::Open, at_ms)
}

impl Fleet {
    /// Adds a device with facts of long ago and attempts of [`KB`].
    pub(crate) fn with(
        mut self,
        device_id: &str,
        facts: &[(&str, &str)],
        attempts: Vec<Attempt>,
    ) -> Self {
        let number = self.number(device_id);
        let facts = self.words.facts(facts.iter().copied());
        if let Some(device) = self.devices.get_mut(number) {
            device.facts.push(FactsRevision {
                observed_at_ms: 1,
                confirmed_at_ms: 1,
                facts,
            });
            device.kbs.push(KbAttempts {
                kb: KB.to_owned(),
                build: None,
                kind: UpdateKind::Cumulative,
                title: String::new(),
                attempts,
                removed_at_ms: None,
            });
        }
        self
    }
}
