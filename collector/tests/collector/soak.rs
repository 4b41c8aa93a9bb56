//! A thousand rotations, truncations, kills and clock jumps in an order that a
//! seed decides: every line that was written, and not destroyed by its writer,
//! arrives exactly once.

use std::time::{Duration, Instant};

use self::life::Life;
use self::process::live_through_kills;

mod life;
mod process;

/// What a run found.
#[derive(Debug, Default)]
struct Verdict {
    upheavals: u32,
    process_kills: u32,
    /// Distinct events written, and how many of these arrived.
    written: usize,
    arrived: usize,
    /// Written, still there, and never arrived.
    missing: usize,
    /// Arrived and never written.
    foreign: usize,
    /// Destroyed by the writer before they arrived.
    destroyed: usize,
    /// Arrived again: the same event with the same id.
    repeats: usize,
    spooled: u64,
}

impl Verdict {
    fn is_exact(&self) -> bool {
        self.missing == 0
            && self.foreign == 0
            && self.arrived + self.destroyed == self.written
            && self.arrived > 0
    }

    fn add(&mut self, other: &Self) {
        self.upheavals += other.upheavals;
        self.process_kills += other.process_kills;
        self.written += other.written;
        self.arrived += other.arrived;
        self.missing += other.missing;
        self.foreign += other.foreign;
        self.destroyed += other.destroyed;
        self.repeats += other.repeats;
        self.spooled += other.spooled;
    }

    fn to_json(&self, seed: u64) -> String {
        let Self {
            upheavals,
            process_kills,
            written,
            arrived,
            missing,
            foreign,
            destroyed,
            repeats,
            spooled,
        } = self;
        let exact = self.is_exact();
        serde_json::json!({
            "name": "follow", "seed": seed, "upheavals": upheavals,
            "process_kills": process_kills, "written": written, "arrived": arrived,
            "missing": missing, "foreign": foreign, "destroyed_by_writer": destroyed,
            "repeats": repeats, "spooled": spooled, "exact": exact,
        })
        .to_string()
    }
}

#[test]
fn two_hundred_upheavals_lose_and_invent_nothing() {
    let verdict = Life::new(1).live_through(200);
    assert!(verdict.is_exact(), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_again_and_again_loses_and_invents_nothing() {
    let verdict = live_through_kills(1, 4).await;
    assert!(verdict.is_exact(), "{verdict:?}");
}

/// `./run soak follow`: at least a thousand upheavals, then more of other seeds
/// for as many minutes as wished. The ledger goes to `KBWATCH_SOAK_LEDGER`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: ./run soak follow"]
async fn a_thousand_upheavals_lose_and_invent_nothing() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seed = number("KBWATCH_SOAK_SEED").unwrap_or(1);
    let minutes = number("KBWATCH_SOAK_MINUTES").unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(60 * minutes);
    let mut total = Verdict::default();
    let mut round = 0;
    while round == 0 || (Instant::now() < deadline && total.is_exact()) {
        let seed = seed.wrapping_add(round);
        let life = tokio::task::spawn_blocking(move || Life::new(seed).live_through(1_000));
        total.add(&life.await.unwrap());
        total.add(&live_through_kills(seed, 40).await);
        round += 1;
    }
    let ledger = total.to_json(seed);
    if let Ok(path) = std::env::var("KBWATCH_SOAK_LEDGER") {
        std::fs::write(path, &ledger).unwrap();
    }
    assert!(total.is_exact(), "{ledger}");
}
