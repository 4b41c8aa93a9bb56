//! Worlds with an update that fails where devices share something.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{BEGINS_MS, Draft};
use super::estate::Endpoint;
use super::tries::kb_of;
use super::usual::Doom;
use super::{Scenario, Truth, World};
use crate::dice::Dice;
use crate::plan::{Breaks, DAY_MS};

/// Devices of a world.
const DEVICES: usize = 2_000;

/// Facts that may make an update fail.
const MAY_MATTER: [&str; 10] = [
    "image",
    "model",
    "driver_storage",
    "security_product",
    "security_version",
    "backup_agent",
    "printer_driver",
    "class",
    "language",
    "proxy",
];

/// Codes that no ordinary month shows.
const CODES: [u32; 8] = [
    0x800f_0985,
    0x800f_0988,
    0x8007_3701,
    0x800f_0900,
    0x800f_0982,
    0x8007_0490,
    0x8007_054f,
    0x800f_0a13,
];

/// A cause with `items` facts of between `least` and `most` devices.
pub(super) fn choose(
    devices: &[Endpoint],
    items: usize,
    (least, most): (usize, usize),
    dice: &mut Dice,
) -> Option<BTreeMap<String, String>> {
    for _ in 0..4_000 {
        let model = &devices[dice.below(devices.len())];
        let mut keys = MAY_MATTER.to_vec();
        dice.shuffle(&mut keys);
        let facts: BTreeMap<String, String> = keys
            .iter()
            .take(items)
            .map(|key| ((*key).to_owned(), model.says(key).to_owned()))
            .collect();
        if is_plain(devices, &facts, (least, most)) {
            return Some(facts);
        }
    }
    None
}

/// Whether a cause can be told from its parts, and from every other fact.
fn is_plain(
    devices: &[Endpoint],
    facts: &BTreeMap<String, String>,
    (least, most): (usize, usize),
) -> bool {
    let holders: Vec<&Endpoint> = devices.iter().filter(|device| device.has(facts)).collect();
    let count = holders.len();
    let branches: BTreeSet<usize> = holders.iter().map(|device| device.branch).collect();
    if count < least || count > most || branches.len() < 4 {
        return false;
    }
    // Nothing can tell a cause from an update if all who get that have it.
    let builds: BTreeSet<u32> = holders.iter().map(|device| device.build).collect();
    let without = |build: u32| {
        let others = devices.iter().filter(|d| d.build == build && !d.has(facts));
        others.count()
    };
    if builds.into_iter().any(|build| without(build) < least) {
        return false;
    }
    // Each of its facts matters: without it there are clearly more devices.
    let needed = facts.len() == 1
        || facts.keys().all(|out| {
            let mut rest = facts.clone();
            rest.remove(out);
            let wider = devices.iter().filter(|device| device.has(&rest)).count();
            wider * 10 >= count * 18
        });
    // No other fact nearly coincides; one that coincides wholly is the same set.
    let shares = |device: &Endpoint, key: &str, value: &str| device.says(key) == value;
    let told = holders.first().is_some_and(|first| {
        first
            .facts
            .iter()
            .filter(|(key, _)| !facts.contains_key(*key))
            .all(|(key, value)| {
                let all = devices.iter().filter(|d| shares(d, key, value)).count();
                let both = holders.iter().filter(|d| shares(d, key, value)).count();
                let union = all + count - both;
                both * 100 <= union * 80 || both * 100 >= union * 99
            })
    });
    needed && told
}

/// How a planted cause fails.
pub(super) fn doom_of(code: u32, dice: &mut Dice) -> Doom {
    let tries = 1 + u32::try_from(dice.below(3)).unwrap_or(0);
    Doom {
        hresult: code,
        breaks: Breaks::Staging,
        heals_after: dice.chance(0.05).then_some(tries),
        tries,
    }
}

/// A code for a cause: mostly one that no month showed.
pub(super) fn code_of(draft: &mut Draft) -> u32 {
    let usual: Vec<u32> = draft.usual.codes().collect();
    if draft.dice.chance(0.2) {
        // No full disk and none of the update server: those are no fault of an
        // update.
        let own = usual
            .iter()
            .filter(|code| matches!(*code >> 16, 0x800f | 0x8007) && **code != 0x8007_0070);
        let own: Vec<u32> = own.copied().collect();
        if !own.is_empty() {
            return draft.dice.pick(&own);
        }
    }
    draft.dice.pick(&CODES)
}

/// Dooms the holders of a cause with the chance `rate`.
pub(super) fn plant(
    draft: &mut Draft,
    dooms: &mut [Option<Doom>],
    (code, facts): (u32, &BTreeMap<String, String>),
    rate: f64,
) {
    for (device, doom) in draft.devices.iter().zip(dooms.iter_mut()) {
        if device.has(facts) && draft.dice.chance(rate) {
            *doom = Some(doom_of(code, &mut draft.dice));
        }
    }
}

/// Fewest doomed devices that make an update bad; with fewer it is not demanded
/// that anybody says so.
const BAD_FROM: usize = 20;

/// Notes which updates the cause makes fail.
pub(super) fn blame(draft: &Draft, dooms: &[Option<Doom>], code: u32, truth: &mut Truth) {
    let mut doomed: BTreeMap<&str, usize> = BTreeMap::new();
    for (device, doom) in draft.devices.iter().zip(dooms) {
        if doom.is_some_and(|doom| doom.hresult == code) {
            let kb = kb_of(device.build, 2).number;
            *doomed.entry(kb).or_default() += 1;
        }
    }
    for (kb, devices) in doomed {
        if devices >= BAD_FROM {
            truth.bad.insert(kb.to_owned());
        } else {
            truth.few.insert(kb.to_owned());
        }
    }
    truth.few.retain(|kb| !truth.bad.contains(kb));
}

/// One cause of `items` facts.
pub(super) fn facts(scenario: Scenario, seed: u64, items: usize) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let truth = one_cause(&mut draft, items, (40, 500), (0.5, 0.95));
    World::of(scenario, seed, draft, truth)
}

/// Plants one cause and rolls the update out.
pub(super) fn one_cause(
    draft: &mut Draft,
    items: usize,
    devices: (usize, usize),
    (least, most): (f64, f64),
) -> Truth {
    let mut dooms = draft.usual_month();
    let mut truth = Truth::default();
    if let Some(facts) = choose(&draft.devices, items, devices, &mut draft.dice) {
        let code = code_of(draft);
        let rate = least + (most - least) * draft.dice.unit();
        plant(draft, &mut dooms, (code, &facts), rate);
        blame(draft, &dooms, code, &mut truth);
        truth.causes.insert((code, facts));
    }
    draft.roll_out(2, &dooms);
    truth
}

/// Two or three causes, with one code or with several.
pub(super) fn several(seed: u64) -> World {
    let mut draft = Draft::open(3_000, Draft::some_months(seed), seed);
    let mut dooms = draft.usual_month();
    let mut truth = Truth::default();
    let same = draft.dice.chance(0.4).then(|| code_of(&mut draft));
    for _ in 0..draft.dice.between(2, 3) {
        let items = if draft.dice.chance(0.35) { 2 } else { 1 };
        let Some(facts) = choose(&draft.devices, items, (40, 400), &mut draft.dice) else {
            continue;
        };
        let code = same.unwrap_or_else(|| code_of(&mut draft));
        // Facts of one kind would be two values of one cause, which is well; a
        // cause inside another one is not.
        let apart = |other: &BTreeMap<String, String>| {
            let both = draft
                .devices
                .iter()
                .filter(|d| d.has(other) && d.has(&facts));
            let own = draft.devices.iter().filter(|d| d.has(&facts)).count();
            both.count() * 3 < own
        };
        if !truth.causes.iter().all(|(_, other)| apart(other)) {
            continue;
        }
        let rate = 0.5 + 0.45 * draft.dice.unit();
        plant(&mut draft, &mut dooms, (code, &facts), rate);
        blame(&draft, &dooms, code, &mut truth);
        truth.causes.insert((code, facts));
    }
    draft.roll_out(2, &dooms);
    World::of(Scenario::S3, seed, draft, truth)
}

/// A cause of at most ten devices in ten thousand.
pub(super) fn rare(seed: u64) -> World {
    let mut draft = Draft::open(10_000, Draft::some_months(seed), seed);
    let items = 1 + draft.dice.below(3);
    let mut truth = Truth::default();
    let mut dooms = draft.usual_month();
    let fits =
        (items..=3).find_map(|items| choose(&draft.devices, items, (8, 10), &mut draft.dice));
    if let Some(facts) = fits {
        let code = draft.dice.pick(&CODES);
        plant(&mut draft, &mut dooms, (code, &facts), 0.95);
        blame(&draft, &dooms, code, &mut truth);
        truth.causes.insert((code, facts));
    }
    draft.roll_out(2, &dooms);
    World::of(Scenario::S4, seed, draft, truth)
}

/// A cause that few of its devices show, over three weeks.
pub(super) fn drip(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, Draft::some_months(seed), seed);
    let truth = one_cause(&mut draft, 1, (150, 500), (0.15, 0.3));
    for life in &mut draft.lives {
        let later = draft.dice.between(0, 16 * DAY_MS);
        for one in life
            .tries
            .iter_mut()
            .filter(|one| one.started_at_ms >= BEGINS_MS)
        {
            one.started_at_ms += later;
            one.ended_at_ms += later;
        }
    }
    World::of(Scenario::S5, seed, draft, truth)
}
