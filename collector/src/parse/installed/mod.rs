//! Lists of installed updates: `wmic qfe`, `Get-HotFix`, `systeminfo`, in any
//! code page and language.
//!
//! A list has no times. An entry's identity is its KB and the date it prints,
//! not the line: the columns of these tables change width with their content.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase};

use super::encoding::console_text;
use super::kind::FileKind;
use super::report::{Report, put};
use super::scan;
use super::split::Line;

/// Grammar of one list.
pub(crate) struct InstalledGrammar {
    kind: FileKind,
    /// Where the column of dates begins, in characters.
    date_column: Option<usize>,
}

impl InstalledGrammar {
    pub(crate) fn new(kind: FileKind) -> Self {
        Self {
            kind,
            date_column: None,
        }
    }

    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        report.counts.records += 1;
        let text = console_text(line.text);
        if let Some(at) = text.find("InstalledOn") {
            self.date_column = text.find("HotFixID").map(|_| text[..at].chars().count());
            if self.date_column.is_some() {
                return;
            }
        }
        if self.kind == FileKind::Systeminfo {
            machine_line(&text, line.number, report);
            return;
        }
        if let Some(kb) = scan::kb(text.as_bytes()) {
            let date = self.date_of(&text).unwrap_or_default();
            tell_installed(&kb, &date, line.number, report);
        }
    }

    /// The date in its column, digits and separators only.
    fn date_of(&self, text: &str) -> Option<String> {
        let cell: String = text.chars().skip(self.date_column?).collect();
        let word = cell.split_whitespace().next()?;
        let sound = word.bytes().any(|byte| byte.is_ascii_digit())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'.'));
        sound.then(|| word.to_owned())
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(self.date_column).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.date_column = serde_json::from_value(memory).unwrap_or_default();
    }
}

/// A line of `systeminfo`: labels are localised, so values decide.
fn machine_line(text: &str, number: u64, report: &mut Report<'_>) {
    let trimmed = text.trim();
    if let Some(entry) = trimmed.strip_prefix('[') {
        let listed = entry.split_once("]: ").map(|(_, value)| value.trim());
        if let Some(value) = listed.filter(|value| value.starts_with("KB"))
            && let Some(kb) = scan::kb(value.as_bytes())
        {
            tell_installed(&kb, "", number, report);
        }
        return;
    }
    let Some((_, value)) = trimmed.split_once([':', '：']) else {
        return;
    };
    let value = value.trim();
    if number <= 3 && is_host_name(value) {
        tell_fact("host", value, number, report);
    } else if is_system_name(value) {
        tell_fact("os", value, number, report);
    } else if let Some(build) = os_build(value) {
        tell_fact("os_build", build, number, report);
    }
}

/// `Microsoft Windows 10 Pro`, in the letters of any language.
fn is_system_name(value: &str) -> bool {
    let makers = ["Microsoft ", "Microsoft® ", "Microsoft(R) ", "Майкрософт "];
    let name = makers.iter().find_map(|maker| value.strip_prefix(maker));
    name.is_some_and(|name| name.starts_with("Windows"))
}

fn is_host_name(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 63
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Build in `10.0.17763 N/A Build 17763`, whatever stands for `N/A`.
fn os_build(value: &str) -> Option<&str> {
    let version = value.split_whitespace().next()?;
    let mut parts = version.split('.');
    let build = parts.nth(2)?;
    let sound = parts.next().is_none()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && build.len() >= 4
        && value.trim_end().ends_with(build)
        && value.len() > version.len();
    sound.then_some(build)
}

fn tell_installed(kb: &str, date: &str, number: u64, report: &mut Report<'_>) {
    let mut event = list_event(kb, date, EventResult::Installed, number, report);
    kb.clone_into(&mut event.kb);
    put(&mut event, "installed_on", date.to_owned());
    report.tell(event);
}

fn tell_fact(name: &str, value: &str, number: u64, report: &mut Report<'_>) {
    let mut event = list_event(name, value, EventResult::Info, number, report);
    put(&mut event, name.to_owned(), value.to_owned());
    report.tell(event);
}

fn list_event(
    head: &str,
    row: &str,
    result: EventResult,
    number: u64,
    report: &Report<'_>,
) -> UpdateEvent {
    let mut event = report.blank(Phase::Inventory, result);
    event.event_id = EventId::of_text(
        &report.origin.device_id,
        report.source_kind,
        head.as_bytes(),
        row.as_bytes(),
    );
    event.position = number;
    format!("{head} {row}")
        .trim_end()
        .clone_into(&mut event.evidence);
    event
}

/// Kind that a line of a list gives away.
pub(crate) fn kind_of_line(line: &[u8]) -> Option<FileKind> {
    let text = line.trim_ascii();
    if scan::contains(text, b"HotFixID") {
        let get_hotfix = text.starts_with(b"Source ") || text.starts_with(b"HotFixID");
        return Some(if get_hotfix {
            FileKind::GetHotfix
        } else {
            FileKind::WmicQfe
        });
    }
    let value = &text[memchr::memchr(b':', text)? + 1..];
    let value = console_text(value.trim_ascii());
    if is_system_name(&value) || os_build(&value).is_some() {
        return Some(FileKind::Systeminfo);
    }
    let entry = text.starts_with(b"[") && value.starts_with("KB");
    (entry && scan::kb(value.as_bytes()).is_some()).then_some(FileKind::Systeminfo)
}

#[cfg(test)]
mod tests {
    use super::{is_system_name, os_build};

    #[test]
    fn the_system_is_named_in_the_letters_of_any_language() {
        assert!(is_system_name("Microsoft Windows 10 企业版 LTSC"));
        assert!(is_system_name("Майкрософт Windows 10 Pro"));
        assert!(is_system_name("Microsoft® Windows Server® 2008 Standard"));
        assert!(!is_system_name("Microsoft Corporation"));
        assert_eq!(os_build("10.0.17763 Н/Д построение 17763"), Some("17763"));
    }
}
