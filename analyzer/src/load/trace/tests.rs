//! Which attempt speaks for a traced device, and which failure owns its damage.

use super::*;

const KB: &str = "KB5022286";
const HRESULT: u32 = 0x800f_0985;

fn attempt(at_ms: i64, outcome: &str, hresult: u32) -> AttemptTuple {
    let hresult = (hresult != 0).then_some(hresult);
    let (outcome, phase) = (outcome.to_owned(), "install".to_owned());
    (
        at_ms - 10,
        at_ms,
        outcome,
        phase,
        hresult,
        false,
        Vec::new(),
    )
}

fn row(kb: &str, outcome: &str, attempts: Vec<AttemptTuple>) -> Columns {
    Columns {
        device_id: "pc-1".into(),
        kb: kb.into(),
        build: String::new(),
        ring: String::new(),
        outcome: outcome.into(),
        closed_outcome: outcome.into(),
        attempts,
    }
}

fn damage(at_ms: i64) -> DamageColumns {
    DamageColumns {
        device_id: "pc-1".into(),
        event_id: [7; 16],
        component: "part".into(),
        file: "part.dll".into(),
        at_ms,
    }
}

fn trace(rows: &[Columns], damage: Vec<DamageColumns>) -> TracedDevice {
    let mut fleet = Fleet::default();
    let number = fleet.number("pc-1");
    for (at_ms, version) in [(1, "1.0"), (300_000, "2.0")] {
        let facts = fleet
            .words
            .facts([("security_version", version)].into_iter());
        fleet.devices[number].take_facts(at_ms, facts);
    }
    let of = Traced {
        kb: KB,
        hresult: Some(HRESULT),
        phase: "install",
        after: "",
    };
    traced(&mut fleet, rows, damage, of).unwrap()
}

#[test]
fn facts_are_those_from_before_the_first_failure() {
    let attempts = vec![
        attempt(200_000, "failed", HRESULT),
        attempt(400_000, "succeeded", 0),
    ];
    let device = trace(&[row(KB, "succeeded", attempts)], Vec::new());
    assert_eq!(device.facts["security_version"], "1.0");
    assert!(device.healed);
}

#[test]
fn a_device_without_a_verdict_is_traced_too() {
    let device = trace(
        &[row(KB, "", vec![attempt(400_000, "unknown", 0)])],
        Vec::new(),
    );
    assert_eq!((device.outcome.as_str(), device.ever_failed), ("", false));
}

#[test]
fn damage_belongs_to_the_latest_failure_of_any_update() {
    let ours = || vec![attempt(200_000, "failed", HRESULT)];
    let other = vec![attempt(400_000, "failed", 0x8007_0070)];
    let alone = trace(&[row(KB, "failed", ours())], vec![damage(500_000)]);
    assert_eq!(alone.broken.len(), 1);
    let rows = [row(KB, "failed", ours()), row("KB5020000", "failed", other)];
    assert_eq!(trace(&rows, vec![damage(500_000)]).broken, []);
    assert_eq!(trace(&rows, vec![damage(250_000)]).broken.len(), 1);
}
