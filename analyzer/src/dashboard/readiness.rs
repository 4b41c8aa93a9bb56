//! Devices that are not ready for the next patch day.

use maud::{Markup, html};

use super::layout::device_link;
use super::number::{count, time};
use super::reader::Reader;
use super::text;
use super::verdict::records;
use super::words::{CLASSES, UNREADY, data, word};
use crate::view::{UnreadyDevice, UnreadyReason, View};

/// Most devices that the page lists; the file has all.
const LISTED: usize = 500;

/// The page.
pub(super) fn page(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let readiness = &view.readiness;
    let n = readiness.unready.len() as u64;
    let all = html! { (count(readiness.devices)) };
    html! {
        @if n == 0 {
            h1 { (text::READY_ALL.fill(lang, &[("m", all)])) }
            p.lead { (text::READY_HINT.of(lang)) }
        } @else {
            h1 { (text::READY_TITLE.fill(lang, &[("n", html! { (count(n)) }), ("m", all)])) }
            p.lead { (text::READY_HINT.of(lang)) }
            ul.counts {
                @for (reason, n) in &readiness.by_reason {
                    li { b { (count(*n)) } " " (word(UNREADY, lang, reason)) }
                }
            }
            p { a href="/api/v1/readiness.csv" { (text::CSV.of(lang)) } }
            div.scroll { (table(&readiness.unready, reader)) }
            @if readiness.unready.len() > LISTED {
                p.muted {
                    (text::FIRST_N.fill(lang, &[("n", html! { (count(LISTED as u64)) }), ("m", html! { (count(n)) })]))
                }
            }
        }
    }
}

fn table(unready: &[UnreadyDevice], reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        table.cards {
            thead {
                tr {
                    th scope="col" { (text::DEVICE.of(lang)) }
                    th.num scope="col" { (text::SCORE.of(lang)) }
                    th scope="col" { (text::READY_REASONS.of(lang)) }
                    th scope="col" { (text::RING.of(lang)) }
                    th scope="col" { (text::BRANCH.of(lang)) }
                    th scope="col" { (text::CLASS.of(lang)) }
                }
            }
            tbody { @for device in unready.iter().take(LISTED) { (row(device, reader)) } }
        }
    }
}

fn row(device: &UnreadyDevice, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let stated = |text: &str| {
        if text.is_empty() {
            html! { "–" }
        } else {
            data(text)
        }
    };
    html! {
        tr {
            th scope="row" { (device_link(&device.device_id)) }
            td.num data-label=(text::SCORE.of(lang)) { (device.score) }
            td data-label=(text::READY_REASONS.of(lang)) {
                @for one in &device.reasons { div { (reason(device, one, reader)) } }
            }
            td data-label=(text::RING.of(lang)) { (stated(&device.ring)) }
            td data-label=(text::BRANCH.of(lang)) { (stated(&device.branch)) }
            td data-label=(text::CLASS.of(lang)) {
                @if device.class.is_empty() { "–" } @else { (word(CLASSES, lang, &device.class)) }
            }
        }
    }
}

fn reason(device: &UnreadyDevice, one: &UnreadyReason, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let grave = matches!(
        one.reason.as_str(),
        "store_corrupt" | "dark_in_reboot" | "disk_full"
    );
    html! {
        span class={ "badge " (if grave { "failed" } else { "pending" }) } { (word(UNREADY, lang, &one.reason)) }
        @if !one.value.is_empty() { " " (text::GB_FREE.fill(lang, &[("n", data(&one.value))])) }
        " " span.muted { (time(reader, one.at_ms)) }
        (records(&device.device_id, &one.evidence, lang))
    }
}
