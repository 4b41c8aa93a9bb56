//! The first page: what fails now, what is broken, what to run.

use maud::{Markup, html};

use super::chart::{RateScale, rate_bar, spark, trend};
use super::cluster::{self, open};
use super::codes;
use super::layout::{device_link, kb_link, section_head};
use super::number::{HOUR_MS, count, percent, time_and_age, usual};
use super::reader::Reader;
use super::rollout;
use super::silent::{self, why};
use super::sources;
use super::text::{self, Phrase};
use super::unreadable;
use super::words::{CLASSES, data, word};
use crate::view::{Cluster, KbStatus, NewCode, Point, SilentDevice, View};

/// How far back the chart of the whole fleet reaches.
const TREND_MS: i64 = 14 * 24 * HOUR_MS;

/// Silent devices and codes that the first page lists.
const LISTED: usize = 8;

/// Rollouts that the first page shows, the newest.
const ROLLOUTS: usize = 3;

/// The overview.
pub(super) fn page(view: &View, reader: &Reader) -> Markup {
    let clusters: Vec<&Cluster> = view.clusters.iter().filter(|c| open(c)).collect();
    html! {
        (headline(view, &clusters, reader))
        (sources::warning(view, reader.lang))
        (unreadable::warning(view, reader.lang))
        (tiles(view, &clusters, reader))
        @if view.fleet.devices > 0 {
            section {
                (section_head(reader.lang, text::OPEN_CLUSTERS, Some(text::OPEN_CLUSTERS_HINT)))
                @if clusters.is_empty() { p.empty { (text::NO_OPEN_CLUSTER.of(reader.lang)) } }
                @for cluster in &clusters { (cluster::card(cluster, reader)) }
            }
        }
        @if !view.kbs.is_empty() {
            section {
                (section_head(reader.lang, text::KB_TABLE, Some(text::KB_TABLE_HINT)))
                (kb_table(view, reader))
            }
            @if !view.rollouts.is_empty() {
                section {
                    (section_head(reader.lang, text::ROLLOUTS_TITLE, None))
                    @for rollout in view.rollouts.iter().take(ROLLOUTS) { (rollout::card(rollout, view, reader)) }
                }
            }
            section {
                (section_head(reader.lang, text::TREND_ALL, None))
                (trend(reader, &recent(view), view.made_at_ms))
            }
        }
        @if view.fleet.devices > 0 {
            div.pair {
                section { (new_codes(&view.new_codes, reader)) }
                section { (silent_devices(view, reader)) }
            }
        }
    }
}

fn headline(view: &View, clusters: &[&Cluster], reader: &Reader) -> Markup {
    let lang = reader.lang;
    let n = |n: u64| html! { (count(n)) };
    let mut failing: Vec<&str> = clusters.iter().map(|c| c.kb.as_str()).collect();
    failing.dedup();
    if let Some((first, others)) = failing.split_first() {
        let distinct: std::collections::BTreeSet<&&str> =
            others.iter().filter(|kb| *kb != first).collect();
        let phrase = if distinct.is_empty() {
            text::OVERVIEW_FAILING_ONE
        } else {
            text::OVERVIEW_FAILING_MORE
        };
        let fillings = [("kb", kb_link(first)), ("n", n(distinct.len() as u64))];
        return html! { h1.bad { (phrase.fill(lang, &fillings)) } };
    }
    let (phrase, hint) = match (view.fleet.devices, view.kbs.len()) {
        (0, _) => (text::OVERVIEW_NO_DEVICE, text::OVERVIEW_NO_DEVICE_HINT),
        (_, 0) => (text::OVERVIEW_NO_ATTEMPT, text::OVERVIEW_NO_ATTEMPT_HINT),
        _ => (text::OVERVIEW_QUIET, text::OVERVIEW_QUIET_HINT),
    };
    let fillings = [
        ("n", n(view.fleet.devices)),
        ("devices", n(view.fleet.devices)),
        ("kbs", n(view.kbs.len() as u64)),
    ];
    html! {
        h1 { (phrase.fill(lang, &fillings)) }
        p.lead { (hint.fill(lang, &fillings)) }
    }
}

fn tiles(view: &View, clusters: &[&Cluster], reader: &Reader) -> Markup {
    let in_clusters: u64 = clusters.iter().map(|cluster| cluster.failed).sum();
    let dark = silent::dark(&view.silent);
    let fleet = &view.fleet;
    html! {
        ul.tiles {
            (tile(reader, "/clusters", clusters.len() as u64, text::TILE_CLUSTERS, text::TILE_CLUSTERS_HINT, in_clusters))
            (tile(reader, "/silent", fleet.silent, text::TILE_SILENT, text::TILE_SILENT_HINT, dark))
            (tile(reader, "#new-codes", view.new_codes.len() as u64, text::TILE_CODES, text::TILE_CODES_HINT, 0))
            (tile(reader, "#fleet", fleet.devices, text::TILE_DEVICES, text::TILE_DEVICES_HINT, fleet.present))
        }
        @if !fleet.by_class.is_empty() {
            p.fleet #fleet {
                span.label { (text::FLEET.of(reader.lang)) }
                @for (class, n) in &fleet.by_class {
                    span { (word(CLASSES, reader.lang, class)) " " b { (count(*n)) } }
                }
            }
        }
    }
}

fn tile(reader: &Reader, href: &str, n: u64, name: Phrase, hint: Phrase, of_these: u64) -> Markup {
    let lang = reader.lang;
    let fillings = [
        ("n", html! { (count(of_these)) }),
        ("present", html! { (count(of_these)) }),
    ];
    html! {
        li {
            a href=(href) {
                span.what { (name.of(lang)) }
                span.figure { (count(n)) }
                span.hint { (hint.fill(lang, &fillings)) }
            }
        }
    }
}

fn kb_table(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let bounds = view
        .kbs
        .iter()
        .flat_map(|kb| [Some(kb.rate.high), kb.usual_rate])
        .flatten();
    let scale = RateScale::over(bounds);
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::KB.of(lang)) }
                        th.num scope="col" { (text::FAILED_OF_TRIED.of(lang)) }
                        th.num scope="col" { (text::FAILURE_RATE.of(lang)) }
                        th.wide scope="col" { (text::INTERVAL_95.of(lang)) }
                        th scope="col" { (text::USUAL.of(lang)) }
                        th.num scope="col" { (text::PENDING_REBOOT.of(lang)) }
                        th scope="col" { (text::FIRST_TRIED.of(lang)) }
                        th.spark scope="col" { (text::TREND.of(lang)) }
                    }
                }
                tbody {
                    @for kb in &view.kbs { (kb_row(kb, scale, view.made_at_ms, reader)) }
                }
            }
        }
        p.legend {
            (text::RATE_LEGEND.of(lang).replace("{max}", &percent(scale.top)))
        }
    }
}

fn kb_row(kb: &KbStatus, scale: RateScale, until_ms: i64, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let fillings = [
        ("n", html! { b { (count(kb.rate.failed)) } }),
        ("m", html! { (count(kb.rate.tried)) }),
    ];
    html! {
        tr {
            th scope="row" {
                (kb_link(&kb.kb))
                @if !kb.build.is_empty() { " " span.muted { (data(&kb.build)) } }
            }
            td.num data-label=(text::FAILED_OF_TRIED.of(lang)) { (text::N_OF_M.fill(lang, &fillings)) }
            td.num data-label=(text::FAILURE_RATE.of(lang)) { (percent(kb.rate.value)) }
            td.wide data-label=(text::INTERVAL_95.of(lang)) {
                (rate_bar(lang, &kb.rate, kb.usual_rate, scale))
            }
            td.still data-label=(text::USUAL.of(lang)) { (usual(lang, kb.usual_rate)) }
            td.num data-label=(text::PENDING_REBOOT.of(lang)) { (count(kb.outcomes.pending)) }
            td data-label=(text::FIRST_TRIED.of(lang)) { (time_and_age(reader, kb.first_attempt_at_ms)) }
            td.spark data-label=(text::TREND.of(lang)) { (spark(reader, &kb.series, until_ms)) }
        }
    }
}

/// The points of all KBs within the chart's reach.
fn recent(view: &View) -> Vec<Point> {
    let from_ms = view.made_at_ms - TREND_MS;
    view.kbs
        .iter()
        .flat_map(|kb| &kb.series)
        .filter(|point| point.at_ms >= from_ms)
        .copied()
        .collect()
}

fn new_codes(codes: &[NewCode], reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h2 #new-codes { (text::NEW_CODES.of(lang)) }
        @if codes.is_empty() { p.empty { (text::NO_NEW_CODE.of(lang)) } }
        @else {
            ul.list {
                @for new in codes.iter().take(LISTED) {
                    li {
                        (codes::code(lang, &new.hresult, &new.symbol))
                        @if let Some(meaning) = codes::meaning(lang, &new.hresult) { p.meaning { (meaning) } }
                        p.muted {
                            (text::DEVICES.of(lang)) " " (count(new.devices))
                            " · " (text::FIRST_SEEN.of(lang)) " " (time_and_age(reader, new.first_seen_ms))
                            @for kb in &new.kbs { " · " (kb_link(kb)) }
                        }
                    }
                }
            }
        }
    }
}

fn silent_devices(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let ordered: Vec<&SilentDevice> = silent::gravest_first(&view.silent);
    let devices = html! { (count(view.fleet.devices)) };
    html! {
        h2 { (text::SILENT_SHORT.of(lang)) }
        @if ordered.is_empty() {
            p.empty { (text::SILENT_NONE_HINT.fill(lang, &[("n", devices)])) }
        } @else {
            ul.list {
                @for device in ordered.iter().take(LISTED) {
                    li {
                        (device_link(&device.device_id))
                        " " span.muted { (why(device, lang)) }
                        @if !device.open_kb.is_empty() { " · " (kb_link(&device.open_kb)) }
                        p.muted { (text::LAST_HEARD.of(lang)) " " (time_and_age(reader, device.last_heard_ms)) }
                    }
                }
            }
            p { a href="/silent" { (text::ALL_SILENT.of(lang).replace("{n}", &count(view.silent.len() as u64))) } }
        }
    }
}
