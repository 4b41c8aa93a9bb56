//! Grammar of events as people copy them: the text that the event viewer
//! shows, as a block of labelled lines or a row of a table.
//!
//! Labels and messages are in the language of the machine. A message that is
//! known by heart decides; where none is, the number and the provider of the
//! block do. Dates are read only where no culture could read them otherwise.

mod beginnings;
mod messages;
mod rows;

use kbwatch_proto::event::UpdateEvent;
use serde::{Deserialize, Serialize};

use self::messages::Said;
use self::rows::{date_before, last_cell, number_before, number_in_row};
use super::encoding::console_text;
use super::kind::FileKind;
use super::mask::mask;
use super::report::{Anchor, Report};
use super::split::{Line, MAX_UNIT_LEN};
use super::time;

/// The block that is being read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    provider: String,
    number: Option<u32>,
    /// The date as printed: part of the event's identity.
    date: String,
    /// Whether its event was told.
    told: bool,
}

/// A message of a property list, which goes on in indented lines.
struct Listed {
    text: String,
    /// Length of its first line, which names the event.
    first: usize,
    /// Offset and number of its first line.
    start: (u64, u64),
    /// Whether its code was counted.
    noted: bool,
}

/// Least indent of the lines in which a listed value goes on.
const LISTED_INDENT: usize = 4;

/// State of reading events as text.
#[derive(Default)]
pub(crate) struct RenderedGrammar {
    block: Block,
    listed: Option<Listed>,
}

/// Providers, the kind of excerpt that they make, and what their names hold.
const PROVIDERS: [(&str, FileKind); 3] = [
    ("WindowsUpdateClient", FileKind::EventRendered),
    ("Windows-Servicing", FileKind::SetupEventRendered),
    ("Windows-WUSA", FileKind::Wusa),
];

/// Kind that a line gives away.
pub(crate) fn kind_of_line(line: &[u8]) -> Option<FileKind> {
    if line.len() > 4096 {
        return None;
    }
    let text = console_text(line);
    if text.contains("<Provider") {
        return None;
    }
    let named = PROVIDERS
        .iter()
        .find(|(name, _)| text.contains("Microsoft-Windows-") && text.contains(name));
    if let Some((_, kind)) = named {
        return Some(*kind);
    }
    Some(match Said::read(&text)?.provider {
        messages::Provider::UpdateAgent => FileKind::EventRendered,
        messages::Provider::Servicing => FileKind::SetupEventRendered,
        messages::Provider::Wusa => FileKind::Wusa,
    })
}

impl RenderedGrammar {
    pub(crate) fn line(&mut self, line: &Line<'_>, report: &mut Report<'_>) {
        let text = console_text(line.text);
        if let Some(listed) = &mut self.listed {
            let indent = text.len() - text.trim_start_matches(' ').len();
            if indent >= LISTED_INDENT && !text.trim().is_empty() {
                if listed.text.len() < MAX_UNIT_LEN {
                    listed.text.push(' ');
                    listed.text.push_str(text.trim());
                }
                return;
            }
            self.close(report);
        }
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.label(text);
        if is_listed_message(text) {
            self.listed = Some(Listed {
                text: text.to_owned(),
                first: text.len(),
                start: (line.offset, line.number),
                noted: false,
            });
            return;
        }
        self.message((text, text), line.number, &mut false, report);
    }

    /// Tells an open message as far as it was read; it stays open.
    pub(crate) fn settle(&mut self, report: &mut Report<'_>) {
        let Some(mut listed) = self.listed.take() else {
            return;
        };
        let first = &listed.text[..listed.first];
        if let Some(event) = self.read(&listed.text, first, listed.start.1, report) {
            report.tell_again(event, &mut listed.noted);
        }
        self.listed = Some(listed);
    }

    /// Tells what is still open.
    pub(crate) fn close(&mut self, report: &mut Report<'_>) {
        if let Some(mut listed) = self.listed.take() {
            let texts = (&*listed.text, &listed.text[..listed.first]);
            self.message(texts, listed.start.1, &mut listed.noted, report);
        }
    }

    pub(crate) fn open_since(&self) -> Option<(u64, u64)> {
        self.listed.as_ref().map(|listed| listed.start)
    }

    /// Tells the event of a message, and its first line.
    fn message(
        &mut self,
        (text, first): (&str, &str),
        number: u64,
        noted: &mut bool,
        report: &mut Report<'_>,
    ) {
        if let Some(event) = self.read(text, first, number, report) {
            report.counts.records += 1;
            self.block.told = true;
            report.tell_again(event, noted);
        }
    }

    /// The event of a message whose first line is `first`.
    fn read(
        &self,
        text: &str,
        first: &str,
        number: u64,
        report: &Report<'_>,
    ) -> Option<UpdateEvent> {
        let read = |text| Said::read(text).or_else(|| self.by_number(text));
        let named = read(first)?;
        let date = if self.block.date.is_empty() {
            date_before(named.text, first)
        } else {
            &self.block.date
        };
        let anchor = Anchor {
            head: named.text.as_bytes(),
            row: date.as_bytes(),
            number,
            printed_at_ms: time::iso_instant(date).or_else(|| time::culture_instant(date)),
        };
        let said = read(text)?;
        let mut event = report.begin(&anchor, said.phase, said.result);
        said.describe(&mut event);
        event.evidence = mask(said.text);
        Some(event)
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.block).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.block = serde_json::from_value(memory).unwrap_or_default();
    }

    /// `Event ID: 20`, `Date: …`, `Source: …`, in any language.
    fn label(&mut self, text: &str) {
        let begins = ["Log Name:", "日志名称:", "TimeCreated "];
        if begins.iter().any(|label| text.starts_with(label)) {
            self.block = Block::default();
        }
        let named = PROVIDERS
            .iter()
            .find_map(|(name, _)| Some((*name, text.find(name)?)));
        if let Some((name, at)) = named {
            if self.block.told {
                self.block = Block::default();
            }
            name.clone_into(&mut self.block.provider);
            let follows = number_in_row(&text[at + name.len()..]);
            let number = follows.or_else(|| number_before(&text[..at]));
            self.block.number = number.or(self.block.number);
        }
        let Some((label, value)) = text.split_once([':', '：']) else {
            return;
        };
        let (label, value) = (label.trim(), value.trim());
        if NUMBERS.iter().any(|name| label.starts_with(name))
            || label.ends_with("ID")
            || label.ends_with("Id")
        {
            self.block.number = value.parse().ok().or(self.block.number);
        } else if DATES.contains(&label) {
            value.clone_into(&mut self.block.date);
        }
    }

    /// A message in an unknown language, in a block whose number is known.
    fn by_number<'a>(&self, text: &'a str) -> Option<Said<'a>> {
        if self.block.told {
            return None;
        }
        let number = self.block.number?;
        let text = last_cell(text)?;
        if self.block.provider == PROVIDERS[1].0 {
            return Said::of_servicing_number(number, text);
        }
        let holds = text.contains("KB") || text.contains("0x");
        (holds && self.block.provider == PROVIDERS[0].0)
            .then(|| Said::of_update_agent(number, text))
            .flatten()
    }
}

/// How labels of an event's number begin, where they do not end with its id.
const NUMBERS: [&str; 9] = [
    "Код",
    "ID de l",
    "Id. del evento",
    "ID evento",
    "Identifica",
    "事件識別碼",
    "Identyfikator",
    "Olay Kiml",
    "Gebeurtenis-id",
];

/// Labels of an event's date.
const DATES: [&str; 12] = [
    "Date",
    "TimeCreated",
    "日期",
    "Дата",
    "Datum",
    "Fecha",
    "Data",
    "日付",
    "날짜",
    "Tarih",
    "Date and Time",
    "日期和时间",
];

/// `Message      : Installation Failure: …`, as PowerShell lists properties.
fn is_listed_message(text: &str) -> bool {
    let rest = text.strip_prefix("Message").unwrap_or_default();
    rest.starts_with(' ') && rest.trim_start().starts_with(':')
}
