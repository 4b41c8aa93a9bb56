//! One run over a log in a child process, which reports what it cost.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode};

use kbwatch_collector::parse::{FileKind, Origin, TextParser};
use serde::{Deserialize, Serialize};

use crate::{Failure, cpu};

/// First argument that makes this executable a run over a log.
const ARGUMENT: &str = "bench-parse";

/// As much as following reads at a time.
const CHUNK_LEN: usize = 64 * 1024;

/// What is done to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Every line is parsed.
    Parse,
    /// Every line is read.
    Scan,
    /// Line ends are counted, in one go: no line is found.
    Count,
}

impl Work {
    fn word(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Scan => "scan",
            Self::Count => "count",
        }
    }
}

/// What a run cost, and what it read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) lines: u64,
    pub(super) events: u64,
    pub(super) cpu_s: f64,
    pub(super) peak_mib: f64,
}

/// Runs the work in a child.
pub(super) fn measure(work: Work, path: &Path) -> Result<Measured, Failure> {
    let done = Command::new(std::env::current_exe()?)
        .args([ARGUMENT, work.word()])
        .arg(path)
        .output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("the {} run failed: {said}", work.word()).into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// Becomes a run if this process was started as one.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the parent reads it"
)]
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, work, path] = arguments.as_slice() else {
        return None;
    };
    if first != ARGUMENT {
        return None;
    }
    let run = match work.as_str() {
        "parse" => parse,
        "scan" => scan,
        _ => count,
    };
    let measured = run(Path::new(path)).and_then(|measured| Ok(serde_json::to_string(&measured)?));
    Some(match measured {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Feeds the log to the parser as following does; events are dropped as they
/// come.
fn parse(path: &Path) -> Result<Measured, Failure> {
    let origin = Origin {
        device_id: "bench".to_owned(),
        log: "CBS.log".to_owned(),
    };
    let mut parser = TextParser::new(FileKind::Cbs, origin);
    let mut told = Vec::new();
    let mut events = 0;
    each_chunk(path, |chunk| {
        parser.feed(chunk, &mut told);
        events += told.len() as u64;
        told.clear();
    })?;
    parser.finish(&mut told);
    Ok(cost(parser.counts().lines, events + told.len() as u64))
}

/// What any reader of lines pays before it looks at one: `BufRead` with the
/// same buffer, which looks for line ends with memchr.
fn scan(path: &Path) -> Result<Measured, Failure> {
    let mut file = BufReader::with_capacity(CHUNK_LEN, File::open(path)?);
    let (mut line, mut lines) = (Vec::new(), 0);
    while file.read_until(b'\n', &mut line)? > 0 {
        lines += 1;
        line.clear();
    }
    Ok(cost(lines, 0))
}

fn count(path: &Path) -> Result<Measured, Failure> {
    let mut lines = 0;
    each_chunk(path, |chunk| {
        lines += memchr::memchr_iter(b'\n', chunk).count() as u64;
    })?;
    Ok(cost(lines, 0))
}

fn each_chunk(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK_LEN];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        take(&chunk[..length]);
    }
}

fn cost(lines: u64, events: u64) -> Measured {
    Measured {
        lines,
        events,
        cpu_s: cpu::fine_seconds(std::process::id()),
        peak_mib: cpu::peak_mib(),
    }
}
