//! What can repair the component store of a cluster's devices.
//!
//! A device that already has the KB no longer holds the failing devices'
//! level. So a source must stand on *their* level: a depot of that level, a
//! peer on it today, or a peer that left it by this very KB less than 30 days
//! ago, before superseded payload is cleaned.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::peers::peers;
use super::quote;
use crate::fleet::Fleet;
use crate::kb::Build;
use crate::keep::DepotRow;
use crate::view::{RepairSource, Said};

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
pub(super) struct Need {
    pub(super) level: Build,
    pub(super) arch: String,
    pub(super) edition: String,
    pub(super) language: String,
}

/// Where the failing devices of one need stand.
#[derive(Default)]
pub(super) struct Needy {
    devices: BTreeSet<usize>,
    pub(super) branches: BTreeMap<String, u64>,
    pub(super) provinces: BTreeMap<String, u64>,
}

/// Failing devices with the same need, and what can repair them.
pub(super) struct Served {
    /// Numbers of the devices.
    pub(super) devices: BTreeSet<usize>,
    /// Their level, edition, language and architecture.
    pub(super) what: String,
    /// Best first.
    pub(super) sources: Vec<RepairSource>,
    /// So many of the first sources are as good as each other.
    pub(super) alike: usize,
}

/// What can repair the failing devices, need by need, most devices first.
pub(super) fn served(situation: &Situation<'_>) -> Vec<Served> {
    let needs = needs(situation).into_iter();
    let mut served: Vec<Served> = needs
        .map(|(need, needy)| {
            let mut sources: Vec<RepairSource> = depots(situation.depots, &need, &needy).collect();
            let mut alike = sources.len().min(1);
            for tier in [2, 3] {
                // Payload of a level that was left may be cleaned any time: only
                // where nothing better is known.
                if tier == 2 || sources.is_empty() {
                    let (peers, near) = peers(situation, &need, &needy, tier);
                    alike = if sources.is_empty() { near } else { alike };
                    sources.extend(peers);
                }
            }
            Served {
                what: need.told(),
                devices: needy.devices,
                sources,
                alike,
            }
        })
        .collect();
    served.sort_by_key(|one| Reverse(one.devices.len()));
    served
}

/// Sources for a cluster, best first.
pub(super) fn sources(served: &[Served]) -> Vec<RepairSource> {
    let mut all: Vec<RepairSource> = served.iter().flat_map(|one| one.sources.clone()).collect();
    all.sort_by_key(|source| (source.tier, Reverse(source.serves)));
    all.truncate(MAX_SOURCES);
    all
}

impl Served {
    /// Which of the failing devices they are.
    pub(super) fn whom(&self) -> Said {
        let (n, what) = (self.devices.len(), &self.what);
        Said {
            en: format!("For the {n} devices on {what}:"),
            zh: format!("针对处于 {what} 的 {n} 台设备："),
        }
    }
}

impl Need {
    pub(super) fn told(&self) -> String {
        let level = self.level.to_string();
        let words = [&level, &self.edition, &self.language, &self.arch];
        let known = words.into_iter().filter(|word| !word.is_empty());
        known.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl Needy {
    pub(super) fn count(&self) -> u64 {
        self.devices.len() as u64
    }
}

fn needs(situation: &Situation<'_>) -> BTreeMap<Need, Needy> {
    let words = &situation.fleet.words;
    let mut needs: BTreeMap<Need, Needy> = BTreeMap::new();
    let failing = situation.failing.iter();
    for (number, device) in failing.filter_map(|n| Some((*n, situation.fleet.devices.get(*n)?))) {
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
        place.devices.insert(number);
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
                depot.build,
                need.edition,
                need.language,
                needy.count()
            ),
            zh: format!(
                "存有 {}，{} {}：其中 {} 台设备正处于该级别",
                depot.build,
                need.edition,
                need.language,
                needy.count()
            ),
        },
        serves: needy.count(),
    })
}
