//! `kbwatch drop`: read the files, say what they tell, hand the events on.

mod advice;
mod findings;
mod hand_on;
pub(crate) mod inlet;
pub(crate) mod page;
mod report;
mod same;
mod sentences;
mod upload;

use std::io::Write;
use std::path::Path;

use kbwatch_collector::parse::parse_file;
use kbwatch_proto::event::UpdateEvent;

pub use findings::Findings;
pub use hand_on::HandOnError;
pub use report::{Line, Report, Section, harmless};

use crate::cli::{Drop, Lang};
use crate::stage::chain;

/// What every dropped device is called first: a dropped log must never speak
/// for a device that has a certificate.
pub(crate) const DEVICE_PREFIX: &str = "dropped-";

/// Most bytes of one file: a CBS.log has 50 MB, an event log may have more.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// Reads the files and answers; returns the exit code.
pub fn run(args: &Drop) -> std::io::Result<u8> {
    let device_id = format!("{DEVICE_PREFIX}{}", args.device.to_lowercase());
    let mut events = Vec::new();
    let mut unreadable = false;
    for file in &args.files {
        match parse(file, &device_id) {
            Ok(parsed) => events.extend(parsed),
            Err(why) => {
                unreadable = true;
                complain(&harmless(&why))?;
            }
        }
    }
    let report = Report::of(&Findings::gather(&events), args.lang);
    std::io::stdout().write_all(report.to_text().as_bytes())?;
    let handed_on = hand_on::hand_on(args.to.as_deref(), &device_id, events);
    match handed_on {
        Ok(Some(told)) => complain(&match args.lang {
            Lang::En => format!(
                "\n{} events handed on to the river at {}: {}/devices/{device_id}",
                told.events, told.url, told.url
            ),
            Lang::Zh => format!(
                "\n已把 {} 条事件交给 {} 上的服务：{}/devices/{device_id}",
                told.events, told.url, told.url
            ),
        })?,
        Ok(None) => {}
        Err(error) => {
            unreadable = true;
            complain(&harmless(&chain(&error)))?;
        }
    }
    Ok(if unreadable { 2 } else { 0 })
}

fn complain(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "{text}")
}

/// All events of one file, without noise.
pub(crate) fn parse(file: &Path, device_id: &str) -> Result<Vec<UpdateEvent>, String> {
    let name = file.display();
    match std::fs::metadata(file) {
        Ok(found) if found.len() > MAX_FILE_BYTES => {
            return Err(format!("{name} is larger than 1 GiB: cut it first"));
        }
        Ok(found) if found.is_dir() => return Err(format!("{name} is a folder: name its files")),
        Ok(_) => {}
        Err(error) => return Err(format!("{name}: {error}")),
    }
    parse_file(file, None, device_id)
        .map(|parsed| parsed.events)
        .map_err(|error| format!("{name}: {}", chain(&error)))
}
