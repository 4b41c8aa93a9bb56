//! Did it work? What was tried on the devices of a cluster, against devices to
//! which nothing was done.
//!
//! Retries heal by themselves, the more so the earlier. So what counts is the
//! next try of the update after a cure, and beside it the same of devices that
//! nothing was done to, each at the age at which the treated one was: their first
//! try of the update as long after their first failure. A device on which two
//! things were done tells of neither.

use std::collections::BTreeMap;

use kbwatch_proto::ids::EventId;

use crate::attempts::{Outcome, Stand};
use crate::board::Standing;
use crate::find::Ending;
use crate::find::rate::{real, wilson_of};
use crate::view::{Cure, CureEvidence, HealRate};

/// Most devices named for each cure.
const MAX_EVIDENCE: usize = 50;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    RestoreHealth,
    OtherUpdate,
    Retry,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::RestoreHealth => "restore_health",
            Self::OtherUpdate => "other_update",
            Self::Retry => "retry",
        }
    }
}

/// A try of the update after the first failure.
struct Try<'a> {
    /// Since the first failure.
    age_ms: i64,
    outcome: Outcome,
    evidence: &'a [EventId],
}

/// A device that failed, and what became of it.
struct Patient<'a> {
    device_id: &'a str,
    first_failed_ms: i64,
    /// Tries with a verdict, in time order, up to the first that succeeded.
    tries: Vec<Try<'a>>,
    /// First of each thing that was done, while it failed.
    done: BTreeMap<What, (i64, Vec<EventId>)>,
}

/// Everything that was tried, the most often tried first.
pub(super) fn cures(ever: &[&Standing<'_>], kb: &str, ending: Ending) -> Vec<Cure> {
    let patients: Vec<Patient<'_>> = ever
        .iter()
        .filter_map(|standing| patient(standing, kb, ending))
        .collect();
    let all = [What::RestoreHealth, What::OtherUpdate, What::Retry];
    let cures = all.into_iter().map(|what| cure(&patients, what));
    let mut cures: Vec<Cure> = cures.filter(|cure| cure.devices > 0).collect();
    cures.sort_by_key(|cure| std::cmp::Reverse(cure.devices));
    cures
}

fn patient<'a>(standing: &Standing<'a>, kb: &str, ending: Ending) -> Option<Patient<'a>> {
    let first = standing.failures(ending).last()?.ended_at_ms;
    let mut tries = Vec::new();
    let mut healed_ms = i64::MAX;
    let later = standing.attempts.iter();
    for (attempt, outcome) in later.filter(|(attempt, _)| attempt.started_at_ms > first) {
        if outcome.is_closed() {
            tries.push(Try {
                age_ms: attempt.started_at_ms - first,
                outcome: *outcome,
                evidence: &attempt.evidence,
            });
        }
        if *outcome == Outcome::Succeeded {
            healed_ms = attempt.started_at_ms;
            break;
        }
    }
    let while_failing = |at_ms: &i64| (first..healed_ms).contains(at_ms);
    let mut done = BTreeMap::new();
    let repairs = standing.device.repairs.iter();
    if let Some(one) = repairs
        .into_iter()
        .find(|one| while_failing(&one.begun_at_ms))
    {
        let cure = (one.begun_at_ms, one.evidence.clone());
        done.insert(What::RestoreHealth, cure);
    }
    let others = standing.device.kbs.iter().filter(|other| other.kb != kb);
    let went_in = others.flat_map(|other| &other.attempts).filter(|attempt| {
        attempt.stand == Stand::Closed(Outcome::Succeeded) && while_failing(&attempt.ended_at_ms)
    });
    if let Some(one) = went_in.min_by_key(|attempt| attempt.ended_at_ms) {
        done.insert(What::OtherUpdate, (one.ended_at_ms, one.evidence.clone()));
    }
    Some(Patient {
        device_id: &standing.device.id,
        first_failed_ms: first,
        tries,
        done,
    })
}

impl Patient<'_> {
    /// When `what` was done and told by which records, if nothing else was.
    fn treated(&self, what: What) -> Option<(i64, &[EventId])> {
        if what == What::Retry {
            let first = self.tries.first().filter(|_| self.done.is_empty())?;
            return Some((self.first_failed_ms + first.age_ms, &[]));
        }
        let (at_ms, evidence) = self.done.get(&what)?;
        (self.done.len() == 1).then_some((*at_ms, evidence))
    }

    /// The first try from this age on.
    fn next(&self, age_ms: i64) -> Option<&Try<'_>> {
        self.tries.iter().find(|one| one.age_ms >= age_ms)
    }
}

fn cure(patients: &[Patient<'_>], what: What) -> Cure {
    let mut cure = Cure {
        what: what.as_str().to_owned(),
        ..Cure::default()
    };
    let mut ages = Vec::new();
    let (mut verdicts, mut healed) = (0, 0);
    for one in patients {
        let Some((at_ms, told)) = one.treated(what) else {
            continue;
        };
        let age_ms = at_ms - one.first_failed_ms;
        let next = one.next(age_ms);
        cure.devices += 1;
        cure.waiting += u64::from(next.is_none());
        if let Some(next) = next {
            ages.push(age_ms);
            verdicts += 1;
            healed += u64::from(next.outcome == Outcome::Succeeded);
        }
        let tried = next.map_or(&[][..], |next| next.evidence);
        cure.evidence.push(CureEvidence {
            device_id: one.device_id.to_owned(),
            at_ms,
            outcome: next.map_or("", |next| next.outcome.as_str()).to_owned(),
            evidence: told.iter().chain(tried).map(ToString::to_string).collect(),
        });
    }
    cure.after = rate(verdicts, real(healed));
    cure.untreated = (what != What::Retry)
        .then(|| untreated(patients, &ages))
        .flatten();
    cure.evidence.sort_by(|a, b| {
        let rank = |one: &CureEvidence| (one.outcome != "succeeded", one.outcome.is_empty());
        (rank(a), a.at_ms, &a.device_id).cmp(&(rank(b), b.at_ms, &b.device_id))
    });
    cure.evidence.truncate(MAX_EVIDENCE);
    cure
}

/// Devices that nothing was done to, at these ages: for each age the share of
/// those that tried the update after it and healed by that, and the mean of these.
fn untreated(patients: &[Patient<'_>], ages: &[i64]) -> Option<HealRate> {
    let alone: Vec<&Patient<'_>> = patients.iter().filter(|one| one.done.is_empty()).collect();
    let mut shares: Vec<f64> = Vec::new();
    let mut most = 0;
    for age_ms in ages {
        let (mut tried, mut healed) = (0, 0);
        for one in alone.iter().filter_map(|one| one.next(*age_ms)) {
            tried += 1;
            healed += u64::from(one.outcome == Outcome::Succeeded);
        }
        if tried > 0 {
            shares.push(real(healed) / real(tried));
            most = most.max(tried);
        }
    }
    let compared = real(shares.len() as u64);
    (compared > 0.0).then(|| {
        let mean = shares.iter().sum::<f64>() / compared;
        // The same devices stand at many ages: they count once.
        rate(most, mean * real(most))
    })
}

fn rate(devices: u64, healed: f64) -> HealRate {
    let (value, low, high) = wilson_of(healed, real(devices));
    HealRate {
        devices,
        healed,
        value,
        low,
        high,
    }
}
