//! Prints records as Windows does: heads, paddings, numbering, line ends.

use std::fmt::Write as _;

use super::clock::Clock;
use super::{CBS_LOG, DISM_LOG, EVENTS_XML};
use crate::plan::DevicePlan;
use crate::story::{EventRecord, What};

const BOM: &str = "\u{feff}";

/// Prints the records of one device in order; numbers run on.
pub(crate) struct Printer<'a> {
    device: &'a DevicePlan,
    clock: Clock,
    csi_number: u32,
    system_record: u64,
    setup_record: u64,
    client_record: u64,
    begun: Vec<&'static str>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(device: &'a DevicePlan) -> Self {
        Self {
            device,
            clock: Clock::of(device),
            csi_number: 0,
            system_record: 4_000 + device.stream % 900,
            setup_record: 100 + device.stream % 90,
            client_record: 700 + device.stream % 70,
            begun: Vec::new(),
        }
    }

    /// The file was renamed away: its successor begins with a mark again.
    pub(crate) fn begin_file(&mut self, file: &'static str) {
        self.begun.retain(|begun| *begun != file);
    }

    /// The file a record belongs to and its bytes; none for what prints nothing.
    pub(crate) fn print(&mut self, at_ms: i64, what: &What) -> Option<(&'static str, Vec<u8>)> {
        let mut text = String::with_capacity(256);
        let file = match what {
            What::StackStart => {
                self.csi_number = 0;
                return None;
            }
            What::Rotate => return None,
            What::Cbs {
                level,
                column,
                text: message,
            } => {
                self.mark(CBS_LOG, &mut text);
                self.head(&mut text, at_ms, level, column);
                push_record(&mut text, message);
                CBS_LOG
            }
            What::Csi {
                level,
                stamped,
                text: message,
            } => {
                self.mark(CBS_LOG, &mut text);
                self.head(&mut text, at_ms, level, "CSI");
                self.csi_number += 1;
                push(&mut text, format_args!("{:08x}", self.csi_number));
                if *stamped {
                    push(&mut text, format_args!("@{}", self.clock.csi(at_ms)));
                }
                text.push(' ');
                push_record(&mut text, message);
                CBS_LOG
            }
            What::Dism {
                level,
                text: message,
            } => {
                self.mark(DISM_LOG, &mut text);
                self.head(&mut text, at_ms, level, "DISM");
                push_record(&mut text, message);
                DISM_LOG
            }
            What::Event(record) => {
                self.event(&mut text, at_ms, record);
                EVENTS_XML
            }
        };
        Some((file, text.into_bytes()))
    }

    fn mark(&mut self, file: &'static str, text: &mut String) {
        if !self.begun.contains(&file) {
            self.begun.push(file);
            text.push_str(BOM);
        }
    }

    fn head(&self, text: &mut String, at_ms: i64, level: &str, column: &str) {
        let local = self.clock.local(at_ms);
        push(text, format_args!("{local}, {level:<22}{column:<7}"));
    }

    fn event(&mut self, text: &mut String, at_ms: i64, record: &EventRecord) {
        let counter = match record.channel {
            "System" => &mut self.system_record,
            "Setup" => &mut self.setup_record,
            _ => &mut self.client_record,
        };
        *counter += 1;
        let number = *counter;
        let EventRecord {
            provider,
            id,
            version,
            level,
            keywords,
            channel,
            ..
        } = record;
        let time = self.clock.event(at_ms);
        let host = &self.device.hostname;
        push(
            text,
            format_args!(
                "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider {provider}/><EventID>{id}</EventID><Version>{version}</Version><Level>{level}</Level><Task>1</Task><Opcode>13</Opcode><Keywords>{keywords}</Keywords><TimeCreated SystemTime='{time}'/><EventRecordID>{number}</EventRecordID><Correlation/><Execution ProcessID='{}' ThreadID='{}'/><Channel>{channel}</Channel><Computer>{host}.bank.example</Computer><Security UserID='S-1-5-18'/></System>",
                900 + number % 4_000,
                1_200 + number % 7_000,
            ),
        );
        if record.template == "EventData" {
            text.push_str("<EventData>");
            for (name, value) in &record.fields {
                push(
                    text,
                    format_args!("<Data Name='{name}'>{}</Data>", escape(value)),
                );
            }
            text.push_str("</EventData>");
        } else {
            let template = record.template;
            push(
                text,
                format_args!(
                    "<UserData><{template} xmlns='http://manifests.microsoft.com/win/2004/08/windows/setup_provider'>"
                ),
            );
            for (name, value) in &record.fields {
                push(text, format_args!("<{name}>{}</{name}>", escape(value)));
            }
            push(text, format_args!("</{template}></UserData>"));
        }
        text.push_str("</Event>\r\n");
    }
}

/// A record ends with CR LF; inside it, lines end with a bare LF.
fn push_record(text: &mut String, message: &str) {
    text.push_str(message);
    text.push_str("\r\n");
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn escape(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
