//! Who is compared with whom, and by which facts.

use super::*;
use crate::attempts::Attempt;
use crate::board::{Frame, boards};
use crate::facts::FactsRevision;
use crate::fleet::samples::{HRESULT, failed, open, succeeded};

const ENDING: Ending = Ending {
    hresult: Some(HRESULT),
    phase: Phase::Install,
};

const DAY_MS: i64 = 24 * 3_600_000;

fn explained(fleet: &Fleet) -> Explained {
    let rings = HashMap::new();
    let boards = boards(fleet, frame(&rings));
    explain(&tried(&boards[0], ENDING, fleet), &fleet.words)
}

fn frame(rings: &HashMap<String, String>) -> Frame<'_> {
    Frame {
        now_ms: DAY_MS,
        gone_silent_ms: DAY_MS,
        rings,
    }
}

/// From `at_ms` on the device says this of itself.
fn says(fleet: &mut Fleet, device_id: &str, at_ms: i64, facts: [(&str, &str); 1]) {
    let facts = fleet.words.facts(facts.into_iter());
    let number = fleet.number(device_id);
    fleet.devices[number].facts.push(FactsRevision {
        observed_at_ms: at_ms,
        confirmed_at_ms: at_ms,
        facts,
    });
}

#[test]
fn what_healed_a_device_is_not_blamed_for_its_failure() {
    let old = [("security_version", "1.0")];
    let mut fleet = Fleet::default();
    for number in 0..360 {
        let id = format!("pc-{number}");
        let fate: Vec<Attempt> = if number < 60 {
            vec![failed(Some(HRESULT), 200), succeeded(400)]
        } else {
            vec![succeeded(200)]
        };
        fleet = fleet.with(&id, &old, fate);
        if number < 60 {
            says(&mut fleet, &id, 300, [("security_version", "2.0")]);
        }
    }
    assert_eq!(explained(&fleet).causes, []);
}

#[test]
fn a_class_that_succeeds_late_is_not_blamed_beside_the_cause() {
    let mut fleet = Fleet::default();
    for number in 0..1_200 {
        let class = ["pc", "pc", "atm"][number % 3];
        let image = ["good", "good", "good", "good", "bad"][number % 5];
        let fails = image == "bad" && (number / 15).is_multiple_of(2);
        let fate = match (fails, class) {
            (true, _) => vec![failed(Some(HRESULT), 200)],
            (false, "atm") => vec![open(200)],
            _ => vec![succeeded(200)],
        };
        let facts = [("class", class), ("image", image)];
        fleet = fleet.with(&format!("pc-{number}"), &facts, fate);
    }
    let causes = explained(&fleet).causes.into_iter();
    let facts: Vec<_> = causes.map(|cause| cause.facts).collect();
    let image = BTreeMap::from([("image".to_owned(), "bad".to_owned())]);
    assert_eq!(facts, [image]);
}

#[test]
fn another_outcome_or_another_attempt_asks_for_the_cause_anew() {
    let digest_of = |fate: Vec<Attempt>| {
        let rings = HashMap::new();
        let fleet = Fleet::default().with("pc-1", &[("image", "a")], fate);
        let boards = boards(&fleet, frame(&rings));
        digest(&boards[0], ENDING)
    };
    let other = failed(Some(0x8007_0070), 200);
    let first = digest_of(vec![other.clone()]);
    assert_ne!(first, digest_of(vec![other.clone(), open(400)]));
    assert_ne!(
        first,
        digest_of(vec![other, failed(Some(0x8007_0070), 400)])
    );
}

#[test]
fn retries_make_no_device_a_new_member() {
    let fate: Vec<Attempt> = (1..20).map(|n| failed(Some(HRESULT), n * 1_000)).collect();
    let fleet = Fleet::default().with("pc-1", &[("image", "a")], fate);
    let rings = HashMap::new();
    let boards = boards(&fleet, frame(&rings));
    let sight = sight(&boards[0], (ENDING, None), &HashSet::new(), DAY_MS);
    assert_eq!(sight.failing[0].since_ms, 1_000);
}

#[test]
fn who_is_let_off_or_silent_for_weeks_holds_no_cluster_open() {
    let ids = ["here", "off", "dark"];
    let mut fleet = Fleet::default();
    for id in ids {
        fleet = fleet.with(id, &[("image", "a")], vec![failed(Some(HRESULT), 200)]);
    }
    let now_ms = 30 * DAY_MS;
    for (number, heard_ms) in [now_ms, now_ms, 10 * DAY_MS].into_iter().enumerate() {
        fleet.devices[number].last_heard_ms = Some(heard_ms);
    }
    let rings = HashMap::new();
    let boards = boards(&fleet, frame(&rings));
    let sight = sight(&boards[0], (ENDING, None), &HashSet::from(["off"]), now_ms);
    let holds: Vec<bool> = sight.failing.iter().map(|one| one.holds).collect();
    assert_eq!(holds, [true, false, false]);
}
