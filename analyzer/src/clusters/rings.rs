//! Which ring counts where list and device differ.

use super::*;
use crate::attempts::Attempt;
use crate::board::{Frame, boards};
use crate::fleet::samples::{HRESULT, failed, succeeded};

const ENDING: Ending = Ending {
    hresult: Some(HRESULT),
    phase: Phase::Install,
};

type Listed = HashMap<String, String>;

fn fate(number: usize) -> Vec<Attempt> {
    if number.is_multiple_of(4) {
        vec![failed(Some(HRESULT), 200)]
    } else {
        vec![succeeded(200)]
    }
}

fn frame(rings: &Listed) -> Frame<'_> {
    Frame {
        now_ms: 1_000,
        gone_silent_ms: 1_000,
        rings,
    }
}

fn rings_of(fleet: &Fleet, listed: &Listed) -> Vec<String> {
    let boards = boards(fleet, frame(listed));
    let tried = tried(&boards[0], ENDING, fleet);
    tried.iter().map(|device| device.ring.to_owned()).collect()
}

#[test]
fn the_list_says_the_ring_of_devices_that_state_none_or_another() {
    let listed = HashMap::from([
        ("pc-0".to_owned(), "pilot".to_owned()),
        ("pc-1".to_owned(), "pilot".to_owned()),
    ]);
    let fleet = Fleet::default()
        .with("pc-0", &[("image", "a")], fate(0))
        .with("pc-1", &[("ring", "ring1")], fate(1))
        .with("pc-2", &[("ring", "Ring1")], fate(2));
    assert_eq!(rings_of(&fleet, &listed), ["pilot", "pilot", "ring1"]);
}

#[test]
fn a_cause_that_only_the_list_knows_is_named_by_its_ring() {
    let mut fleet = Fleet::default();
    let mut listed = Listed::new();
    for number in 0..400 {
        let id = format!("pc-{number}");
        fleet = fleet.with(&id, &[("image", "a")], fate(number));
        let pilot = number.is_multiple_of(4);
        listed.insert(id, if pilot { "pilot" } else { "rest" }.to_owned());
    }
    let boards = boards(&fleet, frame(&listed));
    let explained = explain(&tried(&boards[0], ENDING, &fleet), &fleet.words);
    let pilot = BTreeMap::from([("ring".to_owned(), "pilot".to_owned())]);
    assert_eq!(explained.causes[0].facts, pilot);
}
