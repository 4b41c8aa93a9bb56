//! One record of a log with everything that was read from it.

use maud::{Markup, html};

use super::codes;
use super::device::{Known, event_clock, evidence, known};
use super::layout::{absence, device_link, kb_link};
use super::reader::Reader;
use super::text;
use super::words::{FIELDS, PHASES, RESULTS, SOURCES, data, word};
use crate::load::TimelineEvent;

/// The page of one record.
pub(super) fn page(event: &TimelineEvent, device_id: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let title = text::EVENT_TITLE.fill(lang, &[("device", device_link(device_id))]);
    html! {
        h1 { (title) }
        section {
            h2 { (text::EVENT_TEXT.of(lang)) }
            (evidence(&event.evidence))
        }
        section {
            h2 { (text::EVENT_FIELDS.of(lang)) }
            table.facts {
                tbody {
                    @for (key, value) in fields(event, reader) {
                        tr { th scope="row" { (word(FIELDS, lang, key)) } td { (value) } }
                    }
                }
            }
        }
    }
}

/// Fields that the record states, with their words.
fn fields(event: &TimelineEvent, reader: &Reader) -> Vec<(&'static str, Markup)> {
    let lang = reader.lang;
    let stated = |text: &str| !text.is_empty();
    let meaning = codes::meaning(lang, &event.hresult).unwrap_or_default();
    let format = match known(event) {
        Known::Day => "%Y-%m-%d",
        _ => "%Y-%m-%d %H:%M:%S",
    };
    let how = match known(event) {
        Known::ByOffset => text::BY_OFFSET.of(lang),
        Known::AsPrinted => text::AS_PRINTED.of(lang),
        Known::Exactly | Known::Day => "",
    };
    let time = html! {
        (event_clock(event, reader, format))
        @if !how.is_empty() { " " span.muted { (how) } }
    };
    let mut fields = vec![
        ("occurred_at", time),
        ("phase", word(PHASES, lang, &event.phase)),
        ("result", word(RESULTS, lang, &event.result)),
    ];
    if stated(&event.hresult) {
        let code = html! { (codes::code(lang, &event.hresult, &event.symbol)) " " (meaning) };
        fields.push(("hresult", code));
    }
    if stated(&event.kb) {
        fields.push(("kb", kb_link(&event.kb)));
    }
    let texts = [
        ("component", &event.component),
        ("file", &event.file),
        ("origin", &event.origin),
        ("event_id", &event.event_id),
        ("imported_by", &event.imported_by),
        ("imported_from", &event.imported_from),
    ];
    fields.push(("source_kind", word(SOURCES, lang, &event.source_kind)));
    for (key, value) in texts.into_iter().filter(|(_, value)| stated(value)) {
        fields.push((key, data(value)));
    }
    fields.push(("position", html! { (event.position) }));
    fields
}

/// What stands where no record has the id.
pub(super) fn unknown(event_id: &str, reader: &Reader) -> Markup {
    let headline = text::EVENT_UNKNOWN.fill(reader.lang, &[("id", data(event_id))]);
    let hint = html! { (text::EVENT_UNKNOWN_HINT.of(reader.lang)) };
    absence(reader, &headline, &hint)
}
