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

use kbwatch_collector::parse::{FileKind, parse_file};
use kbwatch_proto::event::UpdateEvent;

pub use findings::Findings;
pub use hand_on::HandOnError;
pub use report::{Line, Report, Section, harmless};

use crate::cli::{Drop, Lang};
use crate::stage::chain;

/// What every dropped device is called first: a dropped log must never speak
/// for a device that has a certificate.
pub(crate) const DEVICE_PREFIX: &str = kbwatch_proto::identity::DROPPED_PREFIX;

/// Most bytes of one file: a CBS.log has 50 MB, an event log may have more.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// A file could not be read, or its events not be handed on.
const EXIT_UNREADABLE: u8 = 2;

/// Reads the files and answers; returns the exit code.
pub fn run(args: &Drop) -> std::io::Result<u8> {
    let device_id = format!("{DEVICE_PREFIX}{}", args.device.to_lowercase());
    let mut events = Vec::new();
    let mut unreadable = 0;
    for file in &args.files {
        match parse(file, args.kind, &device_id) {
            Ok(parsed) => events.extend(parsed),
            Err(why) => {
                unreadable += 1;
                complain(&harmless(&why))?;
            }
        }
    }
    if unreadable == args.files.len() {
        return Ok(EXIT_UNREADABLE);
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
        Ok(None) => complain(match args.lang {
            Lang::En => "\nno river at http://127.0.0.1:8080 takes the events; name one with --to",
            Lang::Zh => "\nhttp://127.0.0.1:8080 上没有运行的服务接收这些事件；可用 --to 指定",
        })?,
        Err(error) => {
            unreadable += 1;
            complain(&harmless(&chain(&error)))?;
        }
    }
    Ok(if unreadable > 0 { EXIT_UNREADABLE } else { 0 })
}

fn complain(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "{text}")
}

/// All events of one file, without noise.
pub(crate) fn parse(
    file: &Path,
    kind: Option<FileKind>,
    device_id: &str,
) -> Result<Vec<UpdateEvent>, String> {
    let name = file.display();
    match std::fs::metadata(file) {
        Ok(found) if found.len() > MAX_FILE_BYTES => {
            return Err(format!("{name} is larger than 1 GiB: cut it first"));
        }
        Ok(found) if found.is_dir() => return Err(format!("{name} is a folder: name its files")),
        Ok(found) if found.len() == 0 => return Err(format!("{name} is empty")),
        Ok(_) => {}
        Err(error) => return Err(format!("{name}: {error}")),
    }
    parse_file(file, kind, device_id)
        .map(|parsed| parsed.events)
        .map_err(|error| chain(&error))
}
