//! What a benchmark prints and leaves behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::{Failure, cpu};

/// One measurement of ours beside one of the rival, in the same unit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) rival: f64,
    pub(crate) unit: &'static str,
}

/// Spread of ours ÷ rival.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One line of a benchmark.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// What was measured, for example `direct, 100 devices`.
    pub(crate) case: String,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) ratio: Ratio,
    /// Largest ratio that is still acceptable.
    pub(crate) floor: f64,
    /// Ratio that is wished for.
    pub(crate) aim: f64,
    pub(crate) met_floor: bool,
    pub(crate) met_aim: bool,
    pub(crate) lines_in: u64,
    pub(crate) lines_out: u64,
    /// Further figures by name, medians over the runs.
    pub(crate) figures: Vec<(String, f64)>,
}

impl Report {
    pub(crate) fn new(case: String, pairs: Vec<Pair>, floor: f64, aim: f64) -> Self {
        let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ours / pair.rival).collect();
        let ratio = Ratio {
            median: median(&ratios),
            min: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            max: ratios.iter().copied().fold(0.0, f64::max),
        };
        Self {
            met_floor: ratio.median <= floor,
            met_aim: ratio.median <= aim,
            case,
            pairs,
            ratio,
            floor,
            aim,
            lines_in: 0,
            lines_out: 0,
            figures: Vec::new(),
        }
    }
}

/// Middle of the values; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Value below which this share of the values lies; 0 of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let place = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    commit: String,
    cpu: String,
    reports: &'a [Report],
}

/// The commit that is measured; empty where git is away.
pub(crate) fn commit() -> String {
    Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// Prints the table and writes `target/bench/NAME.json`; says whether every
/// floor was met.
#[expect(clippy::print_stdout, reason = "the table that was asked for")]
pub(crate) fn publish(name: &str, reports: &[Report]) -> Result<bool, Failure> {
    println!(
        "{:<26} {:>10} {:>10} {:>25} {:>7} {:>6}",
        name, "ours", "rival", "ratio (min–max)", "floor", "met"
    );
    for report in reports {
        let ours: Vec<f64> = report.pairs.iter().map(|pair| pair.ours).collect();
        let rival: Vec<f64> = report.pairs.iter().map(|pair| pair.rival).collect();
        let unit = report.pairs.first().map_or("", |pair| pair.unit);
        println!(
            "{:<26} {:>10.3} {:>10.3} {:>7.3} ({:>6.3}–{:>6.3}) {:>10.2} {:>6}   {unit}",
            report.case,
            median(&ours),
            median(&rival),
            report.ratio.median,
            report.ratio.min,
            report.ratio.max,
            report.floor,
            if report.met_floor { "yes" } else { "MISSED" },
        );
        for (figure, value) in &report.figures {
            println!("    {figure:<38} {value:>14.2}");
        }
        println!(
            "    lines in {} = lines out {}",
            report.lines_in, report.lines_out
        );
    }
    let folder = Path::new("target/bench");
    fs::create_dir_all(folder)?;
    let document = Document {
        name,
        commit: commit(),
        cpu: cpu::model(),
        reports,
    };
    fs::write(
        folder.join(format!("{name}.json")),
        serde_json::to_vec_pretty(&document)?,
    )?;
    Ok(reports.iter().all(|report| report.met_floor))
}
