//! Facts that look guilty and are not, and those that nobody can tell.

use std::collections::BTreeSet;

use super::{
    Found, Fourfold, Item, Leaves, STRATUM, Tried, facts_of, mantel_haenszel, same_devices, strata,
};
use crate::view::Exonerated;

/// Facts look guilty from this crude ratio on, if its interval leaves out 1.
const LOOKS_GUILTY: f64 = 1.5;

/// A fact is cleared when like devices with it fail at most this many times as
/// often, with 97.5 % confidence. A wide interval clears nobody.
const CLEARED_BELOW: f64 = 2.0;

/// Facts that people blame first are cleared first.
const BLAMED_FIRST: &str = "security";

/// Most suspects that are looked into.
const MOST_SUSPECTS: usize = 200;

/// Most exonerated facts shown, and most devices named for each.
const MAX_EXONERATED: usize = 8;
const MAX_EXAMPLES: usize = 5;

/// What comparing like with like says of a fact that looks guilty.
enum Compared {
    /// Its lift is gone.
    Cleared(Exonerated),
    /// Nowhere do like devices with and without it stand side by side.
    Untold,
    /// It may still have a part in it: neither cleared nor blamed.
    Open,
}

/// Facts whose crude lift is gone when devices inside and outside the leading
/// cause, ring by ring, are compared apart; and facts that this cannot tell
/// from the leading cause.
pub(super) fn exonerate(
    leaves: &Leaves,
    tried: &[Tried<'_>],
    found: &[Found],
) -> (Vec<Exonerated>, Vec<Item>) {
    let Some(leading) = found.first() else {
        return (Vec::new(), Vec::new());
    };
    let mut guilty: BTreeSet<Item> = found.iter().flat_map(|f| f.items.clone()).collect();
    guilty.extend(same_devices(leaves, &leading.items));
    let mut suspects = suspects(leaves);
    suspects.retain(|(item, _)| !guilty.contains(item));
    let mut cleared: Vec<Exonerated> = Vec::new();
    let mut untold: Vec<Item> = Vec::new();
    for (item, crude) in suspects.iter().take(MOST_SUSPECTS) {
        // One value of each fact will do: the one that looks guiltiest.
        let key = leaves.name(*item).0;
        if cleared.iter().any(|other| other.facts.contains_key(key)) {
            continue;
        }
        match compare(leaves, tried, *item, *crude, leading) {
            Compared::Cleared(fact) => cleared.push(fact),
            Compared::Untold => untold.push(*item),
            Compared::Open => {}
        }
    }
    cleared.sort_by(|a, b| {
        let rank = |e: &Exonerated| !e.facts.keys().any(|key| key.starts_with(BLAMED_FIRST));
        rank(a)
            .cmp(&rank(b))
            .then_with(|| b.crude_risk_ratio.total_cmp(&a.crude_risk_ratio))
            .then_with(|| a.facts.cmp(&b.facts))
    });
    cleared.truncate(MAX_EXONERATED);
    (cleared, untold)
}

/// Facts with a crude lift beyond chance, guiltiest first.
fn suspects(leaves: &Leaves) -> Vec<(Item, f64)> {
    let mut sums: Vec<(f64, f64)> = vec![(0.0, 0.0); leaves.items()];
    let (mut failed, mut total) = (0.0, 0.0);
    for row in &leaves.rows {
        failed += row.failed;
        total += row.total;
        for item in &row.items {
            if let Some(sum) = sums.get_mut(*item as usize) {
                sum.0 += row.failed;
                sum.1 += row.total;
            }
        }
    }
    let mut suspects: Vec<(Item, f64)> = (0..)
        .zip(sums)
        .filter(|(_, (inside, inside_total))| *inside >= 3.0 && *inside_total < total)
        .map(|(item, (failed_in, total_in))| {
            let counts = Fourfold {
                failed_in,
                total_in,
                failed_out: failed - failed_in,
                total_out: total - total_in,
            };
            (item, counts.risk_ratio())
        })
        .filter(|(_, ratio)| ratio.value >= LOOKS_GUILTY && ratio.low > 1.0)
        .map(|(item, ratio)| (item, ratio.value))
        .collect();
    suspects.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    suspects
}

fn compare(
    leaves: &Leaves,
    tried: &[Tried<'_>],
    item: Item,
    crude_risk_ratio: f64,
    leading: &Found,
) -> Compared {
    let only = [item];
    let of_ring = leaves.name(item).0 == STRATUM;
    let strata = strata(leaves, &only, |row| {
        let ring = if of_ring { 0 } else { row.stratum };
        (row.has(&leading.items), ring)
    });
    let beside = |s: &Fourfold| s.total_in > 0.0 && s.total_out > 0.0;
    if !strata.iter().any(beside) {
        return Compared::Untold;
    }
    let adjusted = mantel_haenszel(&strata).filter(|ratio| ratio.high < CLEARED_BELOW);
    let innocent: Vec<&Tried<'_>> = leaves
        .rows
        .iter()
        .zip(tried)
        .filter(|(row, device)| row.has(&only) && device.succeeded && !device.failed)
        .map(|(_, device)| device)
        .collect();
    let Some(adjusted) = adjusted.filter(|_| !innocent.is_empty()) else {
        return Compared::Open;
    };
    let mut within: Vec<String> = leading
        .items
        .iter()
        .map(|i| leaves.name(*i).0.to_owned())
        .collect();
    if !of_ring {
        within.push(STRATUM.to_owned());
    }
    Compared::Cleared(Exonerated {
        facts: facts_of(leaves, &only),
        crude_risk_ratio,
        adjusted_risk_ratio: adjusted.value,
        within,
        counter_examples: innocent.len() as u64,
        examples: innocent
            .iter()
            .take(MAX_EXAMPLES)
            .map(|device| device.device_id.to_string())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::causes::explain;
    use crate::facts::Words;

    fn facts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        pairs.into_iter().map(owned).collect()
    }

    /// Tried devices with these facts, `failed` of `total`.
    fn group(
        words: &mut Words,
        tried: &mut Vec<Tried<'static>>,
        facts: [(&'static str, &'static str); 2],
        (ring, failed, total): (&'static str, usize, usize),
    ) {
        for number in 0..total {
            tried.push(Tried {
                device_id: Arc::from(format!("pc-{}", tried.len())),
                facts: words.facts(facts.into_iter()),
                ring,
                failed: number < failed,
                succeeded: number >= failed,
            });
        }
    }

    /// The image is bad in ring 1 only; whoever has it there has the agent as
    /// well, and nobody else in that ring: nothing tells them apart.
    #[test]
    fn a_fact_without_like_devices_to_compare_is_inseparable_and_not_cleared() {
        let (mut words, mut tried) = (Words::default(), Vec::new());
        let agent = ("security_product", "AcmeGuard");
        let plain = ("security_product", "PlainShield");
        group(
            &mut words,
            &mut tried,
            [("image", "bad"), agent],
            ("ring1", 60, 80),
        );
        group(
            &mut words,
            &mut tried,
            [("image", "good"), plain],
            ("ring1", 1, 800),
        );
        group(
            &mut words,
            &mut tried,
            [("image", "good"), agent],
            ("ring2", 0, 30),
        );
        let found = explain(&tried, &words);
        let leading = &found.causes[0];
        let mut set = leading.inseparable.clone();
        set.push(leading.facts.clone());
        assert!(set.contains(&facts([agent])), "{found:?}");
        let cleared = found.exonerated.iter().any(|e| e.facts == facts([agent]));
        assert!(!cleared, "{found:?}");
    }

    /// A handful of devices say neither that the agent is guilty nor that it is
    /// not: an interval from below 1 to far above clears nobody.
    #[test]
    fn a_wide_interval_clears_nobody() {
        let (mut words, mut tried) = (Words::default(), Vec::new());
        let agent = ("security_product", "AcmeGuard");
        let plain = ("security_product", "PlainShield");
        group(
            &mut words,
            &mut tried,
            [("image", "bad"), plain],
            ("ring1", 60, 120),
        );
        group(
            &mut words,
            &mut tried,
            [("image", "good"), plain],
            ("ring1", 2, 2_000),
        );
        group(
            &mut words,
            &mut tried,
            [("image", "good"), agent],
            ("ring1", 0, 40),
        );
        group(
            &mut words,
            &mut tried,
            [("image", "bad"), agent],
            ("ring1", 8, 11),
        );
        let found = explain(&tried, &words);
        assert_eq!(found.causes[0].facts, facts([("image", "bad")]));
        let cleared = found.exonerated.iter().any(|e| e.facts == facts([agent]));
        assert!(!cleared, "{found:?}");
    }
}
