//! A large CBS.log: ours parses it, the rival reads its lines. Beside them, as a
//! figure, what it costs to read the file and count its line ends.
//!
//! Excerpts were cut out around what went wrong: one line in eight tells an
//! event. On most days of a device hardly any line does, hence a second log of
//! such days. Each run is a process of its own, so that its CPU and its memory
//! are its.

mod excerpts;
mod ordinary;
mod run;

use std::path::Path;

pub(crate) use run::run_if_asked;

use crate::Failure;
use crate::report::{Pair, Report, median};
use run::{Measured, Work};

/// Size of the log.
const LOG_BYTES: u32 = 500_000_000;

const PAIRS: usize = 5;

/// Largest acceptable and wished-for ratio.
const FLOOR: f64 = 6.0;
const AIM: f64 = 3.0;

/// Largest resident size of the parser, MiB.
const RSS_LIMIT: f64 = 24.0;

/// Grows the logs, one after the other, and measures both on them.
pub(crate) fn measure(seed: u64) -> Result<Vec<Report>, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("CBS.log");
    let source = excerpts::grow(&path, u64::from(LOG_BYTES), seed)?;
    let excerpts = compare(&path, format!("500 MB CBS.log, {source}"))?;
    ordinary::grow(&path, u64::from(LOG_BYTES), seed)?;
    let ordinary = compare(&path, "500 MB of ordinary days".to_owned())?;
    Ok(vec![excerpts, ordinary])
}

/// Ours and the rival on one log, alternately.
fn compare(path: &Path, case: String) -> Result<Report, Failure> {
    let log_bytes = f64::from(LOG_BYTES);
    let mut pairs = Vec::new();
    let (mut sizes, mut rates, mut last) = (Vec::new(), Vec::new(), None);
    let mut counted = Vec::new();
    // The first of each is not counted: it warms the cache.
    for round in 0..=PAIRS {
        let rival = run::measure(Work::Scan, path)?;
        let ours = run::measure(Work::Parse, path)?;
        let bare = run::measure(Work::Count, path)?;
        if ours.lines != rival.lines || ours.events == 0 {
            let counts = format!("{} lines parsed, {} scanned", ours.lines, rival.lines);
            return Err(format!("{counts}, {} events", ours.events).into());
        }
        if round == 0 {
            continue;
        }
        let per_line = |measured: &Measured| measured.cpu_s * 1e9 / lines_of(measured);
        counted.push(per_line(&bare));
        pairs.push(Pair {
            ours: per_line(&ours),
            rival: per_line(&rival),
            unit: "ns/line",
        });
        sizes.push(ours.peak_mib);
        rates.push(ours.cpu_s * 1e9 / log_bytes);
        last = Some(ours);
    }
    let mut report = Report::new(case, pairs, FLOOR, AIM);
    if let Some(ours) = last {
        report.lines_in = ours.lines;
        report.lines_out = ours.lines;
        let events = u32::try_from(ours.events).map_or(f64::MAX, f64::from);
        report.figures.push(("events told".to_owned(), events));
    }
    let bare = "ns/line to count line ends only".to_owned();
    report.figures.push((bare, median(&counted)));
    let peak = median(&sizes);
    report.figures.push(("CPU s/GB".to_owned(), median(&rates)));
    let limit = format!("peak RSS, MiB (limit {RSS_LIMIT})");
    report.figures.push((limit, peak));
    report.met_floor &= peak <= RSS_LIMIT;
    report.met_aim &= peak <= RSS_LIMIT;
    Ok(report)
}

fn lines_of(measured: &Measured) -> f64 {
    u32::try_from(measured.lines).map_or(f64::MAX, f64::from)
}
