//! Who is there: branches with a heavy tail, and devices whose facts hang
//! together as they do in life.

use crate::dice::Dice;
use crate::plan::{Class, DevicePlan};

const PROVINCES: [(&str, &str, u32); 8] = [
    ("gd", "wsus-south.bank.example", 22),
    ("zj", "wsus-east.bank.example", 18),
    ("js", "wsus-east.bank.example", 16),
    ("sd", "wsus-north.bank.example", 13),
    ("sc", "wsus-west.bank.example", 10),
    ("hn", "wsus-south.bank.example", 9),
    ("ln", "wsus-north.bank.example", 7),
    ("sn", "wsus-west.bank.example", 5),
];

/// Images of a class with their share; the damaged one is dealt by the scenario.
const PC_IMAGES: [(&str, u32); 3] = [
    ("img-pc-2021a", 45),
    ("img-pc-2022a", 44),
    ("img-pc-2022n", 11),
];
const TELLER_IMAGES: [(&str, u32); 3] = [
    ("img-teller-2021a", 40),
    ("img-teller-2022a", 40),
    ("img-teller-2022c", 20),
];
const ATM_IMAGES: [(&str, u32); 3] = [
    ("img-atm-2020", 58),
    ("img-atm-2022", 34),
    ("img-atm-2016", 8),
];
const KIOSK_IMAGES: [(&str, u32); 1] = [("img-kiosk-2021", 1)];

/// Models of a class with their storage driver.
const PC_MODELS: [(&str, &str); 3] = [
    ("OptiDesk 3080", "iastorac 17.9.1"),
    ("ThinkStation M720", "stornvme 10.0.17763"),
    ("ProLine 400 G6", "iastorac 18.3.2"),
];
const TELLER_MODELS: [(&str, &str); 3] = [
    ("CounterPC T20", "iastorac 17.9.1"),
    ("CounterPC T30", "stornvme 10.0.17763"),
    ("ThinkStation M720", "stornvme 10.0.17763"),
];
const ATM_MODELS: [(&str, &str); 2] = [
    ("CashPoint 2100", "storahci 10.0.17763"),
    ("H68N", "storahci 10.0.17763"),
];
const KIOSK_MODELS: [(&str, &str); 1] = [("SelfServe K5", "storahci 10.0.17763")];

const SECURITY: [((&str, &str), u32); 3] = [
    (("Microsoft Defender", "4.18.2211.5"), 46),
    (("NorthWall", "8.3"), 34),
    (("NorthWall", "8.1"), 20),
];

/// Share of each ring, in thousandths.
const RINGS: [(u8, u32); 4] = [(0, 25), (1, 100), (2, 275), (3, 600)];

struct Branch {
    name: String,
    province: &'static str,
    wsus: &'static str,
    ring: u8,
    size: usize,
}

/// Makes `count` devices with facts and without a fate.
pub fn populate(count: usize, seed: u64) -> Vec<DevicePlan> {
    let mut dice = Dice::new(seed, 1);
    let mut devices = Vec::with_capacity(count);
    let mut ordinals = std::collections::BTreeMap::<&str, usize>::new();
    while devices.len() < count {
        let left = count - devices.len();
        let (province, wsus) =
            dice.weighted(&PROVINCES.map(|(name, wsus, weight)| ((name, wsus), weight)));
        let ordinal = ordinals.entry(province).or_insert(0);
        *ordinal += 1;
        let branch = Branch {
            name: format!("{province}-{ordinal:04}"),
            province,
            wsus,
            ring: dice.weighted(&RINGS),
            size: branch_size(&mut dice).min(left),
        };
        for seat in 1..=branch.size {
            let stream = 1_000 + devices.len() as u64;
            devices.push(endpoint(&mut dice, &branch, seat, stream));
        }
    }
    devices
}

/// Pareto with a mean of about a dozen and now and then a head office.
pub(crate) fn branch_size(dice: &mut Dice) -> usize {
    let tail = 4.0 / (1.0 - dice.unit()).powf(0.72);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 4 and 160"
    )]
    let size = tail.clamp(4.0, 160.0) as usize;
    size
}

fn endpoint(dice: &mut Dice, branch: &Branch, seat: usize, stream: u64) -> DevicePlan {
    let class = dice.weighted(&[
        (Class::Pc, 42),
        (Class::Teller, 40),
        (Class::Atm, 13),
        (Class::Kiosk, 5),
    ]);
    let image = match class {
        Class::Pc => dice.weighted(&PC_IMAGES),
        Class::Teller => dice.weighted(&TELLER_IMAGES),
        Class::Atm => dice.weighted(&ATM_IMAGES),
        Class::Kiosk => dice.weighted(&KIOSK_IMAGES),
    };
    let (model, driver_storage) = match class {
        Class::Pc => dice.pick(&PC_MODELS),
        Class::Teller => dice.pick(&TELLER_MODELS),
        Class::Atm => dice.pick(&ATM_MODELS),
        Class::Kiosk => dice.pick(&KIOSK_MODELS),
    };
    let ring = match class {
        _ if dice.chance(0.25) => dice.weighted(&RINGS),
        Class::Atm | Class::Kiosk => branch.ring.max(1),
        _ => branch.ring,
    };
    let letter = class.as_str().get(..2).unwrap_or_default();
    let hostname = format!("{}-{letter}{seat:03}", branch.name).to_uppercase();
    DevicePlan {
        id: hostname.to_lowercase(),
        hostname,
        class,
        ring,
        branch: branch.name.clone(),
        province: branch.province,
        image,
        model,
        driver_storage,
        language: language_of(dice, class, image),
        build: build_of(image),
        security: dice.weighted(&SECURITY),
        wsus: branch.wsus,
        free_disk_gb: dice.between(9, 160),
        utc_offset_minutes: if dice.chance(0.97) { 480 } else { 360 },
        clock_skew_s: 0,
        excluded: None,
        damaged: false,
        rotates: dice.chance(0.12),
        has_dism: dice.chance(0.3),
        dark_at_ms: None,
        attempts: Vec::new(),
        stream,
    }
}

fn build_of(image: &str) -> u32 {
    match image {
        "img-pc-2022n" => 19044,
        "img-atm-2016" => 14393,
        _ => 17763,
    }
}

/// Head-office images come in English too; counters and machines do not.
fn language_of(dice: &mut Dice, class: Class, image: &str) -> &'static str {
    let english = match class {
        Class::Pc if image == "img-pc-2022a" => 0.55,
        Class::Pc => 0.12,
        _ => 0.0,
    };
    if dice.chance(english) {
        "en-US"
    } else {
        "zh-CN"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_fleet_has_its_size_and_no_two_devices_share_an_identity() {
        let fleet = populate(2_000, 11);
        let ids: BTreeSet<_> = fleet.iter().map(|device| &device.id).collect();
        assert_eq!(ids.len(), 2_000);
    }

    #[test]
    fn branches_have_a_heavy_tail() {
        let mut sizes = BTreeMap::<String, usize>::new();
        for device in populate(2_000, 11) {
            *sizes.entry(device.branch).or_default() += 1;
        }
        let largest = sizes.values().max().copied().unwrap_or_default();
        assert!(sizes.len() > 80, "{} branches", sizes.len());
        assert!(largest > 50, "largest {largest}");
    }

    #[test]
    fn every_ring_and_class_is_there_and_the_model_decides_the_driver() {
        let fleet = populate(2_000, 11);
        for ring in 0..4 {
            assert!(fleet.iter().any(|device| device.ring == ring), "ring{ring}");
        }
        let pairs: BTreeSet<_> = fleet
            .iter()
            .map(|device| (device.model, device.driver_storage))
            .collect();
        let models: BTreeSet<_> = pairs.iter().map(|(model, _)| model).collect();
        assert_eq!(pairs.len(), models.len());
    }
}
