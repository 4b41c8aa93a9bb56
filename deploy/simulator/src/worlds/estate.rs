//! Who there is in a world: branches with a heavy tail, and facts that hang
//! together as they do in life.
//!
//! Names, their number and their shares are drawn anew for every seed, so that
//! nothing can be fitted to one fleet's vocabulary.

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::fleet::branch_size;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Identity, lower case.
    pub id: String,
    /// Number of its branch.
    pub branch: usize,
    /// 0 to 3.
    pub ring: u8,
    /// Build family.
    pub build: u32,
    /// What it says of itself, but for its level.
    pub facts: BTreeMap<String, String>,
}

impl Endpoint {
    /// Whether it has all of `facts`.
    pub fn has(&self, facts: &BTreeMap<String, String>) -> bool {
        facts.iter().all(|(key, value)| self.says(key) == value)
    }

    /// What it says under `key`, or nothing.
    pub fn says(&self, key: &str) -> &str {
        self.facts.get(key).map_or("", String::as_str)
    }
}

/// A choice of names, the first the most common.
struct Shelf(Vec<(String, f64)>);

impl Shelf {
    fn draw(dice: &mut Dice, prefix: &str, least: i64, most: i64) -> Self {
        let count = dice.between(least, most);
        let steep = 0.4 + dice.unit();
        let names = (1..=count).map(|number| {
            let tag = dice.hex(2);
            let weight = 1.0 / f64::from(i32::try_from(number).unwrap_or(1)).powf(steep);
            (format!("{prefix}-{number}{tag}"), weight)
        });
        Self(names.collect())
    }

    fn pick(&self, dice: &mut Dice) -> String {
        let total: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut left = dice.unit() * total;
        for (name, weight) in &self.0 {
            left -= weight;
            if left < 0.0 {
                return name.clone();
            }
        }
        self.0
            .first()
            .map(|(name, _)| name.clone())
            .unwrap_or_default()
    }
}

/// What the devices of a class are made of.
struct Make {
    class: &'static str,
    images: Shelf,
    models: Shelf,
}

/// What a whole bank chooses from.
struct Market {
    provinces: Vec<(String, String, String)>,
    makes: Vec<Make>,
    drivers: Shelf,
    products: Shelf,
    versions: Shelf,
    agents: Shelf,
    printers: Shelf,
    zones: Shelf,
}

/// Share of each ring, in thousandths.
const RINGS: [(u8, u32); 4] = [(0, 30), (1, 120), (2, 300), (3, 550)];

impl Market {
    fn draw(dice: &mut Dice) -> Self {
        let servers = Shelf::draw(dice, "wsus", 2, 6);
        let proxies = Shelf::draw(dice, "proxy", 2, 5);
        let provinces = (0..dice.between(5, 12))
            .map(|n| (format!("p{n:02}"), servers.pick(dice), proxies.pick(dice)))
            .collect();
        let make = |dice: &mut Dice, class: &'static str, images, models| Make {
            class,
            images: Shelf::draw(dice, &format!("img-{class}"), 2, images),
            models: Shelf::draw(dice, &format!("{class}-model"), 2, models),
        };
        Self {
            provinces,
            makes: vec![
                make(dice, "pc", 6, 6),
                make(dice, "teller", 5, 5),
                make(dice, "atm", 4, 3),
                make(dice, "kiosk", 2, 2),
            ],
            drivers: Shelf::draw(dice, "stor", 4, 8),
            products: Shelf::draw(dice, "guard", 2, 4),
            versions: Shelf::draw(dice, "v", 3, 5),
            agents: Shelf::draw(dice, "backup", 3, 6),
            printers: Shelf::draw(dice, "print", 4, 9),
            zones: Shelf::draw(dice, "clock", 2, 4),
        }
    }
}

struct Branch {
    number: usize,
    name: String,
    province: usize,
    ring: u8,
    printer: String,
    zone: String,
}

/// Makes `count` endpoints.
pub fn estate(count: usize, seed: u64) -> Vec<Endpoint> {
    let mut dice = Dice::new(seed, 11);
    let market = Market::draw(&mut dice);
    // A model's driver is the same everywhere, but for one device in twelve.
    let mut drivers: BTreeMap<String, String> = BTreeMap::new();
    let mut endpoints = Vec::with_capacity(count);
    let mut number = 0;
    while endpoints.len() < count {
        let province = dice.below(market.provinces.len());
        let name = market.provinces.get(province).map_or("", |p| p.0.as_str());
        let branch = Branch {
            number,
            name: format!("{name}-{number:04}"),
            province,
            ring: dice.weighted(&RINGS),
            printer: market.printers.pick(&mut dice),
            zone: market.zones.pick(&mut dice),
        };
        let size = branch_size(&mut dice).min(count - endpoints.len());
        for seat in 0..size {
            endpoints.push(endpoint(&mut dice, &market, &branch, seat, &mut drivers));
        }
        number += 1;
    }
    endpoints
}

fn endpoint(
    dice: &mut Dice,
    market: &Market,
    branch: &Branch,
    seat: usize,
    drivers: &mut BTreeMap<String, String>,
) -> Endpoint {
    let kind = dice.weighted(&[(0usize, 42), (1, 40), (2, 13), (3, 5)]);
    let make = &market.makes[kind];
    let image = make.images.pick(dice);
    let model = make.models.pick(dice);
    let usual = drivers
        .entry(model.clone())
        .or_insert_with(|| market.drivers.pick(dice))
        .clone();
    let ring = match kind {
        _ if dice.chance(0.25) => dice.weighted(&RINGS),
        2 | 3 => branch.ring.max(1),
        _ => branch.ring,
    };
    // The second newest image of the PCs is of a later Windows.
    let build = if image.starts_with("img-pc-2") {
        19044
    } else {
        17763
    };
    let id = format!("{}-{}{seat:03}", branch.name, &make.class[..2]);
    let province = market.provinces.get(branch.province).cloned();
    let (province, wsus, proxy) = province.unwrap_or_default();
    let driver = if dice.chance(0.08) {
        market.drivers.pick(dice)
    } else {
        usual
    };
    let version = if dice.chance(0.6) {
        // Versions follow rings: an agent is rolled out like an update.
        market
            .versions
            .0
            .get(usize::from(ring))
            .map(|one| one.0.clone())
    } else {
        None
    };
    let language = if kind == 0 && dice.chance(0.15) {
        "en-US"
    } else {
        "zh-CN"
    };
    let facts = [
        ("hostname", id.to_uppercase()),
        ("class", make.class.to_owned()),
        ("ring", format!("ring{ring}")),
        ("branch", branch.name.clone()),
        ("province", province),
        ("image", image),
        ("model", model),
        ("driver_storage", driver),
        ("security_product", market.products.pick(dice)),
        (
            "security_version",
            version.unwrap_or_else(|| market.versions.pick(dice)),
        ),
        ("backup_agent", market.agents.pick(dice)),
        ("printer_driver", branch.printer.clone()),
        ("time_source", branch.zone.clone()),
        ("wsus", wsus),
        ("proxy", proxy),
        ("edition", "EnterpriseS".to_owned()),
        ("arch", "amd64".to_owned()),
        ("language", language.to_owned()),
        ("os_build", build.to_string()),
        ("free_disk_gb", dice.between(6, 160).to_string()),
        ("pending_reboot", dice.chance(0.03).to_string()),
    ];
    Endpoint {
        id,
        branch: branch.number,
        ring,
        build,
        facts: facts.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_estate_and_another_has_other_names() {
        assert_eq!(estate(300, 5), estate(300, 5));
        let images = |seed| -> BTreeSet<String> {
            let devices = estate(300, seed);
            devices.iter().map(|d| d.says("image").to_owned()).collect()
        };
        assert_ne!(images(5), images(6));
    }

    #[test]
    fn no_two_endpoints_share_an_identity() {
        let devices = estate(2_000, 7);
        let ids: BTreeSet<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!((devices.len(), ids.len()), (2_000, 2_000));
    }
}
