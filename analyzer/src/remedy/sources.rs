//! What can repair the component store of a cluster's devices.
//!
//! A device that already has the KB no longer holds the failing devices'
//! level. So a source must stand on *their* level: a depot of that level, a
//! peer on it today, or a peer that left it by this very KB less than 30 days
//! ago, before superseded payload is cleaned.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::quote;
use crate::attempts::{Outcome, Stand};
use crate::facts::Facts;
use crate::fleet::{Device, Fleet};
use crate::kb::Build;
use crate::keep::DepotRow;
use crate::view::{RepairSource, Said};

/// Superseded payload is kept this long.
const PAYLOAD_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// Most peers shown for each tier and group of failing devices.
const PEERS_PER_TIER: usize = 3;

/// Most sources shown.
const MAX_SOURCES: usize = 12;

/// A read-only share that was imported as a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depot {
    /// Name for people.
    pub name: String,
    /// What follows `/Source:`.
    pub path: String,
    /// Level that it holds, `17763.3770`.
    pub build: String,
    /// Edition; empty fits all.
    pub edition: String,
    /// Language; empty fits all.
    pub language: String,
    /// Architecture; empty fits all.
    pub arch: String,
}

impl From<&DepotRow> for Depot {
    fn from(row: &DepotRow) -> Self {
        Self {
            name: row.name.clone(),
            path: row.path.clone(),
            build: row.build.clone(),
            edition: row.edition.clone(),
            language: row.language.clone(),
            arch: row.arch.clone(),
        }
    }
}

/// What a choice of sources depends on.
pub(crate) struct Situation<'a> {
    /// The fleet.
    pub(crate) fleet: &'a Fleet,
    /// KB that fails.
    pub(crate) kb: &'a str,
    /// Devices that fail.
    pub(crate) failing: &'a [usize],
    /// Imported depots.
    pub(crate) depots: &'a [Depot],
    /// Host names that may serve as peers, in lower case; no other device may.
    pub(crate) donors: &'a BTreeSet<String>,
    /// What the failing devices share: who shares it may be damaged like them
    /// and only not know yet.
    pub(crate) suspect: Option<&'a BTreeMap<String, String>>,
    /// Now.
    pub(crate) now_ms: i64,
    /// Peers must have been heard of within this time.
    pub(crate) presence_limit_ms: i64,
}

/// What a source must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    level: Build,
    arch: String,
    edition: String,
    language: String,
}

/// Where the failing devices of one need stand.
#[derive(Default)]
struct Needy {
    devices: u64,
    branches: BTreeMap<String, u64>,
    provinces: BTreeMap<String, u64>,
}

/// Sources for a cluster, best first.
pub(crate) fn sources(situation: &Situation<'_>) -> Vec<RepairSource> {
    let mut all = Vec::new();
    for (need, needy) in needs(situation) {
        let mut found: Vec<RepairSource> = depots(situation.depots, &need, &needy).collect();
        found.extend(peers(situation, &need, &needy, 2));
        // Payload of a level that was left may be cleaned any time: only where
        // nothing better is known.
        if found.is_empty() {
            found.extend(peers(situation, &need, &needy, 3));
        }
        all.extend(found);
    }
    all.sort_by_key(|source| (source.tier, Reverse(source.serves)));
    all.truncate(MAX_SOURCES);
    all
}

fn needs(situation: &Situation<'_>) -> BTreeMap<Need, Needy> {
    let words = &situation.fleet.words;
    let mut needs: BTreeMap<Need, Needy> = BTreeMap::new();
    for device in situation
        .failing
        .iter()
        .filter_map(|n| situation.fleet.devices.get(*n))
    {
        let (Some(level), Some(facts)) = (device.level_now(words), device.facts_now()) else {
            continue;
        };
        let fact = |key| words.value(facts, key).to_owned();
        let need = Need {
            level,
            arch: fact("arch"),
            edition: fact("edition"),
            language: fact("language"),
        };
        let place = needs.entry(need).or_default();
        place.devices += 1;
        *place.branches.entry(fact("branch")).or_default() += 1;
        *place.provinces.entry(fact("province")).or_default() += 1;
    }
    needs
}

fn depots<'a>(
    depots: &'a [Depot],
    need: &'a Need,
    needy: &'a Needy,
) -> impl Iterator<Item = RepairSource> + 'a {
    let fits = |depot: &&Depot| {
        let same = |asked: &str, held: &str| held.is_empty() || held.eq_ignore_ascii_case(asked);
        Build::parse(&depot.build) == Some(need.level)
            && same(&need.edition, &depot.edition)
            && same(&need.language, &depot.language)
            && same(&need.arch, &depot.arch)
            && quote::folder(&depot.path).is_some()
    };
    depots.iter().filter(fits).map(|depot| RepairSource {
        tier: 1,
        name: depot.name.clone(),
        path: depot.path.clone(),
        build: depot.build.clone(),
        why: Said {
            en: format!(
                "holds {}, {} {}: the level on which {} of the devices stand",
                depot.build, need.edition, need.language, needy.devices
            ),
            zh: format!(
                "存有 {}，{} {}：其中 {} 台设备正处于该级别",
                depot.build, need.edition, need.language, needy.devices
            ),
        },
        serves: needy.devices,
    })
}

fn peers(situation: &Situation<'_>, need: &Need, needy: &Needy, tier: u8) -> Vec<RepairSource> {
    let failing: BTreeSet<usize> = situation.failing.iter().copied().collect();
    let words = &situation.fleet.words;
    let devices = situation.fleet.devices.iter().enumerate();
    let mut peers: Vec<(u64, u64, &Device, &Facts)> = devices
        .filter(|(number, _)| !failing.contains(number))
        .filter_map(|(_, device)| {
            let facts = may_serve(situation, need, device)?;
            let holds = match tier {
                2 => device.level_now(words) == Some(need.level),
                _ => left_level_lately(situation, need, device),
            };
            let near = |map: &BTreeMap<String, u64>, key| {
                map.get(words.value(facts, key))
                    .copied()
                    .unwrap_or_default()
            };
            let nearness = (
                near(&needy.branches, "branch"),
                near(&needy.provinces, "province"),
            );
            holds.then_some((nearness.0, nearness.1, device, facts))
        })
        .collect();
    peers.sort_by(|a, b| {
        (b.0, b.1)
            .cmp(&(a.0, a.1))
            .then_with(|| a.2.id.cmp(&b.2.id))
    });
    peers.truncate(PEERS_PER_TIER);
    let shown = peers.into_iter().map(|(branch, province, device, facts)| {
        let host = words.value(facts, "hostname");
        RepairSource {
            tier,
            name: device.id.to_string(),
            path: format!(r"\\{host}\c$\Windows"),
            build: need.level.to_string(),
            why: why_peer((branch, province), tier, need.level, situation.kb),
            serves: needy.devices,
        }
    });
    shown.collect()
}

/// Why a peer fits: how near it is to the failing devices, and what it holds.
fn why_peer((branch, province): (u64, u64), tier: u8, level: Build, kb: &str) -> Said {
    let (near_en, near_zh) = match (branch, province) {
        (1.., _) => (
            format!("in the branch of {branch} of them"),
            format!("与其中 {branch} 台同网点"),
        ),
        (_, 1..) => (
            format!("in the province of {province} of them"),
            format!("与其中 {province} 台同省"),
        ),
        _ => ("elsewhere".to_owned(), "位于别处".to_owned()),
    };
    let (holds_en, holds_zh) = match tier {
        2 => (
            format!("stands on {level} today"),
            format!("目前正处于 {level}"),
        ),
        _ => (
            format!("left {level} by {kb} less than 30 days ago"),
            format!("不到 30 天前由 {level} 安装了 {kb}"),
        ),
    };
    Said {
        en: format!("{near_en}: {holds_en}, no damage seen"),
        zh: format!("{near_zh}：{holds_zh}，未见损坏"),
    }
}

/// Facts of a device that may serve as a peer for `need` at all.
fn may_serve<'a>(situation: &Situation<'a>, need: &Need, device: &'a Device) -> Option<&'a Facts> {
    let words = &situation.fleet.words;
    let facts = device.facts_now()?;
    let fact = |key| words.value(facts, key);
    let host = quote::host(fact("hostname"))?;
    let allowed = situation.donors.contains(&host.to_lowercase());
    let alike = fact("arch") == need.arch
        && fact("edition") == need.edition
        && fact("language") == need.language;
    let heard = device
        .last_heard_ms
        .is_some_and(|heard| situation.now_ms - heard <= situation.presence_limit_ms);
    let alike_in_harm = situation.suspect.is_some_and(|suspect| {
        !suspect.is_empty() && suspect.iter().all(|(key, value)| fact(key) == value)
    });
    let whole = device.corrupt_at_ms.is_none() && fact("pending_reboot") != "true";
    (allowed && alike && heard && whole && !alike_in_harm && fact("class") != "atm")
        .then_some(facts)
}

/// Took the KB from the level in question so lately that the payload is kept.
fn left_level_lately(situation: &Situation<'_>, need: &Need, device: &Device) -> bool {
    let words = &situation.fleet.words;
    let Some(kb) = device.kb(situation.kb) else {
        return false;
    };
    kb.attempts.iter().any(|attempt| {
        let succeeded = attempt.stand == Stand::Closed(Outcome::Succeeded);
        let lately = situation.now_ms - attempt.ended_at_ms < PAYLOAD_KEPT_MS;
        let before = device.facts_before(attempt.started_at_ms, words);
        let same = |key: &str, number: u32| words.value(&before, key) == number.to_string();
        let from = same("ubr", need.level.revision) && same("os_build", need.level.family);
        succeeded && lately && from
    })
}
