//! Which devices are not ready for the next patch day, and what says so.
//!
//! A damaged component store, a full disk, a reboot that is still owed and a
//! silence each cost an update more often than anything else does; all four
//! are known before it is offered.

use std::collections::{BTreeMap, HashMap};

use crate::attempts::Stand;
use crate::facts::{Facts, Words, value_of};
use crate::fleet::{Device, Fleet};
use crate::picture::silent;
use crate::view::{Readiness, UnreadyDevice, UnreadyReason};

/// Gigabytes below which a cumulative update cannot be expanded, and below
/// which it may not.
const DISK_FULL_GB: f64 = 6.0;
const DISK_LOW_GB: f64 = 12.0;

/// What each reason takes from 100.
const COSTS: [(&str, u8); 6] = [
    ("store_corrupt", 60),
    ("dark_in_reboot", 60),
    ("disk_full", 50),
    ("silent", 40),
    ("pending_reboot", 25),
    ("disk_low", 15),
];

fn cost(reason: &str) -> u8 {
    let known = COSTS.iter().find(|(known, _)| *known == reason);
    known.map_or(0, |(_, cost)| *cost)
}

/// The fleet before patch day; `rings`: of the server's lists.
pub(crate) fn readiness(
    fleet: &Fleet,
    rings: &HashMap<String, String>,
    now_ms: i64,
    presence_limit_ms: i64,
) -> Readiness {
    let quiet = silent(fleet, now_ms, presence_limit_ms);
    let quiet: HashMap<&str, (&str, i64)> = quiet
        .iter()
        .map(|one| {
            (
                one.device_id.as_str(),
                (one.why.as_str(), one.last_heard_ms),
            )
        })
        .collect();
    let mut readiness = Readiness::default();
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for device in fleet.devices.iter().filter(|device| device.counts()) {
        readiness.devices += 1;
        let reasons = reasons(device, &fleet.words, quiet.get(device.id.as_ref()));
        if reasons.is_empty() {
            readiness.ready += 1;
            continue;
        }
        for reason in &reasons {
            *by_reason.entry(reason.reason.clone()).or_default() += 1;
        }
        readiness
            .unready
            .push(unready(device, &fleet.words, rings, reasons));
    }
    readiness
        .unready
        .sort_by(|a, b| (a.score, &a.device_id).cmp(&(b.score, &b.device_id)));
    readiness.by_reason = by_reason.into_iter().collect();
    readiness
        .by_reason
        .sort_by_key(|(reason, _)| std::cmp::Reverse(cost(reason)));
    readiness
}

fn unready(
    device: &Device,
    words: &Words,
    rings: &HashMap<String, String>,
    reasons: Vec<UnreadyReason>,
) -> UnreadyDevice {
    let says = |key: &str| {
        let facts = device.facts_now();
        facts.map_or("", |facts| words.value(facts, key)).to_owned()
    };
    let costs = reasons.iter().map(|one| cost(&one.reason));
    UnreadyDevice {
        device_id: device.id.to_string(),
        ring: rings
            .get(device.id.as_ref())
            .cloned()
            .unwrap_or_else(|| says("ring")),
        branch: says("branch"),
        class: says("class"),
        score: costs.fold(100, u8::saturating_sub),
        reasons,
    }
}

fn reasons(device: &Device, words: &Words, quiet: Option<&(&str, i64)>) -> Vec<UnreadyReason> {
    let mut reasons = Vec::new();
    let reason = |reason: &str, at_ms: i64| UnreadyReason {
        reason: reason.to_owned(),
        at_ms,
        ..UnreadyReason::default()
    };
    if let Some(at_ms) = device.corrupt_at_ms {
        let evidence = device.corrupt_evidence.iter().map(ToString::to_string);
        reasons.push(UnreadyReason {
            evidence: evidence.collect(),
            ..reason("store_corrupt", at_ms)
        });
    }
    if let Some((why, heard_ms)) = quiet {
        let word = if *why == "dark_in_reboot" {
            why
        } else {
            "silent"
        };
        reasons.push(reason(word, *heard_ms));
    }
    if let Some(revision) = device.facts.last() {
        let free = fact(&revision.facts, words, "free_disk_gb");
        let gigabytes: Option<f64> = free.parse().ok().filter(|gb: &f64| gb.is_finite());
        let word = match gigabytes {
            Some(gb) if gb < DISK_FULL_GB => Some("disk_full"),
            Some(gb) if gb < DISK_LOW_GB => Some("disk_low"),
            _ => None,
        };
        reasons.extend(word.map(|word| UnreadyReason {
            value: free.to_owned(),
            ..reason(word, revision.confirmed_at_ms)
        }));
    }
    reasons.extend(owed_reboot(device, words, reason));
    reasons.sort_by_key(|one| std::cmp::Reverse(cost(&one.reason)));
    reasons
}

/// A reboot that an attempt waits for, or else one that the device states.
fn owed_reboot(
    device: &Device,
    words: &Words,
    reason: impl Fn(&str, i64) -> UnreadyReason,
) -> Option<UnreadyReason> {
    let latest = device.kbs.iter().filter_map(|kb| kb.attempts.last());
    let waiting = latest.filter(|attempt| {
        matches!(
            attempt.stand,
            Stand::AwaitsReboot {
                booted_at_ms: None,
                ..
            }
        )
    });
    if let Some(attempt) = waiting.max_by_key(|attempt| attempt.ended_at_ms) {
        let evidence = attempt.evidence.iter().map(ToString::to_string);
        return Some(UnreadyReason {
            evidence: evidence.collect(),
            ..reason("pending_reboot", attempt.ended_at_ms)
        });
    }
    let revision = device.facts.last()?;
    let owed = fact(&revision.facts, words, "pending_reboot") == "true";
    owed.then(|| reason("pending_reboot", revision.confirmed_at_ms))
}

fn fact<'a>(facts: &Facts, words: &'a Words, key: &str) -> &'a str {
    let value = words.find(key).and_then(|key| value_of(facts, key));
    value.map_or("", |value| words.text(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::samples::succeeded;

    const NOW: i64 = 100 * 3_600_000;

    #[test]
    fn every_reason_is_named_with_what_says_so_and_the_worst_come_first() {
        let mut fleet = Fleet::default()
            .with("fine", &[("free_disk_gb", "80")], vec![succeeded(100)])
            .with(
                "full",
                &[("free_disk_gb", "3.5"), ("pending_reboot", "true")],
                Vec::new(),
            )
            .with("low", &[("free_disk_gb", "9")], Vec::new())
            .with("broken", &[("ring", "ring1")], Vec::new())
            .with("away", &[], Vec::new());
        for device in &mut fleet.devices {
            device.last_heard_ms = Some(NOW);
        }
        let record = kbwatch_proto::ids::EventId([7; 16]);
        fleet.devices[3].corrupt_at_ms = Some(50);
        fleet.devices[3].corrupt_evidence = vec![record];
        fleet.devices[4].last_heard_ms = Some(1);
        let rings = HashMap::from([("full".to_owned(), "ring9".to_owned())]);
        let found = readiness(&fleet, &rings, NOW, 3_600_000);
        assert_eq!((found.devices, found.ready), (5, 1));
        let order: Vec<(&str, u8)> = found
            .unready
            .iter()
            .map(|one| (one.device_id.as_str(), one.score))
            .collect();
        assert_eq!(
            order,
            [("full", 25), ("broken", 40), ("away", 60), ("low", 85)]
        );
        assert_eq!(found.unready[0].ring, "ring9");
        let words: Vec<&str> = found.unready[0]
            .reasons
            .iter()
            .map(|one| one.reason.as_str())
            .collect();
        assert_eq!(words, ["disk_full", "pending_reboot"]);
        assert_eq!(found.unready[1].reasons[0].evidence, [record.to_string()]);
        assert_eq!(found.by_reason[0], ("store_corrupt".to_owned(), 1));
    }
}
