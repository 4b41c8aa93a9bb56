//! Grammar of events as people copy them: the text that the event viewer
//! shows, as a block of labelled lines or a row of a table.
//!
//! Labels and messages are in the language of the machine. A message that is
//! known by heart decides; where none is, the number and the provider of the
//! block do. Dates are read only where no culture could read them otherwise.

mod messages;

use kbwatch_proto::event::UpdateEvent;
use serde::{Deserialize, Serialize};

use self::messages::Said;
use super::encoding::console_text;
use super::kind::FileKind;
use super::mask::mask;
use super::report::{Anchor, Report};
use super::split::Line;
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

/// State of reading events as text.
#[derive(Default)]
pub(crate) struct RenderedGrammar {
    block: Block,
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
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.label(text);
        let said = Said::read(text).or_else(|| self.by_number(text));
        let Some(said) = said else {
            return;
        };
        report.counts.records += 1;
        self.block.told = true;
        report.tell(self.event(&said, line, report));
    }

    pub(crate) fn memory(&self) -> serde_json::Value {
        serde_json::to_value(&self.block).unwrap_or_default()
    }

    pub(crate) fn recall(&mut self, memory: serde_json::Value) {
        self.block = serde_json::from_value(memory).unwrap_or_default();
    }

    /// `Event ID: 20`, `Date: …`, `Source: …`, in any language.
    fn label(&mut self, text: &str) {
        if text.starts_with("Log Name:") || text.starts_with("日志名称:") {
            self.block = Block::default();
        }
        if let Some((name, _)) = PROVIDERS.iter().find(|(name, _)| text.contains(name)) {
            if self.block.told {
                self.block = Block::default();
            }
            (*name).clone_into(&mut self.block.provider);
        }
        let Some((label, value)) = text.split_once([':', '：']) else {
            return;
        };
        let (label, value) = (label.trim(), value.trim());
        if label.ends_with("ID") || label.ends_with("Id") || label.starts_with("Код") {
            self.block.number = value.parse().ok().or(self.block.number);
        } else if label == "Date" || label == "日期" || label == "Дата" {
            value.clone_into(&mut self.block.date);
        }
    }

    /// A message in an unknown language, in a block whose number is known.
    fn by_number<'a>(&self, text: &'a str) -> Option<Said<'a>> {
        if self.block.told || self.block.provider != PROVIDERS[0].0 {
            return None;
        }
        let number = self.block.number?;
        let holds = text.contains("KB") || text.contains("0x");
        holds.then(|| Said::of_update_agent(number, text)).flatten()
    }

    fn event(&self, said: &Said<'_>, line: &Line<'_>, report: &Report<'_>) -> UpdateEvent {
        let anchor = Anchor {
            head: said.text.as_bytes(),
            row: self.block.date.as_bytes(),
            number: line.number,
            printed_at_ms: time::iso_instant(&self.block.date),
        };
        let mut event = report.begin(&anchor, said.phase, said.result);
        said.describe(&mut event);
        event.evidence = mask(said.text);
        event
    }
}
