//! Turns what a device's logs tell into the bytes of its files.
//!
//! Each device has one folder: `CBS.log` with its archives, `events.xml`,
//! `qfe.txt`, `facts.json` and, on some, `dism.log`. What lies in the future
//! of the plan comes out as writes to be made when their time has come.

pub mod clock;
mod lists;
mod text;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use self::clock::Clock;
use self::text::Printer;
use crate::plan::{DevicePlan, Fate, FleetPlan};
use crate::story::{Expected, What, tell};

/// The live log of component-based servicing.
pub const CBS_LOG: &str = "CBS.log";
/// Records of all channels, one after another.
pub const EVENTS_XML: &str = "events.xml";
/// Installed updates.
pub const QFE_TXT: &str = "qfe.txt";
/// Facts, a JSON object of strings.
pub const FACTS_JSON: &str = "facts.json";
/// Log of the image tool.
pub const DISM_LOG: &str = "dism.log";

/// A write to be made later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterWrite {
    /// When, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// File in the device's folder.
    pub file: String,
    /// What to write.
    pub bytes: Vec<u8>,
    /// Replaces the file instead of being appended to it.
    pub replaces: bool,
}

/// The files of one device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    /// Contents by file name, as of the plan's `now_ms`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// In time order.
    pub later: Vec<LaterWrite>,
    /// What must be read out of all of it, text and events.
    pub expected: Vec<Expected>,
}

impl Rendered {
    /// Writes the files as of the plan's `now_ms` into a folder of their own.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, bytes) in &self.files {
            std::fs::write(folder.join(name), bytes)?;
        }
        Ok(())
    }
}

impl LaterWrite {
    /// Does the write; a replacement appears whole or not at all.
    pub fn apply(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(&self.file);
        if self.replaces {
            let whole = folder.join(format!("{}.new", self.file));
            std::fs::write(&whole, &self.bytes)?;
            return std::fs::rename(whole, path);
        }
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        file.write_all(&self.bytes)
    }
}

/// Renders everything that one device writes.
pub fn render(plan: &FleetPlan, device: &DevicePlan) -> Rendered {
    let now = plan.config.now_ms;
    let mut rendered = Rendered::default();
    let mut printer = Printer::new(device);
    for telling in tell(plan, device) {
        rendered.expected.extend(telling.expected);
        if telling.what == What::Rotate {
            let archive = format!(
                "CbsPersist_{}.log",
                Clock::of(device).archive(telling.at_ms)
            );
            let old = rendered.files.remove(CBS_LOG).unwrap_or_default();
            rendered.files.insert(archive, old);
            printer.begin_file(CBS_LOG);
            continue;
        }
        let Some((file, bytes)) = printer.print(telling.at_ms, &telling.what) else {
            continue;
        };
        if telling.at_ms <= now {
            let content = rendered.files.entry(file.to_owned()).or_default();
            content.extend_from_slice(&bytes);
        } else {
            rendered.later.push(LaterWrite {
                at_ms: telling.at_ms,
                file: file.to_owned(),
                bytes,
                replaces: false,
            });
        }
    }
    render_lists(plan, device, &mut rendered);
    rendered
}

fn render_lists(plan: &FleetPlan, device: &DevicePlan, rendered: &mut Rendered) {
    let now = plan.config.now_ms;
    let mut put = |at_ms: i64, file: &str, bytes: Vec<u8>| {
        if at_ms <= now {
            rendered.files.insert(file.to_owned(), bytes);
        } else {
            rendered.later.push(LaterWrite {
                at_ms,
                file: file.to_owned(),
                bytes,
                replaces: true,
            });
        }
    };
    put(now, QFE_TXT, lists::qfe(device, now, now));
    put(now, FACTS_JSON, lists::facts(device, now));
    let live = device
        .attempts
        .iter()
        .filter(|attempt| attempt.ended_at_ms > now && attempt.fate == Fate::Succeeded);
    for attempt in live {
        let end = attempt.ended_at_ms;
        put(end, QFE_TXT, lists::qfe(device, now, end));
        put(end, FACTS_JSON, lists::facts(device, end));
    }
    rendered
        .expected
        .extend(lists::expected(device, plan.config.now_ms));
    rendered.later.sort_by_key(|write| write.at_ms);
}
