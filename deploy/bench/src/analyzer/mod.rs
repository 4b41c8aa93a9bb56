//! Does the analyzer call what must be called, say why, and keep silent
//! otherwise?
//!
//! Whole rollouts of simulated fleets are played to the analyzer's own code,
//! from update events to what a page would show. The seeds of a run are its
//! own, so no figure stems from worlds that anything was tuned on.

mod cures;
mod play;
mod rivals;
mod said;
mod score;
mod shift;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use kbwatch_simulator::worlds::{Scenario, World};

use self::score::Tally;
use crate::gates::Gate;

/// How many worlds of each family are played. Seven families are null: in them
/// nothing must be called.
const WORLDS: [(Scenario, u64); 18] = [
    (Scenario::S0, 60),
    (Scenario::S1, 40),
    (Scenario::S2, 40),
    (Scenario::S3, 30),
    (Scenario::S4, 20),
    (Scenario::S5, 12),
    (Scenario::S6, 30),
    (Scenario::S7, 40),
    (Scenario::S8, 10),
    (Scenario::S9, 40),
    (Scenario::S10, 15),
    (Scenario::S11, 30),
    (Scenario::S12, 30),
    (Scenario::S13, 30),
    (Scenario::S14, 40),
    (Scenario::S15, 10),
    (Scenario::S16, 50),
    (Scenario::S17, 40),
];

/// Streams of the smallest shift of the rate.
const STREAMS: u64 = 12;

/// Which worlds are played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course<'a> {
    /// Of their own for every run.
    pub(crate) seed: u64,
    /// Part of all worlds, in percent.
    pub(crate) percent: u64,
    /// Only this family, by name, `cures` or `shift`.
    pub(crate) only: Option<&'a str>,
}

/// Gates over all families.
pub(crate) fn measure(course: Course<'_>) -> Vec<Gate> {
    let mut plan: Vec<(Scenario, u64)> = Vec::new();
    for (scenario, worlds) in WORLDS {
        if course.only.is_some_and(|only| only != scenario.name()) {
            continue;
        }
        let worlds = (worlds * course.percent).div_ceil(100);
        plan.extend((0..worlds).map(|world| (scenario, course.first_seed() + world)));
    }
    let tally = play_all(&plan);
    tell_misses(&tally.notes);
    let mut gates = table::gates(&tally);
    if course.only.is_none_or(|only| only == "cures") {
        let worlds = (cures::WORLDS * course.percent).div_ceil(100);
        gates.extend(cures::gates(course.first_seed(), worlds));
    }
    if course.only.is_none_or(|only| only == "shift") {
        let streams = (STREAMS * course.percent).div_ceil(100);
        gates.push(shift::gate(course.first_seed(), streams));
    }
    gates
}

impl Course<'_> {
    /// No two seeds of a run share a world.
    fn first_seed(self) -> u64 {
        self.seed.wrapping_mul(1_000_003)
    }
}

/// What went wrong, so that a world can be looked into by its seed.
#[expect(clippy::print_stderr, reason = "beside the table that was asked for")]
fn tell_misses(notes: &[String]) {
    for note in notes {
        eprintln!("{note}");
    }
}

/// Plays all worlds.
fn play_all(plan: &[(Scenario, u64)]) -> Tally {
    let tallies = on_all_cores(plan, |(scenario, seed)| {
        Tally::of(&World::draw(*scenario, *seed))
    });
    let mut total = Tally::default();
    for tally in tallies {
        total.add(tally);
    }
    total
}

/// Does the work on as many threads as there are cores; answers in its order.
fn on_all_cores<W: Sync, A: Send>(work: &[W], answer: impl Fn(&W) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(work.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = work.get(at) else { break };
                    let answer = answer(one);
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small slice of the run, with seeds that no run has.
    fn played(worlds: &[(Scenario, u64)]) -> Tally {
        let plan = worlds
            .iter()
            .map(|(scenario, seed)| (*scenario, 77_000_000_000 + seed));
        play_all(&plan.collect::<Vec<_>>())
    }

    #[test]
    fn usual_rollouts_in_every_disguise_are_not_called() {
        use Scenario::{S0, S7, S9, S11, S14, S16, S17};
        let nulls = [S0, S7, S9, S11, S14, S16, S17].map(|scenario| (scenario, 4));
        let tally = played(&nulls);
        assert_eq!(
            (tally.nulls, tally.false_calls[0]),
            (7, 0),
            "{:?}",
            tally.notes
        );
        assert_eq!(tally.exact_lineages, tally.lineages);
    }

    #[test]
    fn planted_causes_are_called_and_named() {
        let tally = played(&[(Scenario::S1, 5), (Scenario::S10, 6), (Scenario::S13, 7)]);
        let bad = tally.bad[0];
        assert_eq!((bad.wrong, bad.missed), (0, 0), "{:?}", tally.notes);
        assert!(tally.causes[0][0].f1() > 0.99, "{:?}", tally.notes);
        assert_eq!(tally.repairs, tally.right_at[0], "{:?}", tally.notes);
    }

    #[test]
    fn a_trouble_outside_is_no_fault_of_the_update() {
        let tally = played(&[(Scenario::S6, 8), (Scenario::S6, 9)]);
        assert_eq!(tally.bad[0].wrong, 0, "{:?}", tally.notes);
        assert!(tally.outside[0].f1() > 0.99, "{:?}", tally.notes);
    }
}
