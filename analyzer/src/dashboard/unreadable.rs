//! Logs that devices cannot read: what fails there is not seen.

use maud::{Markup, html};

use super::layout::device_link;
use super::number::{count, time};
use super::reader::{Lang, Reader};
use super::text;
use super::words::{SOURCES, UNREADABLE, word};
use crate::view::{UnreadableLog, View};

/// A line for the first page, if a device cannot read a log.
pub(super) fn warning(view: &View, lang: Lang) -> Markup {
    let n = html! { a href="/data#unreadable" { (count(view.devices_unreadable)) } };
    html! {
        @if view.devices_unreadable > 0 {
            p.alarm { (text::UNREADABLE_LINE.fill(lang, &[("n", n)])) }
        }
    }
}

/// All of them, by log and reason, with the devices.
pub(super) fn section(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if view.unreadable.is_empty() {
        return html! {};
    }
    let n = html! { (count(view.devices_unreadable)) };
    html! {
        section #unreadable {
            h2 { (text::UNREADABLE_TITLE.fill(lang, &[("n", n)])) }
            p.lead { (text::UNREADABLE_HINT.of(lang)) }
            @for log in &view.unreadable { (devices(log, reader)) }
        }
    }
}

fn devices(log: &UnreadableLog, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let (listed, all) = (log.some.len() as u64, log.devices);
    html! {
        h3 {
            (word(SOURCES, lang, &log.source)) ": " (word(UNREADABLE, lang, &log.reason))
            " – " (count(all))
        }
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::DEVICE.of(lang)) }
                        th scope="col" { (text::UNREADABLE_SINCE.of(lang)) }
                        th scope="col" { (text::LAST_HEARD.of(lang)) }
                        th.num scope="col" { (text::LOGS.of(lang)) }
                    }
                }
                tbody {
                    @for device in &log.some {
                        tr {
                            th scope="row" { (device_link(&device.device_id)) }
                            td data-label=(text::UNREADABLE_SINCE.of(lang)) { (time(reader, device.since_ms)) }
                            td data-label=(text::LAST_HEARD.of(lang)) { (time(reader, device.last_heard_ms)) }
                            td.num data-label=(text::LOGS.of(lang)) { (device.logs) }
                        }
                    }
                }
            }
        }
        @if listed < all {
            p.muted {
                (text::FIRST_N.fill(lang, &[("n", html! { (count(listed)) }), ("m", html! { (count(all)) })]))
            }
        }
    }
}
