//! Grows a log from excerpts: their records, over and over, a day apart.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::ToSpan;
use jiff::civil::Date;

use crate::Failure;

/// Writes at least this many bytes; says what they were made from.
pub(super) fn grow(path: &Path, bytes: u64, seed: u64) -> Result<&'static str, Failure> {
    let (folder, source) = folder();
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("cbs_") && name.ends_with(".log") {
            logs.push((name.into_owned(), std::fs::read(&path)?));
        }
    }
    logs.sort();
    if logs.is_empty() {
        return Err("no excerpt of a CBS.log".into());
    }
    let mut out = BufWriter::new(File::create(path)?);
    let mut date = Date::constant(1990, 1, 1);
    let mut written = 0;
    let mut at = usize::try_from(seed).unwrap_or(0);
    while written < bytes {
        let (_, log) = &logs[at % logs.len()];
        written += copy(log, date, &mut out)?;
        date = next_day(date);
        at += 1;
    }
    out.flush()?;
    Ok(source)
}

/// Real excerpts where they are at hand, else the parser's own look-alikes.
fn folder() -> (PathBuf, &'static str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("KBWATCH_CORPUS").map(PathBuf::from);
    let beside = root.join("../shared/corpus");
    named
        .into_iter()
        .chain([beside])
        .find(|folder| folder.is_dir())
        .map_or_else(
            || (root.join("collector/tests/fixtures"), "look-alikes"),
            |folder| (folder, "real excerpts"),
        )
}

fn next_day(date: Date) -> Date {
    date.checked_add(1.day())
        .unwrap_or(Date::constant(1990, 1, 1))
}

/// Copies an excerpt with all its records on one day.
fn copy(log: &[u8], date: Date, out: &mut impl Write) -> io::Result<u64> {
    let day = date.to_string();
    let log = log.strip_prefix(b"\xef\xbb\xbf").unwrap_or(log);
    let mut written = 0;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let stamped = line.len() > 20 && line[10] == b' ' && line[19] == b',';
        let rest = if stamped {
            out.write_all(day.as_bytes())?;
            written += day.len() as u64;
            &line[10..]
        } else {
            line
        };
        out.write_all(rest)?;
        written += rest.len() as u64;
        if !line.ends_with(b"\n") {
            out.write_all(b"\r\n")?;
            written += 2;
        }
    }
    Ok(written)
}
