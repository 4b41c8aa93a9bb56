//! Did it work? What is said of cures, against what was planted.

use kbwatch_analyzer::view::{Cure, View};
use kbwatch_simulator::worlds::cures::{CODE, Cures, draw};

use super::play::Play;
use super::rivals::real;
use crate::gates::{Better, Gate, share_interval};

/// Worlds that are played.
pub(super) const WORLDS: u64 = 20;

/// What was said in one world.
struct Said {
    /// Treated devices and what came of them are exactly the plan's.
    exact: bool,
    /// It is said that the cure helps.
    helps: bool,
    /// The same by comparing with every try of whoever was left alone.
    naive: bool,
}

/// Three gates over worlds in which a repair works, and does nothing.
pub(super) fn gates(first_seed: u64, worlds: u64) -> Vec<Gate> {
    let plan: Vec<u64> = (0..worlds).map(|n| first_seed + 700_000 + n).collect();
    let said = super::on_all_cores(&plan, |seed| {
        let cures = draw(*seed);
        (cures.works, said(&cures))
    });
    let of = |works: bool| {
        let of = said.iter().filter(move |(does, _)| *does == works);
        of.map(|(_, one)| one)
    };
    let share = |of: Vec<bool>| (real(of.iter().filter(|yes| **yes).count()), real(of.len()));
    let gate = |measure: &str, better, limits: (f64, f64), of: Vec<bool>, naive: Vec<bool>| {
        let ((hits, cases), (theirs, all)) = (share(of.clone()), share(naive.clone()));
        Gate {
            measure: measure.to_owned(),
            better,
            ours: hits / cases.max(1.0),
            interval: share_interval(hits, cases),
            rivals: if naive.is_empty() {
                Vec::new()
            } else {
                vec![("at any age", theirs / all)]
            },
            floor: limits.0,
            aim: limits.1,
            cases: of.len(),
        }
    };
    let exact = said.iter().map(|(_, one)| one.exact).collect();
    let helps = |works| of(works).map(|one| one.helps).collect();
    let naive = |works| of(works).map(|one| one.naive).collect();
    let (higher, lower) = (Better::Higher, Better::Lower);
    vec![
        gate(
            "cures counted exactly",
            higher,
            (0.95, 1.0),
            exact,
            Vec::new(),
        ),
        gate(
            "a cure that works is seen to",
            higher,
            (0.9, 1.0),
            helps(true),
            naive(true),
        ),
        gate(
            "a cure that does nothing is called",
            lower,
            (0.05, 0.0),
            helps(false),
            naive(false),
        ),
    ]
}

fn said(cures: &Cures) -> Said {
    let mut play = Play::begin(&cures.world);
    let view = play.play_out(|_| {});
    let cure = repair(&view, cures.kb);
    let repaired = cures.repaired.len() as u64;
    let healed = cures.repaired.iter().filter(|(_, healed)| *healed).count();
    let exact = cure.is_some_and(|cure| {
        cure.devices == repaired
            && cure.after.devices == repaired
            && (cure.after.healed - real(healed)).abs() < 0.5
    });
    let helps = cure.is_some_and(|cure| {
        let untreated = cure.untreated;
        untreated.is_some_and(|untreated| cure.after.low > untreated.high)
    });
    let naive = cure.is_some_and(|cure| cure.after.low > at_any_age(cures).1);
    Said {
        exact,
        helps,
        naive,
    }
}

fn repair<'a>(view: &'a View, kb: &str) -> Option<&'a Cure> {
    let code = format!("0x{CODE:08x}");
    let mut clusters = view.clusters.iter();
    let cluster = clusters.find(|one| one.kb == kb && one.hresult == code)?;
    let mut cures = cluster.cures.iter();
    cures.find(|cure| cure.what == "restore_health")
}

/// Share of all second and later tries that went in of those left alone.
fn at_any_age(cures: &Cures) -> (f64, f64) {
    use kbwatch_simulator::plan::Fate;
    let (mut tried, mut healed) = (0, 0);
    for (device, life) in cures.world.devices.iter().zip(&cures.world.lives) {
        if cures.repaired.iter().any(|(id, _)| *id == device.id) {
            continue;
        }
        let of_kb = life.tries.iter().filter(|one| one.kb.number == cures.kb);
        let failed = |fate| matches!(fate, Fate::Failed { hresult: CODE, .. });
        for one in of_kb.skip_while(|one| !failed(one.fate)).skip(1) {
            tried += 1;
            healed += usize::from(one.fate == Fate::Succeeded);
        }
    }
    share_interval(real(healed), real(tried))
}
