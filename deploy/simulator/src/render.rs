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
            if let Some(old) = rendered.files.remove(CBS_LOG) {
                rendered.files.insert(archive, old);
                printer.begin_file(CBS_LOG);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Breaks, PlanConfig};
    use crate::scenario::demo;
    use crate::story::session_id;

    fn plan() -> FleetPlan {
        demo(PlanConfig {
            devices: 400,
            seed: 3,
            now_ms: 1_790_000_000_000,
            live_ms: 60_000,
        })
    }

    fn text(rendered: &Rendered, file: &str) -> String {
        String::from_utf8(rendered.files[file].clone()).unwrap()
    }

    #[test]
    fn a_log_begins_with_a_mark_and_its_records_end_with_cr_lf() {
        let plan = plan();
        let rendered = render(&plan, &plan.devices[0]);
        let log = text(&rendered, CBS_LOG);
        assert!(log.starts_with('\u{feff}'));
        assert_eq!(log.matches('\u{feff}').count(), 1);
        assert!(log.ends_with("\r\n"));
        assert!((60..400).contains(&log.lines().count()));
    }

    #[test]
    fn a_hash_mismatch_goes_on_after_a_bare_line_feed() {
        let plan = plan();
        let failing = plan.devices.iter().find(|device| {
            device.attempts.iter().any(|attempt| {
                matches!(
                    attempt.fate,
                    Fate::Failed {
                        breaks: Breaks::Hydration,
                        ..
                    }
                ) && attempt.ended_at_ms < plan.config.now_ms
            })
        });
        let log = text(&render(&plan, failing.unwrap()), CBS_LOG);
        assert!(log.contains("' do not match.\n Expected: {l:32 ml:33 b:"));
        assert!(log.contains("[HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]\r\n"));
    }

    #[test]
    fn a_rotated_log_is_kept_under_the_time_of_its_rotation() {
        let plan = plan();
        let rotated = plan
            .devices
            .iter()
            .map(|device| render(&plan, device))
            .find(|rendered| {
                rendered
                    .files
                    .keys()
                    .any(|name| name.starts_with("CbsPersist_"))
            });
        let rendered = rotated.unwrap();
        let archive = rendered
            .files
            .keys()
            .find(|name| name.starts_with("CbsPersist_"))
            .unwrap();
        assert!(text(&rendered, archive).contains("KB5021237"));
        assert!(text(&rendered, CBS_LOG).starts_with('\u{feff}'));
        assert!(!text(&rendered, CBS_LOG).contains("KB5021237"));
    }

    #[test]
    fn session_ids_are_the_moment_at_which_their_line_was_printed() {
        let plan = plan();
        let mut device = plan.devices[0].clone();
        device.clock_skew_s = 60;
        let at_ms = 1_673_395_200_000;
        let id = session_id(&device, at_ms);
        let (high, low) = id.split_once('_').unwrap();
        let ticks = (high.parse::<i64>().unwrap() << 32) | low.parse::<i64>().unwrap();
        let seconds = ticks / 10_000_000 - 11_644_473_600;
        assert_eq!(seconds, at_ms / 1_000 + 60);
    }

    #[test]
    fn what_ends_live_is_written_later_and_replaces_the_facts_last() {
        let plan = plan();
        let live = plan.devices.iter().find(|device| {
            device.attempts.iter().any(|attempt| {
                attempt.fate == Fate::Succeeded && attempt.ended_at_ms > plan.config.now_ms
            })
        });
        let rendered = render(&plan, live.unwrap());
        let before = text(&rendered, FACTS_JSON);
        assert!(before.contains("\"ubr\":\"3770\"") || before.contains("\"ubr\":\"3650\""));
        let facts = rendered
            .later
            .iter()
            .find(|write| write.file == FACTS_JSON)
            .unwrap();
        assert!(facts.replaces);
        assert!(String::from_utf8_lossy(&facts.bytes).contains("\"ubr\":\"3887\""));
        assert!(rendered.later.is_sorted_by_key(|write| write.at_ms));
    }

    #[test]
    fn nothing_that_names_a_person_is_rendered() {
        let plan = plan();
        for device in plan.devices.iter().take(40) {
            for bytes in render(&plan, device).files.values() {
                assert!(!String::from_utf8_lossy(bytes).contains(r"\Users"));
            }
        }
    }
}
