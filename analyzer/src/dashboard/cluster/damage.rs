//! Broken component files that the devices of a cluster have in common.

use maud::{Markup, html};

use crate::dashboard::number::count;
use crate::dashboard::reader::Reader;
use crate::dashboard::text;
use crate::dashboard::words::data;
use crate::view::{Cluster, DamageGroup, DamagedFile};

/// Files that a glance names.
const GLANCE: usize = 3;

/// Files of one group that the page lists.
const LISTED: usize = 100;

/// The most shared damage in a few lines.
pub(super) fn glance(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let Some(group) = cluster.damage.first() else {
        return html! { p.muted { (text::BROKEN_NONE.of(lang)) } };
    };
    let more = group.files.len().saturating_sub(GLANCE) as u64;
    html! {
        ul.files {
            @for file in group.files.iter().take(GLANCE) {
                li {
                    b { (data(&file.file)) }
                    " " span.muted { (data(&file.assembly)) }
                }
            }
        }
        p.muted {
            @if more > 0 { (text::BROKEN_MORE.of(lang).replace("{n}", &count(more))) ", " }
            (on_devices(group, cluster, reader))
        }
    }
}

fn on_devices(group: &DamageGroup, cluster: &Cluster, reader: &Reader) -> Markup {
    let fillings = [
        ("n", html! { (count(group.devices)) }),
        ("m", html! { (count(cluster.failed.max(group.devices))) }),
    ];
    text::BROKEN_ON.fill(reader.lang, &fillings)
}

/// All damage groups with their files.
pub(super) fn table(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if cluster.damage.is_empty() {
        return html! { p.empty { (text::BROKEN_NONE.of(lang)) } };
    }
    html! {
        @for group in &cluster.damage {
            div.group {
                p {
                    b { (on_devices(group, cluster, reader)) }
                    " · " span.muted {
                        (text::FINGERPRINT.fill(lang, &[("fingerprint", data(&group.fingerprint))]))
                    }
                }
                div.scroll {
                    table.cards.damage {
                        thead {
                            tr {
                                th scope="col" { (text::FILE.of(lang)) }
                                th scope="col" { (text::COMPONENT.of(lang)) }
                                th scope="col" { (text::ARCH.of(lang)) }
                                th scope="col" { (text::VERSION.of(lang)) }
                                th scope="col" { (text::HASH_EXPECTED.of(lang)) }
                            }
                        }
                        tbody {
                            @for file in group.files.iter().take(LISTED) { (row(file, reader)) }
                        }
                    }
                }
                @if group.files.len() > LISTED {
                    p.muted { (text::BROKEN_MORE.of(lang).replace("{n}", &count((group.files.len() - LISTED) as u64))) }
                }
            }
        }
    }
}

fn row(file: &DamagedFile, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        tr {
            th scope="row" { (data(&file.file)) }
            td data-label=(text::COMPONENT.of(lang)) { (data(&file.assembly)) }
            td data-label=(text::ARCH.of(lang)) { (data(&file.arch)) }
            td data-label=(text::VERSION.of(lang)) { (data(&file.component_version)) }
            td data-label=(text::HASH_EXPECTED.of(lang)) {
                @if file.hash_expected.is_empty() { span.muted { (text::UNNAMED.of(lang)) } }
                @else { code.hash translate="no" { (crate::dashboard::words::visible(&file.hash_expected)) } }
            }
        }
    }
}
