//! Worlds with one bad golden image, and sources of which only some hold what
//! its devices need.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::planted::blame;
use super::tries::{kb_of, level_before};
use super::usual::Doom;
use super::{Scenario, Truth, World};
use crate::dice::Dice;
use crate::plan::{Breaks, DAY_MS, DamagedFile, Depot};

/// Devices of a world.
const DEVICES: usize = 2_000;

const REVERSE_DELTA: u32 = 0x800f_0985;

/// Superseded payload is kept this long.
const PAYLOAD_KEPT_MS: i64 = 30 * DAY_MS;

/// One bad image; its files are damaged on every device of it.
pub(super) fn draw(seed: u64) -> World {
    let mut draft = Draft::open(DEVICES, 1 + usize::from(!seed.is_multiple_of(3)), seed);
    let mut dooms = draft.usual_month();
    let mut truth = Truth::default();
    let mut images: BTreeMap<String, usize> = BTreeMap::new();
    for device in &draft.devices {
        *images.entry(device.says("image").to_owned()).or_default() += 1;
    }
    let fit = images
        .iter()
        .filter(|(_, devices)| (50..600).contains(*devices));
    let fit: Vec<String> = fit.map(|(image, _)| image.clone()).collect();
    let image = fit
        .get(draft.dice.below(fit.len()))
        .cloned()
        .unwrap_or_default();
    let damage = damage(&mut draft.dice);
    for (number, device) in draft.devices.iter().enumerate() {
        if device.says("image") != image {
            continue;
        }
        draft.lives[number].damage.clone_from(&damage);
        dooms[number] = draft.dice.chance(0.9).then_some(Doom {
            hresult: REVERSE_DELTA,
            breaks: Breaks::Hydration,
            heals_after: None,
            tries: 2,
        });
    }
    blame(&draft, &dooms, REVERSE_DELTA, &mut truth);
    let facts = BTreeMap::from([("image".to_owned(), image)]);
    // An image of all who get an update cannot be told from the update.
    let told = truth.bad.iter().any(|kb| {
        let mut gets = draft
            .devices
            .iter()
            .filter(|d| kb_of(d.build, 2).number == *kb);
        gets.any(|device| !device.has(&facts))
    });
    if told {
        truth.causes.insert((REVERSE_DELTA, facts));
    }
    draft.roll_out(2, &dooms);
    let shares = shares(&mut draft.dice);
    // One in fifty devices may serve, whatever it is.
    let may_serve = |_: &usize| draft.dice.chance(0.02);
    let donors: Vec<usize> = (0..draft.devices.len()).filter(may_serve).collect();
    let name = |number: &usize| {
        draft
            .devices
            .get(*number)
            .map(|d| d.says("hostname").to_owned())
    };
    let donors = donors.iter().filter_map(name).collect();
    World {
        shares,
        donors,
        ..World::of(Scenario::S13, seed, draft, truth)
    }
}

fn damage(dice: &mut Dice) -> Vec<DamagedFile> {
    let files = dice.between(1, 3);
    let file = |n| {
        let tag = dice.hex(4);
        let assembly = format!("microsoft-windows-part-{tag}");
        let hash = dice.hex(16);
        let version = format!("10.0.17763.{}", 1_000 + n);
        DamagedFile {
            arch: "amd64".to_owned(),
            component: format!("amd64_{assembly}_31bf3856ad364e35_{version}_none_{hash}"),
            assembly,
            file: format!("part{tag}.dll"),
            component_version: version,
            hash_expected: dice.hex(64),
            hash_actual: dice.hex(64),
        }
    };
    (0..files).map(file).collect()
}

/// Depots of many levels and languages; sometimes the needed one is missing.
fn shares(dice: &mut Dice) -> Vec<Depot> {
    let mut shares = Vec::new();
    for build in [17763, 19044] {
        for level in (0..4).map(|month| level_before(build, month)).chain([1]) {
            for language in ["zh-CN", "en-US"] {
                if dice.chance(0.55) {
                    let name = format!("depot-{build}-{level}-{language}");
                    shares.push(Depot {
                        path: format!(r"\\files.bank.example\{name}\Windows"),
                        name,
                        build: format!("{build}.{level}"),
                        edition: "EnterpriseS".to_owned(),
                        language: language.to_owned(),
                    });
                }
            }
        }
    }
    dice.shuffle(&mut shares);
    shares
}

impl World {
    /// Whether the source of that name holds what a failing device needs now.
    pub fn can_repair(&self, source: &str, device: usize, now_ms: i64) -> bool {
        let (Some(needy), Some(life)) = (self.devices.get(device), self.lives.get(device)) else {
            return false;
        };
        let level = life.ubr_at(now_ms);
        if let Some(share) = self.shares.iter().find(|share| share.name == source) {
            return share.build == format!("{}.{level}", needy.build)
                && share.language == needy.says("language");
        }
        let peer = self
            .devices
            .iter()
            .zip(&self.lives)
            .find(|(d, _)| d.id == source);
        peer.is_some_and(|(peer, peer_life)| {
            let alike =
                peer.build == needy.build && peer.says("language") == needy.says("language");
            let allowed = self.donors.iter().any(|name| name == peer.says("hostname"));
            let kb = kb_of(peer.build, 2);
            let left = peer_life.tries.iter().find(|one| {
                one.kb.number == kb.number && peer_life.ubr_at(one.ended_at_ms) == kb.ubr
            });
            let left_lately = left.is_some_and(|one| {
                peer_life.ubr_at(one.started_at_ms) == level
                    && now_ms - one.ended_at_ms < PAYLOAD_KEPT_MS
            });
            let holds = peer_life.ubr_at(now_ms) == level || left_lately;
            alike && allowed && holds && peer_life.damage.is_empty() && peer.says("class") != "atm"
        })
    }
}
