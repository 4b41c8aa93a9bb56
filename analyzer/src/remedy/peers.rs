//! Peers that hold what failing devices lack.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::quote;
use super::sources::{Need, Needy, Situation};
use crate::attempts::{Outcome, Stand};
use crate::damage::short_hex;
use crate::facts::Facts;
use crate::fleet::Device;
use crate::kb::Build;
use crate::view::{RepairSource, Said};

/// Superseded payload is kept this long.
const PAYLOAD_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// Most peers shown for each tier and group of failing devices.
const PEERS_PER_TIER: usize = 3;

/// The nearest peers, and how many of them are as near as the nearest.
pub(super) fn peers(
    situation: &Situation<'_>,
    need: &Need,
    needy: &Needy,
    tier: u8,
) -> (Vec<RepairSource>, usize) {
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
    // Of many that are as near, others serve other updates and other needs.
    peers.sort_by_cached_key(|(branch, province, device, _)| {
        let turn = format!("{}|{}|{}", situation.kb, need.told(), device.id);
        let turn = short_hex(&Sha256::digest(turn.as_bytes()));
        (Reverse((*branch, *province)), turn)
    });
    peers.truncate(PEERS_PER_TIER);
    let nearest = peers.first().map(|peer| (peer.0, peer.1));
    let alike = peers
        .iter()
        .filter(|peer| Some((peer.0, peer.1)) == nearest);
    let alike = alike.count();
    let shown = peers.into_iter().map(|(branch, province, device, facts)| {
        let host = words.value(facts, "hostname");
        RepairSource {
            tier,
            name: device.id.to_string(),
            path: format!(r"\\{host}\c$\Windows"),
            build: need.level.to_string(),
            why: why_peer((branch, province), tier, need.level, situation.kb),
            serves: needy.count(),
        }
    });
    (shown.collect(), alike)
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

/// Took the KB from the level in question so lately that the payload is kept, and
/// was not told to clean it away since.
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
        let cleaned = device
            .cleaned_at_ms
            .is_some_and(|at| at >= attempt.ended_at_ms);
        succeeded && lately && from && !cleaned
    })
}
