//! WindowsUpdate.log of Windows 7 and 8.1: tab-separated, with the offset of
//! local time in the line that starts a process's logging.

mod head;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};
use serde::{Deserialize, Serialize};

pub(crate) use self::head::Head;
use super::super::clock::Trust;
use super::super::report::{Anchor, Report, put, text};
use super::super::split::Line;
use super::super::{outcome, scan, time};
use super::{failed_download, reported};

/// A scan that fails is told by its layers within this time.
const SAME_SCAN_MS: i64 = 10 * 60_000;

/// The line that stands for all transfers of an update follows the failure of
/// the last one within this time.
const SAME_DOWNLOAD_MS: i64 = 60_000;

/// State of reading one legacy log.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LegacyGrammar {
    /// Code, wall clock and update id of the last transfer that failed.
    #[serde(default)]
    failed_transfer: Option<(u32, i64, String)>,
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
            .or_else(|| self.download_failed(head, &anchor, report))
            .or_else(|| self.scan_failed(head, &anchor, report));
        match event {
            Some(mut event) => {
                event.source = text(head.component).into();
                report.tell(event);
            }
            None => report.counts.unknown += u64::from(!is_of_the_agent(head.component)),
        }
    }

    /// `BITS job {…} failed, updateId = {…}.200, hr = 0x80190193`, which may be
    /// tried again; then `Error 0x80190193 occurred while downloading update;
    /// notifying dependent calls.`, which names no update and is the end.
    fn download_failed(
        &mut self,
        head: &Head<'_>,
        anchor: &Anchor<'_>,
        report: &Report<'_>,
    ) -> Option<UpdateEvent> {
        let code = failed_download(head.text)?;
        let now = head.printed_at_ms.unwrap_or_default();
        if !scan::contains(head.text, b"occurred while downloading update") {
            let id = scan::after(head.text, b"updateId = ")?;
            let (guid, _) = scan::guid(id)?;
            self.failed_transfer = Some((code, now, guid));
            return None;
        }
        let mut event = report.begin(anchor, Phase::Download, outcome::of_code(code));
        event.hresult = Some(code);
        if let Some((known, at, guid)) = self.failed_transfer.take()
            && known == code
            && (now - at).abs() <= SAME_DOWNLOAD_MS
        {
            event.update_guid = guid;
        }
        Some(event)
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
#[rustfmt::skip]
fn is_of_the_agent(component: &[u8]) -> bool {
    matches!(
        component,
        b"AU" | b"Agent" | b"COMAPI" | b"CltUI" | b"DnldMgr" | b"DtaStor" | b"EP" | b"EEHndlr"
        | b"Handler" | b"IdleTmr" | b"Inv" | b"Misc" | b"OfflSnc" | b"PT" | b"Report" | b"SLS"
        | b"Service" | b"Setup" | b"Shutdwn" | b"WUTask" | b"WuRedir" | b"WuTask"
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
    fn a_download_that_fails_for_good_is_of_the_update_whose_transfer_failed() {
        use crate::parse::{FileKind, Origin, TextParser};
        let origin = Origin {
            device_id: "pc-1".to_owned(),
            log: "WindowsUpdate.log".to_owned(),
        };
        let id = "21111111-2222-3333-4444-555555555555";
        let job = format!("WARNING: BITS job {{1}} failed, updateId = {{{id}}}.2, hr = 0x80190193");
        let end = "Error 0x80190193 occurred while downloading update; notifying dependent calls.";
        let other = "Error 0x80246007 occurred while downloading update; notifying x";
        let (mut parser, mut events) = (TextParser::new(FileKind::WuLegacy, origin), vec![]);
        for text in [&job, &job, end, end, &job, other] {
            let line = format!("2023-02-15\t06:30:00:123\t1000\t1a2c\tDnldMgr\t{text}\r\n");
            parser.feed(line.as_bytes(), &mut events);
        }
        parser.finish(&mut events);
        let updates: Vec<&str> = events.iter().map(|event| &*event.update_guid).collect();
        assert_eq!(updates, [id, "", ""]);
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
