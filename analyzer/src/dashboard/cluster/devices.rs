//! The devices of a cluster, as a table.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::dashboard::layout::{device_link, path_part};
use crate::dashboard::number::{count, time};
use crate::dashboard::reader::Reader;
use crate::dashboard::text;
use crate::dashboard::words::{CLASSES, FACTS, data, find, word};
use crate::view::{Cluster, MemberDevice};

/// Devices that the page lists; the CSV holds all.
const LISTED: usize = 200;

/// Facts that become columns where any device has them, in this order.
const COLUMNS: [&str; 8] = [
    "class", "ring", "branch", "image", "model", "os_build", "ubr", "build",
];

/// The table of devices and the way to all of them.
pub(super) fn list(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let devices = &cluster.devices;
    let columns: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|key| devices.iter().any(|device| device.facts.contains_key(*key)))
        .collect();
    html! {
        h2 { (text::CLUSTER_DEVICES.of(lang)) " " span.muted { (count(devices.len() as u64)) } }
        @if devices.is_empty() { p.empty { (text::NO_CLUSTER_DEVICE.of(lang)) } }
        @else {
            p {
                a download href={ "/api/v1/clusters/" (path_part(&cluster.id)) "/devices.csv" } { (text::CSV.of(lang)) }
                @if devices.len() > LISTED {
                    " · " span.muted {
                        (text::FIRST_N.fill(lang, &[
                            ("n", html! { (count(LISTED as u64)) }),
                            ("m", html! { (count(devices.len() as u64)) }),
                        ]))
                    }
                }
            }
            div.scroll {
                table.cards {
                    thead {
                        tr {
                            th scope="col" { (text::DEVICE.of(lang)) }
                            th scope="col" { (text::FIRST_FAILED_AT.of(lang)) }
                            th scope="col" { (text::FAILED_AT.of(lang)) }
                            th.num scope="col" { (text::ATTEMPTS_FAILED.of(lang)) }
                            @for key in &columns { th scope="col" { (word(FACTS, lang, key)) } }
                            th scope="col" { (text::EVIDENCE.of(lang)) }
                        }
                    }
                    tbody { @for device in devices.iter().take(LISTED) { (row(device, &columns, reader)) } }
                }
            }
        }
    }
}

fn row(device: &MemberDevice, columns: &[&str], reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        tr {
            th scope="row" { (device_link(&device.device_id)) }
            td data-label=(text::FIRST_FAILED_AT.of(lang)) { (time(reader, device.first_failed_at_ms)) }
            td data-label=(text::FAILED_AT.of(lang)) {
                @if device.failed_at_ms == device.first_failed_at_ms { span.muted { "–" } }
                @else { (time(reader, device.failed_at_ms)) }
            }
            td.num data-label=(text::ATTEMPTS_FAILED.of(lang)) { (device.attempts) }
            @for key in columns {
                td data-label=(label(key, reader)) { (fact(&device.facts, key, reader)) }
            }
            td data-label=(text::EVIDENCE.of(lang)) {
                @for (i, event) in device.evidence.iter().take(3).enumerate() {
                    @if i > 0 { ", " }
                    a href={ "/events/" (path_part(event)) "?device=" (path_part(&device.device_id)) } {
                        (text::RECORD_N.of(lang).replace("{n}", &(i + 1).to_string()))
                    }
                }
            }
        }
    }
}

fn label(key: &str, reader: &Reader) -> String {
    find(FACTS, key).map_or_else(|| key.to_owned(), |name| name.of(reader.lang).to_owned())
}

fn fact(facts: &BTreeMap<String, String>, key: &str, reader: &Reader) -> Markup {
    let Some(value) = facts.get(key) else {
        return html! { span.muted { "–" } };
    };
    match find(CLASSES, value).filter(|_| key == "class") {
        Some(class) => html! { (class.of(reader.lang)) },
        None => data(value),
    }
}
