//! An event log: ours reads the events that matter out of it, from its first
//! record on as it would from any other; the rival is the evtx crate writing
//! every record as XML, which is what `evtx_dump` does on one thread.
//!
//! The log is a real one and no part of the project: without it the benchmark
//! says so and measures nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use kbwatch_collector::parse;

use crate::report::{Pair, Report};
use crate::{Failure, cpu};

const PAIRS: usize = 5;

/// CPU seconds that either side takes at least in a measured run: one reading
/// takes milliseconds, and what else the machine does is as much.
const MEASURED_S: f64 = 2.0;

/// Largest acceptable and wished-for ratio of CPU: 0.8 and 1.5 times the
/// rival's speed.
const FLOOR: f64 = 1.25;
const AIM: f64 = 0.667;

/// Measures both on the first event log of the excerpts.
pub(crate) fn measure() -> Result<Vec<Report>, Failure> {
    let Some(path) = log() else {
        say("SKIPPED: no event log at KBWATCH_CORPUS or ../shared/corpus");
        return Ok(Vec::new());
    };
    let (records, readings) = readings_of(&path)?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let rival = timed(readings, records, || dump(&path))?;
        let ours = timed(readings, records, || read(&path))?;
        let per_record = |cpu_s: f64| cpu_s * 1e6 / f64::from(readings) / records_as_f64(records);
        pairs.push(Pair {
            ours: per_record(ours),
            rival: per_record(rival),
            unit: "µs/record",
        });
    }
    let mut report = Report::new("event log, one thread".to_owned(), pairs, FLOOR, AIM);
    report.lines_in = records * u64::from(readings);
    report.lines_out = report.lines_in;
    Ok(vec![report])
}

#[expect(clippy::print_stderr, reason = "progress of a long measurement")]
fn say(text: &str) {
    eprintln!("bench: {text}");
}

fn records_as_f64(records: u64) -> f64 {
    u32::try_from(records).map_or(f64::MAX, f64::from)
}

fn log() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let named = std::env::var_os("KBWATCH_CORPUS").map(PathBuf::from);
    let folders = named.into_iter().chain([beside]);
    folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "evtx"))
}

/// Records of the log, and how many readings in a row take the faster side as
/// long as a run is to be. The cache is warm after them.
fn readings_of(path: &Path) -> Result<(u64, u32), Failure> {
    let records = dump(path)?;
    if records == 0 {
        return Err("no record in the event log".into());
    }
    let mut readings = 1;
    loop {
        let rival = timed(readings, records, || dump(path))?;
        let ours = timed(readings, records, || read(path))?;
        if rival.min(ours) >= MEASURED_S {
            return Ok((records, readings));
        }
        readings *= 2;
    }
}

/// CPU of so many readings, each of which finds so many records.
fn timed(
    readings: u32,
    records: u64,
    mut read: impl FnMut() -> Result<u64, Failure>,
) -> Result<f64, Failure> {
    let before = cpu::fine_seconds(std::process::id());
    for _ in 0..readings {
        let found = read()?;
        if found != records {
            return Err(format!("{found} records read of {records}").into());
        }
    }
    Ok(cpu::fine_seconds(std::process::id()) - before)
}

fn read(path: &Path) -> Result<u64, Failure> {
    let parsed = parse::parse_event_log(path, "bench", 1)?;
    Ok(parsed.counts.lines)
}

fn dump(path: &Path) -> Result<u64, Failure> {
    let settings = evtx::ParserSettings::new().num_threads(1);
    let mut parser = evtx::EvtxParser::from_path(path)?.with_configuration(settings);
    let mut out = std::io::sink();
    let mut records = 0;
    for record in parser.records() {
        records += 1;
        if let Ok(record) = record {
            out.write_all(record.data.as_bytes())?;
        }
    }
    Ok(records)
}
