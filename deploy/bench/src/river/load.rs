//! The logs that are sent down the river: CBS.log with one verdict in five
//! lines, each a different event.

use std::path::{Path, PathBuf};

use crate::Failure;

/// Lines that say nothing about an update, per line that does.
const QUIET_LINES: usize = 4;

/// Lines for this many events, from this number on.
pub(crate) fn lines(seed: u64, device: u32, first: u32, events: u32) -> String {
    let now = jiff::Zoned::now();
    let stamp = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    (first..first + events)
        .map(|number| quiet_lines(&stamp, number) + &verdict(&stamp, seed, device, number))
        .collect()
}

fn quiet_lines(stamp: &str, number: u32) -> String {
    std::array::from_fn::<_, QUIET_LINES, _>(|quiet| {
        format!(
            "{stamp}, Info                  CBS    Appl: Evaluating package applicability, \
             step {quiet} of {number}, package state is staged and unchanged\r\n"
        )
    })
    .concat()
}

fn verdict(stamp: &str, seed: u64, device: u32, number: u32) -> String {
    format!(
        "{stamp}, Info                  CBS    Exec: Processing complete.  \
         Session: {}_{}, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.{}, \
         Identifier: KB5022286 [HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n",
        31_000_000 + seed % 1000,
        u64::from(device) * 10_000_000 + u64::from(number),
        number % 9 + 1,
    )
}

/// Lines per event.
pub(crate) const LINES_PER_EVENT: u64 = QUIET_LINES as u64 + 1;

/// Where a device's log lies.
pub(crate) fn log_of(folder: &Path, device: u32) -> PathBuf {
    folder.join(format!("bench-{device}")).join("CBS.log")
}

/// Appends to a device's log as servicing would.
pub(crate) fn append(folder: &Path, device: u32, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let log = log_of(folder, device);
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
