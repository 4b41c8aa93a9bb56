//! One collector with a long log behind it: tail, parse, pack and send to a
//! gateway that acknowledges, against reading the same bytes and looking for
//! line ends.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::report::{Pair, Report, median};
use crate::{Failure, cpu};

use self::gateway::Acknowledging;
use self::process::CollectorProcess;

mod day;
pub(crate) mod footprint;
mod gateway;
pub(crate) mod log;
mod process;

/// Pairs, ours and the rival's in turn.
const PAIRS: usize = 5;

/// Bytes of the log that is read.
const LOG_LEN: u64 = 256 * 1024 * 1024;

/// Times the rival reads the log, so that its CPU seconds can be told from
/// none: the clock ticks a hundred times a second.
const SCANS: u32 = 10;

/// Times as much CPU as the bare scan that is acceptable, and wished for.
const FLOOR: f64 = 20.0;
const AIM: f64 = 10.0;

/// Measures; the log is made anew from the seed.
pub(crate) fn measure(seed: u64) -> Result<Vec<Report>, Failure> {
    let folder = tempfile::tempdir()?;
    let written = write_log(&folder.path().join("CBS.log"), seed)?;
    let logs = [folder.path().join("CBS.log")];
    let gateway = Acknowledging::start()?;
    let gigabytes = number(written.bytes) / 1e9;
    let (mut pairs, mut rss, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    let mut arrived = 0;
    for _ in 0..PAIRS {
        let scanned: Result<f64, Failure> =
            (0..SCANS).map(|_| crate::river::limits::scan(&logs)).sum();
        let rival = scanned? / f64::from(SCANS);
        let (ours, run) = collect(folder.path(), &gateway)?;
        if run.events != written.events {
            let (found, expected) = (run.events, written.events);
            return Err(format!("{found} of {expected} events arrived").into());
        }
        arrived = run.events;
        rss.push(number(run.peak_rss_kib) / 1024.0);
        sent.push(number(run.bytes));
        pairs.push(Pair {
            ours: ours / gigabytes,
            rival: rival / gigabytes,
            unit: "CPU s/GB",
        });
    }
    let mut report = Report::new("256 MiB behind".to_owned(), pairs, FLOOR, AIM);
    report.lines_in = written.events;
    report.lines_out = arrived;
    report.figures = vec![
        ("peak RSS, MiB".to_owned(), median(&rss)),
        ("bytes sent".to_owned(), median(&sent)),
        (
            "bytes sent per event".to_owned(),
            median(&sent) / number(written.events),
        ),
        ("log lines".to_owned(), number(written.lines)),
    ];
    Ok(vec![report])
}

/// What one run of the collector cost and gave.
struct Run {
    events: u64,
    bytes: u64,
    peak_rss_kib: u64,
}

/// Lets a fresh collector catch up; CPU seconds of its process.
fn collect(folder: &Path, gateway: &Acknowledging) -> Result<(f64, Run), Failure> {
    let state = folder.join("state");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    gateway.forget();
    let before = cpu::waited_for();
    let process = CollectorProcess::start(folder, gateway.port(), &["--once"])?;
    let peak_rss_kib = process.watch_to_its_end()?;
    let ours = cpu::waited_for() - before;
    let (events, bytes) = gateway.taken();
    let run = Run {
        events,
        bytes,
        peak_rss_kib,
    };
    Ok((ours, run))
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark lie far below 2^53"
)]
fn number(count: u64) -> f64 {
    count as f64
}

/// What the log holds.
struct Written {
    bytes: u64,
    lines: u64,
    events: u64,
}

fn write_log(path: &Path, seed: u64) -> Result<Written, Failure> {
    let mut out = BufWriter::new(File::create(path)?);
    let (mut bytes, mut lines) = (0, 0);
    let mut session = 0;
    while bytes < LOG_LEN {
        let text = log::session(seed, session);
        bytes += text.len() as u64;
        lines += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        out.write_all(text.as_bytes())?;
        session += 1;
    }
    out.into_inner()?.sync_all()?;
    let parsed = kbwatch_collector::parse::parse_file(path, None, process::DEVICE)?;
    Ok(Written {
        bytes,
        lines,
        events: parsed.events.len() as u64,
    })
}
