//! WindowsUpdate.log of Windows 7 and 8.1: tab-separated, with the offset of
//! local time in the line that starts a process's logging.

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};
use serde::{Deserialize, Serialize};

use super::super::clock::Trust;
use super::super::report::{Anchor, Report, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};
use super::{failed_download, reported};

/// A line, taken apart.
pub(crate) struct Head<'a> {
    printed_at_ms: Option<i64>,
    component: &'a [u8],
    text: &'a [u8],
}

impl<'a> Head<'a> {
    /// Takes a line apart; `None` where it is none.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let (printed_at_ms, rest) = time::legacy_stamp(line.trim_ascii_start())?;
        let Some(cells) = rest.strip_prefix(b"\t") else {
            return Self::pasted(printed_at_ms, rest);
        };
        let mut cells = cells.splitn(4, |byte| *byte == b'\t');
        let (_pid, _tid) = (cells.next()?, cells.next()?);
        Some(Self {
            printed_at_ms: Some(printed_at_ms),
            component: cells.next()?.trim_ascii(),
            text: cells.next().unwrap_or_default().trim_ascii(),
        })
    }

    /// What follows the stamp where blanks took the place of tabs.
    fn pasted(printed_at_ms: i64, rest: &'a [u8]) -> Option<Self> {
        let (pid, rest) = word(rest);
        let (tid, rest) = word(rest);
        let hex = |id: &[u8]| !id.is_empty() && id.iter().all(u8::is_ascii_hexdigit);
        let (component, rest) = word(rest);
        (hex(pid) && hex(tid) && !component.is_empty()).then_some(Self {
            printed_at_ms: Some(printed_at_ms),
            component,
            text: rest.trim_ascii(),
        })
    }

    /// A record of an excerpt that lost its stamp, if it says that something
    /// failed.
    pub(crate) fn bare(line: &'a [u8]) -> Option<Self> {
        let text = line.trim_ascii();
        let text = text.strip_prefix(b"> ").unwrap_or(text);
        let tells = BARE.iter().any(|mark| scan::contains(text, mark));
        let (component, rest) = word(text);
        let named = component.iter().all(u8::is_ascii_alphabetic);
        tells.then_some(Self {
            printed_at_ms: None,
            component: if named { component } else { b"" },
            text: if named { rest.trim_ascii() } else { text },
        })
    }
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(scan::lead(text, |byte| !byte.is_ascii_whitespace()).len())
}

/// What failing records say that no other log says.
const BARE: [&[u8]; 3] = [
    b"CBS called Error with 0x",
    b"failed Searching for update with error 0x",
    b"WARNING: Exit code = 0x8024",
];

/// A scan that fails is told by its layers within this time.
const SAME_SCAN_MS: i64 = 10 * 60_000;

/// State of reading one legacy log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LegacyGrammar {
    /// Code and wall clock of the last scan that failed.
    failed_scan: Option<(u32, i64)>,
}

impl LegacyGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        if let Some(head) = Head::read(line.text).or_else(|| Head::bare(line.text)) {
            self.record(&head, line, report);
        }
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        *self = serde_json::from_value(memory).unwrap_or_default();
    }

    fn record(&mut self, head: &Head<'_>, line: &Line<'_>, report: &mut Report<'_>) {
        report.counts.records += 1;
        let anchor = Anchor {
            head: line.text,
            row: b"",
            number: line.number,
            printed_at_ms: head.printed_at_ms,
        };
        let event = logging_started(head, &anchor, report)
            .or_else(|| report_event(head, &anchor, report))
            .or_else(|| servicing_failed(head, &anchor, report))
            .or_else(|| download_failed(head, &anchor, report))
            .or_else(|| self.scan_failed(head, &anchor, report));
        match event {
            Some(mut event) => {
                event.source = text(head.component).into();
                report.tell(event);
            }
            None => report.counts.unknown += u64::from(!is_of_the_agent(head.component)),
        }
    }

    /// `* WARNING: Skipping scan, self-update check returned 0x8024402c`, and
    /// what the layers above make of it.
    fn scan_failed(
        &mut self,
        head: &Head<'_>,
        anchor: &Anchor<'_>,
        report: &Report<'_>,
    ) -> Option<UpdateEvent> {
        let code = failed_scan(head)?;
        let now = head.printed_at_ms.unwrap_or_default();
        let told = self.failed_scan.replace((code, now));
        if told.is_some_and(|(known, at)| known == code && (now - at).abs() <= SAME_SCAN_MS) {
            return None;
        }
        let mut event = report.begin(anchor, Phase::Scan, outcome::of_code(code));
        event.hresult = Some(code);
        Some(event)
    }
}

/// Components of the agent whose many records are known to say nothing more.
fn is_of_the_agent(component: &[u8]) -> bool {
    matches!(
        component,
        b"AU"
            | b"Agent"
            | b"COMAPI"
            | b"CltUI"
            | b"DnldMgr"
            | b"DtaStor"
            | b"EP"
            | b"EEHndlr"
            | b"Handler"
            | b"IdleTmr"
            | b"Inv"
            | b"Misc"
            | b"OfflSnc"
            | b"PT"
            | b"Report"
            | b"SLS"
            | b"Service"
            | b"Setup"
            | b"Shutdwn"
            | b"WUTask"
            | b"WuRedir"
            | b"WuTask"
    )
}

/// Code of a search that failed.
fn failed_scan(head: &Head<'_>) -> Option<u32> {
    let at = memchr::memchr(b'W', head.text)?;
    let said = &head.text[at..];
    let exit = said.strip_prefix(b"WARNING: Exit code = ");
    let code = if let Some(rest) = exit.filter(|_| head.component == b"Agent") {
        // Other calls end with such a line too: here only talk with the server.
        let code = scan::code(rest)?;
        matches!(code >> 12, 0x8_0244 | 0x8_0072).then_some(code)
    } else {
        scan::after(said, b"Skipping scan, self-update check returned ")
            .or_else(|| scan::after(said, b"failed Searching for update with error "))
            .or_else(|| scan::after(said, b"Search callback failed, result = "))
            .and_then(scan::code)
    };
    code.filter(|code| code & 0x8000_0000 != 0)
}

/// `Logging initialized (build: 7.6.7600.256, tz: +0530)`.
fn logging_started(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &mut Report<'_>,
) -> Option<UpdateEvent> {
    let rest = scan::after(head.text, b"Logging initialized (build: ")?;
    if let Some(offset_min) = scan::after(rest, b"tz: ").and_then(time::header_offset) {
        report.clock.state(
            anchor.number,
            offset_min,
            TimeSource::LogHeader,
            Trust::Firm,
        );
    }
    let mut event = report.begin(anchor, Phase::Service, EventResult::LogStart);
    put(&mut event, "wu_agent", text(scan::before(rest, b",")));
    Some(event)
}

/// `REPORT EVENT: …`: the record that also stands in ReportingEvents.log.
fn report_event(head: &Head<'_>, anchor: &Anchor<'_>, report: &Report<'_>) -> Option<UpdateEvent> {
    let record = head.text.strip_prefix(b"REPORT EVENT: ")?;
    reported::read(&reported::by_tabs(record), anchor, report)
}

/// `FATAL: CBS called Error with 0x800f0831`.
fn servicing_failed(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &Report<'_>,
) -> Option<UpdateEvent> {
    let rest = scan::after(head.text, b"CBS called Error with ")?;
    let code = scan::code(rest)?;
    let mut event = report.begin(anchor, Phase::Install, outcome::of_code(code));
    event.hresult = Some(code);
    Some(event)
}

/// `Error 0x80246007 occurred while downloading update; notifying dependent
/// calls.`: the line that stands for all transfers of an update.
fn download_failed(
    head: &Head<'_>,
    anchor: &Anchor<'_>,
    report: &Report<'_>,
) -> Option<UpdateEvent> {
    if !scan::contains(head.text, b"occurred while downloading update") {
        return None;
    }
    let code = failed_download(head.text)?;
    let mut event = report.begin(anchor, Phase::Download, outcome::of_code(code));
    event.hresult = Some(code);
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_blanks_read_the_same() {
        let tabs = Head::read(b"2023-01-11\t09:00:00:120\t 648\t1a2c\tAgent\t * WARNING: x");
        let blanks = Head::read(b"2023-01-11 09:00:00:120  648 1a2c Agent  * WARNING: x");
        let (tabs, blanks) = (tabs.unwrap(), blanks.unwrap());
        assert_eq!(tabs.printed_at_ms, blanks.printed_at_ms);
        assert_eq!((tabs.component, tabs.text), (blanks.component, blanks.text));
        assert!(Head::read(b"2023-01-11 09:00:00:120 and so on").is_none());
    }

    #[test]
    fn the_end_of_a_call_is_a_failed_scan_only_where_the_server_failed() {
        let failed = |text: &[u8]| {
            failed_scan(&Head {
                printed_at_ms: None,
                component: b"Agent",
                text,
            })
        };
        assert_eq!(
            failed(b"* WARNING: Exit code = 0x8024402C"),
            Some(0x8024_402c)
        );
        assert_eq!(failed(b"* WARNING: Exit code = 0x80246007"), None);
        assert_eq!(
            failed(b"* WARNING: Skipping scan, self-update check returned 0x8024001e"),
            Some(0x8024_001e)
        );
        assert_eq!(
            failed(b"WU client failed Searching for update with error 0x80072ee2"),
            Some(0x8007_2ee2)
        );
        assert_eq!(failed(b"WARNING: something else 0x80072ee2"), None);
    }
}
