//! What is seen depends on what happened, not on how it came in: replays,
//! arrival in another order, poorer readings.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what fails here fails the test"
)]

#[path = "../bank/mod.rs"]
mod bank;
mod history;
mod stored;

use history::{History, MINUTE, Told};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_prefix_that_is_replayed_twice_changes_no_figure(seed in any::<u64>(), part in 0..=100usize) {
        let history = History::draw(seed);
        let plain = history.play(&history.arrivals);
        let cut = history.arrivals.len() * part / 100;
        let mut replayed = history.arrivals.clone();
        for _ in 0..2 {
            // What came by then comes again, a second after the last of it.
            let again_ms = replayed.get(cut.max(1) - 1).map_or(0, |one| one.at_ms) + 1_000;
            let prefix = history.arrivals.iter().take(cut).cloned();
            replayed.extend(prefix.map(|one| Told { at_ms: one.at_ms.max(again_ms), ..one }));
        }
        replayed.sort_by_key(|one| one.at_ms);
        prop_assert_eq!(history.play(&replayed), plain);
    }

    #[test]
    fn another_order_within_a_minute_changes_no_final_cluster(seed in any::<u64>(), order in any::<u64>()) {
        let history = History::draw(seed);
        let plain = history.play(&history.arrivals);
        let mut dice = fastrand::Rng::with_seed(order);
        let mut shuffled = history.arrivals.clone();
        for one in &mut shuffled {
            one.at_ms = one.at_ms.div_euclid(MINUTE) * MINUTE + dice.i64(0..MINUTE);
        }
        shuffled.sort_by_key(|one| one.at_ms);
        let found = history.play(&shuffled);
        prop_assert_eq!(found.last(), plain.last());
    }

    #[test]
    fn a_poorer_reading_never_replaces_a_richer_one(seed in any::<u64>(), late in any::<bool>()) {
        let history = History::draw(seed);
        let plain = history.play(&history.arrivals);
        let mut poorer = history.arrivals.clone();
        for one in &mut poorer {
            let lag = if late { 10 * MINUTE } else { 0 };
            one.at_ms += lag;
            one.record.version = 0;
            one.record.hresult = None;
            one.record.title.clear();
            one.record.file.clear();
        }
        let mut both = history.arrivals.clone();
        both.extend(poorer);
        both.sort_by_key(|one| one.at_ms);
        let found = history.play(&both);
        prop_assert_eq!(found.last(), plain.last());
    }
}
