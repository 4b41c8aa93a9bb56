//! Grammar of the Windows event log: event XML, whether live, printed by
//! `wevtutil` or rendered from an .evtx file.

mod boot;
mod client;
mod evtx;
mod provider;
mod servicing;
#[cfg(test)]
mod written;
mod wusa;
mod xml;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::{EventResult, Phase, TimeSource};

pub(in crate::parse) use self::client::{is_store_app, meaning, names_store_app};
pub(crate) use self::evtx::EvtxChunks;
use self::xml::RawEvent;
use super::encoding::log_text;
use super::kind::FileKind;
use super::report::{Report, log_name, put};
use super::split::Line;
use super::{scan, time};

/// Reads a stretch of bytes that ends with an `<Event>` element. What stands
/// before its last start is the rest of one that was torn.
pub(crate) fn read_line(element: &Line<'_>, report: &mut Report<'_>) {
    let text = log_text(element.text);
    if let Some(start) = text.rfind("<Event ").max(text.rfind("<Event>")) {
        read_element(&text[start..], report);
    }
}

/// Reads one `<Event>` element.
fn read_element(text: &str, report: &mut Report<'_>) {
    report.counts.records += 1;
    if !is_of_interest(text) {
        report.counts.unknown += 1;
        return;
    }
    match RawEvent::read(text) {
        Some(raw) if tell(&raw, report) => {}
        _ => report.counts.unknown += 1,
    }
}

/// Providers that the grammars know.
const PROVIDERS: [&[u8]; 6] = [
    b"Microsoft-Windows-WindowsUpdateClient",
    b"Microsoft-Windows-Servicing",
    b"Microsoft-Windows-WUSA",
    b"Microsoft-Windows-Kernel-Power",
    b"EventLog",
    b"User32",
];

/// Whether the provider is one that the grammars know: cheaper than reading.
/// An element that does not name it at once is read.
fn is_of_interest(text: &str) -> bool {
    let text = text.as_bytes();
    let Some(tag) = scan::after(&text[..text.len().min(1024)], b"<Provider") else {
        return text.len() > 1024 && scan::find(text, b"<Provider").is_some();
    };
    let Some([quote @ (b'"' | b'\''), name @ ..]) = scan::after(tag, b" Name=") else {
        return true;
    };
    let name = scan::lead(name, |byte| byte != *quote);
    PROVIDERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn tell(raw: &RawEvent, report: &mut Report<'_>) -> bool {
    let told = match raw.provider.as_str() {
        "Microsoft-Windows-WindowsUpdateClient" => client::read(raw, report),
        "Microsoft-Windows-Servicing" => servicing::read(raw, report),
        "Microsoft-Windows-WUSA" => wusa::read(raw, report),
        _ => boot::read(raw, report),
    };
    match told {
        Some(event) => {
            report.tell(event);
            true
        }
        None => false,
    }
}

/// Begins the event of an event-log record.
fn begin(raw: &RawEvent, report: &Report<'_>, phase: Phase, result: EventResult) -> UpdateEvent {
    let mut event = report.blank(phase, result);
    event.event_id = EventId::of_event_log(
        &report.origin.device_id,
        &raw.channel,
        raw.record_id,
        &raw.system_time,
    );
    event.position = raw.record_id;
    event.source = raw.provider.clone().into();
    if !raw.channel.is_empty() {
        event.origin = log_name(&raw.channel);
    }
    event.printed_at_ms = time::iso_instant(&raw.system_time);
    event.occurred_at_ms = event.printed_at_ms;
    if event.occurred_at_ms.is_some() {
        event.time_source = TimeSource::Printed;
    }
    put(&mut event, "event_number", raw.event_number.to_string());
    event.evidence = evidence(raw);
    event
}

/// The named values of a record, without those that name people; it is masked
/// where the event is handed in.
fn evidence(raw: &RawEvent) -> String {
    let mut text = format!("{} {}", raw.provider, raw.event_number);
    for (name, value) in &raw.values {
        let personal = [&b"user"[..], b"sid", b"commandline", b"param"]
            .into_iter()
            .any(|word| contains_word(name.as_bytes(), word));
        if !personal && !name.is_empty() {
            text.extend([" ", name, "=", value]);
        }
    }
    text
}

fn contains_word(name: &[u8], word: &[u8]) -> bool {
    let mut parts = name.windows(word.len());
    parts.any(|part| part.eq_ignore_ascii_case(word))
}

/// Kind of an .evtx file by the channel that its events name.
pub(crate) fn evtx_kind(channel: &str) -> Option<FileKind> {
    match channel {
        "System" => Some(FileKind::EvtxSystem),
        "Setup" => Some(FileKind::EvtxSetup),
        "Microsoft-Windows-WindowsUpdateClient/Operational" => Some(FileKind::EvtxOperational),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Origin, TextParser};

    #[test]
    fn only_elements_of_known_providers_are_read() {
        for (text, wanted) in [
            ("<Event><System><Provider Name='USER32'/>", true),
            (
                "<Event><System><Provider Guid='{0}' Name=\"EventLog\"/>",
                true,
            ),
            (
                "<Event><System><Provider Name='Service Control Manager'/>",
                false,
            ),
            ("<Event><System><Provider EventSourceName='USER32'/>", true),
            ("<Event><System>", false),
        ] {
            assert_eq!(is_of_interest(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_code_that_nobody_named_is_counted_as_unknown() {
        let counts = |code: &str| {
            let text = format!(
                "<Event><System><Provider Name='Microsoft-Windows-WindowsUpdateClient'/>\
                 <EventID>20</EventID><EventRecordID>8</EventRecordID>\
                 <Channel>System</Channel></System><EventData>\
                 <Data Name='errorCode'>{code}</Data></EventData></Event>"
            );
            let origin = Origin {
                device_id: "pc-1".to_owned(),
                log: "System".to_owned(),
            };
            let mut parser = TextParser::new(FileKind::EventXml, origin);
            parser.feed(text.as_bytes(), &mut Vec::new());
            (parser.counts().codes, parser.counts().unknown_codes)
        };
        assert_eq!(counts("0x800f0985"), (1, 0));
        assert_eq!(counts("0x8abc1234"), (1, 1));
        assert_eq!(counts("0x0"), (0, 0));
    }
}
