//! What surrounds the text of a Configuration Manager record.

use super::super::{scan, time};

const OPEN: &[u8] = b"<![LOG[";
const CLOSE: &[u8] = b"]LOG]!>";

/// Components whose records speak of updates.
const COMPONENTS: [&[u8]; 8] = [
    b"WUAHandler",
    b"UpdatesHandler",
    b"UpdatesDeploymentAgent",
    b"UpdatesDeployment",
    b"UpdatesStore",
    b"ScanAgent",
    b"CIAgent",
    b"PatchDownloader",
];

/// How a record begins on a line.
pub(super) enum Opening {
    /// It is all on this line.
    Whole,
    /// Its end is on a later line.
    Continues,
    /// No record begins here.
    None,
}

pub(super) fn opening(line: &[u8]) -> Opening {
    if line.trim_ascii_start().starts_with(OPEN) {
        if has_end(line) {
            Opening::Whole
        } else {
            Opening::Continues
        }
    } else if is_older(line) || pasted_component(line).is_some() {
        Opening::Whole
    } else {
        Opening::None
    }
}

pub(super) fn has_end(line: &[u8]) -> bool {
    scan::contains(line, CLOSE)
}

/// Whether a line is of such a log.
pub(crate) fn is_line(line: &[u8]) -> bool {
    scan::contains(line, OPEN) || is_older(line) || pasted_component(line).is_some()
}

fn is_older(line: &[u8]) -> bool {
    scan::after(line, b"$$<").is_some_and(|rest| scan::contains(rest, b"><thread="))
}

/// The component that follows the text in a paste, behind blanks, and the text.
fn pasted_component(line: &[u8]) -> Option<(&[u8], &[u8])> {
    COMPONENTS.iter().find_map(|component| {
        let at = memchr::memmem::rfind(line, component)?;
        let before = line[..at].last()?;
        let after = line.get(at + component.len());
        let apart = matches!(before, b' ' | b'\t') && after.is_none_or(|b| b" \t\r".contains(b));
        let text = line[..at].trim_ascii();
        let text = text.strip_prefix(b"> ").unwrap_or(text);
        (apart && !text.is_empty()).then_some((*component, text))
    })
}

/// A record, taken apart.
pub(super) struct Record<'a> {
    /// All of it: its identity.
    pub(super) whole: &'a [u8],
    pub(super) number: u64,
    pub(super) text: &'a [u8],
    pub(super) component: &'a [u8],
    /// Wall clock, milliseconds.
    pub(super) printed_at_ms: Option<i64>,
    /// The same in UTC, where the bias is printed.
    pub(super) utc_ms: Option<i64>,
}

impl<'a> Record<'a> {
    pub(super) fn read(whole: &'a [u8], number: u64) -> Option<Self> {
        let mut record = Self {
            whole,
            number,
            text: b"",
            component: b"",
            printed_at_ms: None,
            utc_ms: None,
        };
        if let Some(inner) = scan::after(whole, OPEN) {
            record.text = scan::before(inner, CLOSE).trim_ascii();
            let fields = scan::after(inner, CLOSE).unwrap_or_default();
            record.component = field(fields, b"component=\"");
            record.time(field(fields, b"date=\""), field(fields, b"time=\""));
        } else if let Some(tail) = scan::after(whole, b"$$<") {
            let text = scan::before(whole, b"$$<").trim_ascii();
            record.text = text.strip_suffix(b"~").unwrap_or(text).trim_ascii();
            record.component = scan::before(tail, b">");
            let stamp = scan::after(tail, b"><").map(|rest| scan::before(rest, b">"));
            let mut parts = stamp.unwrap_or_default().splitn(2, |byte| *byte == b' ');
            let (date, clock) = (parts.next(), parts.next());
            record.time(date.unwrap_or_default(), clock.unwrap_or_default());
        } else {
            (record.component, record.text) = pasted_component(whole)?;
        }
        Some(record)
    }

    /// `07-14-2021` and `08:53:19.672+240`.
    fn time(&mut self, date: &[u8], clock: &[u8]) {
        let Some((printed_ms, bias_min)) = time::biased_instant(date, clock) else {
            return;
        };
        self.printed_at_ms = Some(printed_ms);
        self.utc_ms = bias_min.map(|bias| printed_ms + bias * 60_000);
    }
}

fn field<'a>(fields: &'a [u8], name: &[u8]) -> &'a [u8] {
    scan::after(fields, name).map_or(b"", |rest| scan::before(rest, b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_record_gives_text_component_and_time() {
        let newer = b"<![LOG[Async install completed.]LOG]!><time=\"08:53:19.672+240\" \
            date=\"07-14-2021\" component=\"WUAHandler\" context=\"\" type=\"1\" thread=\"1\" file=\"\">";
        let older =
            b"Async install completed.~  $$<WUAHandler><07-14-2021 08:53:19.672+240><thread=1 (0x1)>";
        for whole in [&newer[..], older] {
            let record = Record::read(whole, 1).unwrap();
            assert_eq!(record.text, b"Async install completed.");
            assert_eq!(record.component, b"WUAHandler");
            let utc = record.utc_ms.map(time::show);
            assert_eq!(utc.as_deref(), Some("2021-07-14T12:53:19.672"));
        }
        let pasted = Record::read(b"> Async install completed.   WUAHandler  ", 1).unwrap();
        assert_eq!(pasted.text, b"Async install completed.");
        assert_eq!(pasted.printed_at_ms, None);
        assert!(!is_line(b"WUAHandler.log is here"));
    }
}
