//! Gates: how often the analyzer is right, beside simple rivals on the same
//! cases, each with the floor that it must keep.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::report::commit;
use crate::{Failure, cpu};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One measure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Gate {
    pub(crate) measure: String,
    pub(crate) better: Better,
    pub(crate) ours: f64,
    /// 95 % interval over the cases.
    pub(crate) interval: (f64, f64),
    /// The same measure for each rival.
    pub(crate) rivals: Vec<(&'static str, f64)>,
    pub(crate) floor: f64,
    pub(crate) aim: f64,
    pub(crate) cases: usize,
}

impl Gate {
    fn meets(&self, limit: f64) -> bool {
        match self.better {
            Better::Higher => self.ours >= limit,
            Better::Lower => self.ours <= limit,
        }
    }

    /// `None` where no case told: nothing was met, and nothing missed.
    pub(crate) fn met_floor(&self) -> Option<bool> {
        (self.cases > 0).then(|| self.meets(self.floor))
    }

    fn met_aim(&self) -> Option<bool> {
        (self.cases > 0).then(|| self.meets(self.aim))
    }

    fn line(&self) -> String {
        let rivals = self.rivals.iter();
        let rivals: Vec<String> = rivals
            .map(|(name, value)| format!("{name} {value:.3}"))
            .collect();
        let Some(met) = self.met_floor() else {
            return format!("{:<34} no case", self.measure);
        };
        format!(
            "{:<34} {:>8.3} {:>7.3}–{:<7.3} {:>2}{:<7.3} {:>7.3} {:>6} {:>6}   {}",
            self.measure,
            self.ours,
            self.interval.0,
            self.interval.1,
            if self.better == Better::Higher {
                "≥"
            } else {
                "≤"
            },
            self.floor,
            self.aim,
            if met { "yes" } else { "MISSED" },
            self.cases,
            rivals.join(", "),
        )
    }
}

/// 95 % interval of `hits ÷ cases`, after Wilson.
pub(crate) fn share_interval(hits: f64, cases: f64) -> (f64, f64) {
    if cases <= 0.0 {
        return (0.0, 1.0);
    }
    let (z2, p) = (3.841, hits / cases);
    let centre = (p + z2 / (2.0 * cases)) / (1.0 + z2 / cases);
    let root = (p * (1.0 - p) / cases + z2 / (4.0 * cases * cases))
        .max(0.0)
        .sqrt();
    let half = 1.96 / (1.0 + z2 / cases) * root;
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Right, wrong and missed answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) right: u32,
    pub(crate) wrong: u32,
    pub(crate) missed: u32,
}

impl Hits {
    /// Adds what was said where `truth` was to be said.
    pub(crate) fn add<T: Ord>(
        &mut self,
        said: &std::collections::BTreeSet<T>,
        truth: &std::collections::BTreeSet<T>,
    ) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.right += count(said.intersection(truth).count());
        self.wrong += count(said.difference(truth).count());
        self.missed += count(truth.difference(said).count());
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }

    /// Harmonic mean of precision and recall; 1 where there was nothing to say
    /// and nothing was said.
    pub(crate) fn f1(self) -> f64 {
        let [right, wrong, missed] = [self.right, self.wrong, self.missed].map(f64::from);
        let all = 2.0 * right + wrong + missed;
        if all > 0.0 { 2.0 * right / all } else { 1.0 }
    }

    /// Interval of F1 as of a share among twice the right and the errors.
    pub(crate) fn f1_interval(self) -> (f64, f64) {
        let [right, wrong, missed] = [self.right, self.wrong, self.missed].map(f64::from);
        share_interval(right, right + f64::midpoint(wrong, missed))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    commit: String,
    cpu: String,
    seed: u64,
    gates: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    gate: &'a Gate,
    met_floor: Option<bool>,
    met_aim: Option<bool>,
}

/// Prints the table and writes `target/bench/NAME.json`; says whether every
/// floor was met for which there was a case, and whether there was any.
#[expect(clippy::print_stdout, reason = "the table that was asked for")]
pub(crate) fn publish(name: &str, seed: u64, gates: &[Gate]) -> Result<bool, Failure> {
    println!(
        "{name:<34} {:>8} {:>15} {:>9} {:>7} {:>6} {:>6}   rivals (seed {seed})",
        "ours", "95 %", "floor", "aim", "met", "cases"
    );
    for gate in gates {
        println!("{}", gate.line());
    }
    let row = |gate| Row {
        gate,
        met_floor: gate.met_floor(),
        met_aim: gate.met_aim(),
    };
    let document = Document {
        name,
        commit: commit(),
        cpu: cpu::model(),
        seed,
        gates: gates.iter().map(row).collect(),
    };
    let folder = Path::new("target/bench");
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.json"));
    fs::write(path, serde_json::to_vec_pretty(&document)?)?;
    Ok(all_met(gates))
}

/// Whether there was a case, and no floor was missed.
fn all_met(gates: &[Gate]) -> bool {
    let met: Vec<bool> = gates.iter().filter_map(Gate::met_floor).collect();
    !met.is_empty() && met.into_iter().all(|met| met)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_gate_without_a_case_is_neither_met_nor_missed() {
        let gate = |ours, cases| Gate {
            measure: "calls".to_owned(),
            better: Better::Higher,
            ours,
            interval: (0.0, 1.0),
            rivals: Vec::new(),
            floor: 0.9,
            aim: 1.0,
            cases,
        };
        assert!(gate(1.0, 0).line().ends_with("no case"));
        assert!(!all_met(&[gate(1.0, 0)]));
        assert!(all_met(&[gate(1.0, 0), gate(0.95, 3)]));
        assert!(!all_met(&[gate(1.0, 0), gate(0.5, 3)]));
    }

    #[test]
    fn a_superfluous_answer_costs_precision_and_a_missing_one_recall() {
        let mut hits = Hits::default();
        hits.add(&BTreeSet::from([1, 2]), &BTreeSet::from([1]));
        hits.add(&BTreeSet::new(), &BTreeSet::from([1]));
        assert_eq!((hits.right, hits.wrong, hits.missed), (1, 1, 1));
        assert!((hits.f1() - 0.5).abs() < 1e-12);
    }
}
