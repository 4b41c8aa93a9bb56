//! Devices that should speak and do not.

use maud::{Markup, html};

use super::layout::{device_link, kb_link};
use super::number::{count, span, time};
use super::reader::{Lang, Reader};
use super::text;
use super::words::{SILENCES, word};
use crate::view::{SilentDevice, View};

/// Most devices that the page lists.
const LISTED: usize = 1_000;

/// Reason that suggests that a machine did not come back.
const DARK: &str = "dark_in_reboot";

/// The page of all silent devices.
pub(super) fn page(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let silent = gravest_first(&view.silent);
    let (n, m) = (silent.len() as u64, view.fleet.devices);
    let fillings = [("n", html! { (count(n)) }), ("m", html! { (count(m)) })];
    if silent.is_empty() {
        return html! {
            h1 { (text::SILENT_NONE.of(lang)) }
            p.lead { (text::SILENT_NONE_HINT.fill(lang, &[("n", html! { (count(m)) })])) }
        };
    }
    html! {
        h1 { (text::SILENT_TITLE.fill(lang, &fillings)) }
        p.lead { (text::SILENT_HINT.of(lang)) }
        ul.counts {
            @for (reason, n) in reasons(&silent) {
                li { b { (count(n)) } " " (word(SILENCES, lang, reason)) }
            }
        }
        div.scroll { (table(&silent, reader)) }
        @if silent.len() > LISTED {
            p.muted {
                (text::FIRST_N.fill(lang, &[("n", html! { (count(LISTED as u64)) }), ("m", html! { (count(n)) })]))
            }
        }
    }
}

fn table(silent: &[&SilentDevice], reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        table.cards {
            thead {
                tr {
                    th scope="col" { (text::DEVICE.of(lang)) }
                    th scope="col" { (text::WHY.of(lang)) }
                    th.num scope="col" { (text::SILENT_FOR.of(lang)) }
                    th scope="col" { (text::LAST_HEARD.of(lang)) }
                    th scope="col" { (text::OPEN_KB.of(lang)) }
                }
            }
            tbody {
                @for device in silent.iter().take(LISTED) {
                    tr {
                        th scope="row" { (device_link(&device.device_id)) }
                        td data-label=(text::WHY.of(lang)) {
                            span class={ "badge " (if device.why == DARK { "failed" } else { "quiet" }) } {
                                (why(device, lang))
                            }
                        }
                        td.num data-label=(text::SILENT_FOR.of(lang)) {
                            (span(lang, reader.now_ms - device.last_heard_ms))
                        }
                        td data-label=(text::LAST_HEARD.of(lang)) { (time(reader, device.last_heard_ms)) }
                        td data-label=(text::OPEN_KB.of(lang)) {
                            @if device.open_kb.is_empty() { "–" } @else { (kb_link(&device.open_kb)) }
                        }
                    }
                }
            }
        }
    }
}

/// Why a device is quiet, in words.
pub(super) fn why(device: &SilentDevice, lang: Lang) -> Markup {
    let reason = if device.why.is_empty() {
        "unknown"
    } else {
        &device.why
    };
    word(SILENCES, lang, reason)
}

/// Devices that fell silent inside a reboot.
pub(super) fn dark(silent: &[SilentDevice]) -> u64 {
    silent.iter().filter(|device| device.why == DARK).count() as u64
}

/// Those inside a reboot first, each group by the length of its silence.
pub(super) fn gravest_first(silent: &[SilentDevice]) -> Vec<&SilentDevice> {
    let mut ordered: Vec<&SilentDevice> = silent.iter().collect();
    ordered.sort_by_key(|device| (device.why != DARK, device.last_heard_ms));
    ordered
}

/// Reasons in the order of the list, with their devices.
fn reasons<'d>(silent: &[&'d SilentDevice]) -> Vec<(&'d str, u64)> {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for device in silent {
        let reason = if device.why.is_empty() {
            "unknown"
        } else {
            device.why.as_str()
        };
        match counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, n)) => *n += 1,
            None => counts.push((reason, 1)),
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, last_heard_ms: i64, why: &str) -> SilentDevice {
        SilentDevice {
            device_id: id.to_owned(),
            last_heard_ms,
            open_kb: String::new(),
            why: why.to_owned(),
        }
    }

    #[test]
    fn a_device_that_may_be_broken_comes_before_one_that_is_off_for_longer() {
        let silent = [
            device("off", 1, "off"),
            device("b", 9, DARK),
            device("a", 5, DARK),
        ];
        let ordered = gravest_first(&silent);
        let ids: Vec<&str> = ordered.iter().map(|d| d.device_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "off"]);
        assert_eq!(reasons(&ordered), [(DARK, 2), ("off", 1)]);
        assert_eq!(dark(&silent), 2);
    }
}
