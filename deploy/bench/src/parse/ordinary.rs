//! A log of days on which servicing does its rounds and little happens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Failure;
use crate::collector::log;

/// Writes at least this many bytes.
pub(super) fn grow(path: &Path, bytes: u64, seed: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut written = 0;
    for session in 0.. {
        if written >= bytes {
            break;
        }
        let text = log::session(seed, session);
        out.write_all(text.as_bytes())?;
        written += text.len() as u64;
    }
    out.flush()?;
    Ok(())
}
