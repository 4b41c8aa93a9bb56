//! One device: its attempts, what its logs say in order, its facts.

mod facts;

use maud::{Markup, html};

use super::cluster;
use super::codes;
use super::layout::{absence, kb_link, path_part, section_head};
use super::number::{ago, clock, count, span, time, time_with_zone};
use super::reader::Reader;
use super::text;
use super::words::{OUTCOMES, PHASES, RESULTS, SILENCES, SOURCES, data, visible, word};
use crate::load::{AttemptLine, DeviceTimeline, PresenceLine, TimelineEvent};
use crate::view::{Cluster, View};

/// Most records that a timeline holds.
const MOST_EVENTS: usize = 500;

const DAY_MS: i64 = 24 * 3_600_000;

/// A clock that is off by more than this is named.
const SKEW_MS: i64 = 2 * 60_000;

/// The page of one device.
pub(super) fn page(device: &DeviceTimeline, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        (head(device, view, reader))
        section {
            (section_head(lang, text::ATTEMPTS, None))
            @if device.attempts.is_empty() { p.empty { (text::NO_ATTEMPT.of(lang)) } }
            @else { (attempts(&device.attempts, &device.device_id, reader)) }
        }
        section { (facts::section(&device.facts, reader)) }
        section {
            (section_head(lang, text::TIMELINE, None))
            @if device.events.is_empty() { p.empty { (text::TIMELINE_EMPTY.of(lang)) } }
            (timeline(&device.events, &device.device_id, reader))
            @if device.events.len() >= MOST_EVENTS {
                p.muted { (text::TIMELINE_CUT.of(lang).replace("{n}", &count(MOST_EVENTS as u64))) }
            }
        }
    }
}

fn head(device: &DeviceTimeline, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let hostname = device
        .facts
        .first()
        .and_then(|line| line.facts.get("hostname"));
    let silent = view.silent.iter().find(|s| s.device_id == device.device_id);
    let its_clusters: Vec<&Cluster> = view
        .clusters
        .iter()
        .filter(|c| {
            c.devices
                .iter()
                .any(|member| member.device_id == device.device_id)
        })
        .collect();
    html! {
        h1 {
            (text::DEVICE.of(lang)) " " (data(&device.device_id))
            @if let Some(name) = hostname { " " span.muted { (data(name)) } }
        }
        p.lead {
            @match &device.presence {
                Some(presence) => {
                    (text::DEVICE_SEEN.fill(lang, &[
                        ("time", time_with_zone(reader, presence.last_heard_ms)),
                        ("age", html! { (ago(reader, presence.last_heard_ms)) }),
                    ]))
                }
                None => (text::DEVICE_UNSEEN.of(lang)),
            }
            @if let Some(silent) = silent {
                " " span.badge.failed { (word(SILENCES, lang, &silent.why)) }
            }
        }
        @if let Some(presence) = &device.presence { (collector(presence, reader)) }
        @if !its_clusters.is_empty() {
            section {
                h2 { (text::DEVICE_CLUSTERS.of(lang)) }
                (cluster::lines(&its_clusters, reader))
            }
        }
    }
}

/// How its collector is doing.
fn collector(presence: &PresenceLine, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let fillings = [
        ("version", data(&presence.collector_version)),
        ("lag", html! { (count(presence.lag_bytes)) }),
    ];
    let skew = if presence.clock_skew_ms > 0 {
        text::DEVICE_FAST
    } else {
        text::DEVICE_SLOW
    };
    let off_by_ms = presence.clock_skew_ms.saturating_abs();
    html! {
        p.muted { (text::DEVICE_COLLECTOR.fill(lang, &fillings)) }
        @if off_by_ms > SKEW_MS {
            p.alarm { (skew.fill(lang, &[("span", html! { (span(lang, off_by_ms)) })])) }
        }
        @if presence.cloned { p.alarm { (text::DEVICE_CLONED.of(lang)) } }
    }
}

/// Class of the colour of an outcome or result.
fn colour(word: &str) -> &'static str {
    match word {
        "succeeded" | "success" | "installed" | "repaired" => "done",
        "failed"
        | "rolled_back"
        | "fail"
        | "hash_mismatch"
        | "corrupt_unrepaired"
        | "store_marked_corrupt"
        | "manifest_missing"
        | "gone_silent" => "failed",
        "pending_reboot" | "pending" | "warn" | "retry" => "pending",
        _ => "quiet",
    }
}

fn attempts(attempts: &[AttemptLine], device_id: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::KB.of(lang)) }
                        th scope="col" { (text::OUTCOME.of(lang)) }
                        th scope="col" { (text::PHASE.of(lang)) }
                        th scope="col" { (text::RESULT_CODE.of(lang)) }
                        th scope="col" { (text::BEGAN.of(lang)) }
                        th scope="col" { (text::ENDED.of(lang)) }
                        th scope="col" { (text::EVIDENCE.of(lang)) }
                    }
                }
                tbody { @for attempt in attempts { (attempt_row(attempt, device_id, reader)) } }
            }
        }
    }
}

fn attempt_row(attempt: &AttemptLine, device_id: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        tr {
            th scope="row" { (kb_link(&attempt.kb)) " " span.muted { "#" (attempt.number) } }
            td data-label=(text::OUTCOME.of(lang)) {
                span class={ "badge " (colour(&attempt.outcome)) } { (word(OUTCOMES, lang, &attempt.outcome)) }
            }
            td data-label=(text::PHASE.of(lang)) { (word(PHASES, lang, &attempt.phase)) }
            td data-label=(text::RESULT_CODE.of(lang)) {
                @if attempt.hresult.is_empty() { "–" }
                @else {
                    div {
                        (codes::code(lang, &attempt.hresult, &attempt.symbol))
                        @if let Some(meaning) = codes::meaning(lang, &attempt.hresult) { p.meaning { (meaning) } }
                    }
                }
            }
            td data-label=(text::BEGAN.of(lang)) { (time(reader, attempt.started_at_ms)) }
            td data-label=(text::ENDED.of(lang)) {
                @if matches!(attempt.outcome.as_str(), "unknown" | "pending_reboot" | "gone_silent") {
                    span.muted { (text::STILL_OPEN.of(lang)) }
                } @else { (time(reader, attempt.ended_at_ms)) }
            }
            td data-label=(text::EVIDENCE.of(lang)) {
                @for (i, event) in attempt.evidence.iter().take(5).enumerate() {
                    @if i > 0 { ", " }
                    a href=(event_address(event, device_id)) { (text::RECORD_N.of(lang).replace("{n}", &(i + 1).to_string())) }
                }
            }
        }
    }
}

/// Address of a record's own page.
fn event_address(event_id: &str, device_id: &str) -> String {
    format!(
        "/events/{}?device={}",
        path_part(event_id),
        path_part(device_id)
    )
}

fn timeline(events: &[TimelineEvent], device_id: &str, reader: &Reader) -> Markup {
    let mut day = String::new();
    html! {
        ol.timeline {
            @for event in events {
                @let its_day = event_clock(event, reader, "%Y-%m-%d");
                @if its_day != day {
                    li.day { (its_day) }
                    @let () = { day = its_day; };
                }
                (event_item(event, device_id, reader))
            }
        }
    }
}

/// How the time of an event is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// As UTC.
    Exactly,
    /// From what the log printed and the device's usual offset from UTC.
    ByOffset,
    /// As printed; nobody knows in which zone.
    AsPrinted,
    /// The day alone: a list of what is installed has no more.
    Day,
}

/// How an event's time is known.
pub(super) fn known(event: &TimelineEvent) -> Known {
    if event.source_kind == "installed_updates" && event.at_ms.rem_euclid(DAY_MS) == 0 {
        Known::Day
    } else if event.utc {
        Known::Exactly
    } else if event.by_offset {
        Known::ByOffset
    } else {
        Known::AsPrinted
    }
}

/// An event's time in the reader's zone; as the log printed it where no offset
/// is known.
pub(super) fn event_clock(event: &TimelineEvent, reader: &Reader, format: &str) -> String {
    if matches!(known(event), Known::Exactly | Known::ByOffset) {
        return clock(reader, event.at_ms, format);
    }
    let as_printed = Reader {
        zone: jiff::tz::TimeZone::UTC,
        ..reader.clone()
    };
    clock(&as_printed, event.at_ms, format)
}

fn event_item(event: &TimelineEvent, device_id: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        li class=(colour(&event.result)) {
            div.when {
                a href=(event_address(&event.event_id, device_id)) {
                    @if known(event) == Known::Day { (text::DAY_ONLY.of(lang)) }
                    @else { (event_clock(event, reader, "%H:%M:%S")) }
                }
                @match known(event) {
                    Known::ByOffset => { " " abbr title=(text::BY_OFFSET.of(lang)) { "≈" } }
                    Known::AsPrinted => { " " abbr title=(text::AS_PRINTED.of(lang)) { "*" } }
                    Known::Exactly | Known::Day => {}
                }
            }
            div.told {
                p {
                    span class={ "badge " (colour(&event.result)) } { (word(RESULTS, lang, &event.result)) }
                    " " (word(PHASES, lang, &event.phase))
                    @if !event.kb.is_empty() { " · " (kb_link(&event.kb)) }
                    " · " span.muted { (word(SOURCES, lang, &event.source_kind)) }
                }
                @if !event.hresult.is_empty() {
                    p {
                        (codes::code(lang, &event.hresult, &event.symbol)) " "
                        @if let Some(meaning) = codes::meaning(lang, &event.hresult) { span.meaning { (meaning) } }
                    }
                }
                @if !event.file.is_empty() || !event.component.is_empty() {
                    p { b { (data(&event.file)) } " " span.muted { (data(&event.component)) } }
                }
                (evidence(&event.evidence))
            }
        }
    }
}

/// A record's text as the collector sent it, masked.
pub(super) fn evidence(text: &str) -> Markup {
    html! {
        @if !text.is_empty() { pre.evidence translate="no" dir="ltr" { (visible(text)) } }
    }
}

/// What stands where nothing is known of a device.
pub(super) fn unknown(device_id: &str, reader: &Reader) -> Markup {
    let headline = text::DEVICE_UNKNOWN.fill(reader.lang, &[("id", data(device_id))]);
    let hint = html! { (text::DEVICE_UNKNOWN_HINT.of(reader.lang)) };
    absence(reader, &headline, &hint)
}
