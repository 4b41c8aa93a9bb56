//! What do the failing ones have in common, and which facts only look guilty?
//!
//! Facts are those from before the attempt. Like is compared with like: risk
//! ratios are common ratios over rings, and a fact is exonerated when its ratio
//! vanishes once devices inside and outside the leading cause are compared
//! apart.

mod cleared;
#[cfg(test)]
mod fleets;
mod leaves;
mod ratio;
mod search;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::facts::{Facts, Words};
use crate::view::{CauseCandidate, Exonerated};
use cleared::exonerate;
use leaves::{Item, Leaf, Leaves};
use ratio::mantel_haenszel;
pub(crate) use ratio::{Fourfold, Ratio};
use search::{Asked, Found, search};

/// Facts that name a device rather than describe it.
const NAMING: [&str; 4] = ["hostname", "serial", "ip", "mac"];

/// Devices are compared within the same value of this fact.
const STRATUM: &str = "ring";

/// Two facts are told apart by at least one device in fifty.
const INSEPARABLE: f64 = 0.98;

/// A device that began.
#[derive(Debug, Clone)]
pub(crate) struct Tried<'a> {
    /// Identity.
    pub(crate) device_id: std::sync::Arc<str>,
    /// Facts from before the attempt; what they say of the ring does not count.
    pub(crate) facts: Facts,
    /// The ring that counts, or empty.
    pub(crate) ring: &'a str,
    /// Whether it belongs to the cluster.
    pub(crate) failed: bool,
    /// Whether its latest attempt succeeded and it never failed so.
    pub(crate) succeeded: bool,
}

/// What a search over devices brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Explained {
    pub(crate) causes: Vec<CauseCandidate>,
    pub(crate) exonerated: Vec<Exonerated>,
}

/// Explains which devices failed.
pub(crate) fn explain(tried: &[Tried<'_>], words: &Words) -> Explained {
    let leaves = to_leaves(tried, words);
    let found = search(&leaves, Asked::OF_A_CLUSTER);
    let causes = found.iter().map(|found| candidate(&leaves, found));
    let mut causes: Vec<CauseCandidate> = causes.collect();
    let (exonerated, untold) = exonerate(&leaves, tried, &found);
    if let Some(leading) = causes.first_mut() {
        let untold = untold.iter().map(|item| facts_of(&leaves, &[*item]));
        leading.inseparable.extend(untold);
    }
    Explained { causes, exonerated }
}

fn to_leaves(tried: &[Tried<'_>], words: &Words) -> Leaves {
    let naming = naming_facts(tried, words);
    let mut leaves = Leaves::default();
    let mut strata: HashMap<&str, u32> = HashMap::new();
    for device in tried {
        let mut items: Vec<Item> = Vec::new();
        for (key, value) in device.facts.iter() {
            let (key, value) = (words.text(*key), words.text(*value));
            if value.is_empty() || key == STRATUM || naming.contains(key) {
                continue;
            }
            items.push(leaves.item(key, &grouped(key, value)));
        }
        if !device.ring.is_empty() {
            items.push(leaves.item(STRATUM, device.ring));
        }
        items.sort_unstable();
        let next = u32::try_from(strata.len()).unwrap_or(u32::MAX);
        let stratum = *strata.entry(device.ring).or_insert(next);
        leaves.rows.push(Leaf {
            items,
            failed: f64::from(u8::from(device.failed)),
            total: 1.0,
            stratum,
        });
    }
    leaves
}

/// Facts with nearly as many values as devices say who, not what.
fn naming_facts<'a>(tried: &[Tried<'_>], words: &'a Words) -> BTreeSet<&'a str> {
    let mut values: HashMap<_, BTreeSet<_>> = HashMap::new();
    for device in tried {
        for (key, value) in device.facts.iter() {
            values.entry(*key).or_default().insert(*value);
        }
    }
    let many = tried.len() / 3;
    let mut naming: BTreeSet<&str> = NAMING.into_iter().collect();
    for (key, values) in values {
        if values.len() > many.max(10) && !is_amount(words.text(key)) {
            naming.insert(words.text(key));
        }
    }
    naming
}

fn is_amount(key: &str) -> bool {
    key.ends_with("_gb") || key.ends_with("_mb") || key.ends_with("_percent")
}

/// Amounts are compared by size class, everything else as it is.
fn grouped(key: &str, value: &str) -> String {
    if !is_amount(key) {
        return value.to_owned();
    }
    match value.parse::<f64>() {
        Ok(amount) if amount < 5.0 => "<5".into(),
        Ok(amount) if amount < 20.0 => "5-20".into(),
        Ok(_) => ">=20".into(),
        Err(_) => value.to_owned(),
    }
}

fn facts_of(leaves: &Leaves, items: &[Item]) -> BTreeMap<String, String> {
    let names = items.iter().map(|item| leaves.name(*item));
    names.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn candidate(leaves: &Leaves, found: &Found) -> CauseCandidate {
    let counts = found.counts;
    let about_ring = found
        .items
        .iter()
        .any(|item| leaves.name(*item).0 == STRATUM);
    let strata = strata(leaves, &found.items, |row| row.stratum);
    let ratio = (!about_ring)
        .then(|| mantel_haenszel(&strata))
        .flatten()
        .unwrap_or_else(|| counts.risk_ratio());
    CauseCandidate {
        facts: facts_of(leaves, &found.items),
        inseparable: inseparable(leaves, &found.items),
        failed: whole(counts.failed_in),
        total: whole(counts.total_in),
        failed_outside: whole(counts.failed_out),
        total_outside: whole(counts.total_out),
        risk_ratio: ratio.value,
        interval: (ratio.low, ratio.high),
    }
}

/// A sum of ones back to a count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of at most 2^52 ones"
)]
fn whole(sum: f64) -> u64 {
    sum.round().max(0.0) as u64
}

fn strata<S: Ord>(leaves: &Leaves, items: &[Item], stratum: impl Fn(&Leaf) -> S) -> Vec<Fourfold> {
    let mut strata: BTreeMap<S, Fourfold> = BTreeMap::new();
    for row in &leaves.rows {
        let inside = row.has(items);
        let counts = strata.entry(stratum(row)).or_default();
        counts.add(inside, row.failed, row.total);
    }
    strata.into_values().collect()
}

/// Facts with which `items` cannot be told apart.
fn inseparable(leaves: &Leaves, items: &[Item]) -> Vec<BTreeMap<String, String>> {
    let same = same_devices(leaves, items).into_iter();
    same.map(|item| facts_of(leaves, &[item])).collect()
}

/// Single facts that hold on the same devices as `items`.
fn same_devices(leaves: &Leaves, items: &[Item]) -> Vec<Item> {
    let mut both: HashMap<Item, f64> = HashMap::new();
    let mut alone: HashMap<Item, f64> = HashMap::new();
    let mut inside = 0.0;
    for row in &leaves.rows {
        let has = row.has(items);
        inside += if has { row.total } else { 0.0 };
        for item in &row.items {
            let sums = if has { &mut both } else { &mut alone };
            *sums.entry(*item).or_default() += row.total;
        }
    }
    let same = both.into_iter().filter(|(item, both)| {
        let union = inside + alone.get(item).copied().unwrap_or_default();
        !items.contains(item) && *both / union >= INSEPARABLE
    });
    let mut same: Vec<Item> = same.map(|(item, _)| item).collect();
    same.sort_unstable();
    same
}
