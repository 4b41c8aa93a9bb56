//! The collector's real .exe on a Windows, reporting to a river on Linux.

use std::fs;

use crate::wine::executable;

mod kills;
mod locks;
mod service;
mod servicing_log;
mod world;

/// Largest .exe that is put on an endpoint.
const MAX_EXE_LEN: u64 = 10_000_000;

const DEVICE: &str = "win-1";

#[test]
fn the_exe_is_small() {
    // Where there is none, the other tests say so.
    if let Ok(found) = fs::metadata(executable()) {
        assert!(found.len() <= MAX_EXE_LEN, "{} bytes", found.len());
    }
}
