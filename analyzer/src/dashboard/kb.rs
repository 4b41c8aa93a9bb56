//! One KB: where the devices stand, by ring and class, how the failed ended.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::{RateScale, rate_bar, trend};
use super::cluster;
use super::codes;
use super::layout::{kb_link, path_part, section_head};
use super::number::{count, percent, time_and_age, usual};
use super::reader::Reader;
use super::standing;
use super::text;
use super::words::{CLASSES, data, word};
use crate::view::{Cluster, KbStatus, Slice, View};

/// The page of one KB.
pub(super) fn page(kb: &KbStatus, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let states = standing::of_outcomes(&kb.outcomes);
    html! {
        (head(kb, view, reader))
        section {
            (section_head(lang, text::OUTCOMES, Some(text::OUTCOMES_HINT)))
            (standing::table(&states, kb.outcomes.healed, &format!("/kbs/{}", path_part(&kb.kb)), reader))
        }
        section {
            (section_head(lang, text::ITS_CLUSTERS, None))
            (clusters(kb, view, reader))
        }
        section {
            (section_head(lang, text::TREND_KB, None))
            (trend(reader, &kb.series, view.made_at_ms))
        }
        @if !kb.by_ring.is_empty() {
            section {
                (section_head(lang, text::BY_RING, None))
                (slices(&kb.by_ring, kb, false, reader))
            }
        }
        @if !kb.by_class.is_empty() {
            section {
                (section_head(lang, text::BY_CLASS, None))
                (slices(&kb.by_class, kb, true, reader))
            }
        }
        section {
            (section_head(lang, text::CODES, None))
            (codes_table(kb, reader))
        }
    }
}

fn head(kb: &KbStatus, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let rate = &kb.rate;
    let phrase = match (rate.tried, rate.failed) {
        (0, _) => text::KB_TITLE_NONE,
        (_, 0) => text::KB_TITLE_FINE,
        _ => text::KB_TITLE_FAILING,
    };
    let fillings = [
        ("kb", data(&kb.kb)),
        ("failed", html! { (count(rate.failed)) }),
        ("tried", html! { (count(rate.tried)) }),
    ];
    html! {
        h1 class=[(rate.failed > 0).then_some("bad")] { (phrase.fill(lang, &fillings)) }
        @if !kb.title.is_empty() { p.muted { (data(&kb.title)) } }
        p.lead {
            @if rate.tried > 0 { (rate_sentence(kb, reader)) " " }
            @if !kb.build.is_empty() { (text::KB_BRINGS.fill(lang, &[("build", data(&kb.build))])) " " }
            (text::KB_BETWEEN.fill(lang, &[
                ("first", time_and_age(reader, kb.first_attempt_at_ms)),
                ("last", time_and_age(reader, kb.last_attempt_at_ms)),
            ]))
        }
        @for rollout in view.rollouts.iter().filter(|r| r.kbs.values().any(|of| *of == kb.kb)) {
            p { (text::NAV_ROLLOUTS.of(lang)) " " a href={ "/rollouts/" (path_part(&rollout.name)) } { (data(&rollout.name)) } }
        }
    }
}

fn rate_sentence(kb: &KbStatus, reader: &Reader) -> Markup {
    let fillings = [
        ("rate", html! { b { (percent(kb.rate.value)) } }),
        ("low", html! { (percent(kb.rate.low)) }),
        ("high", html! { (percent(kb.rate.high)) }),
        ("usual", html! { b { (usual(reader.lang, kb.usual_rate)) } }),
    ];
    text::KB_RATE.fill(reader.lang, &fillings)
}

fn clusters(kb: &KbStatus, view: &View, reader: &Reader) -> Markup {
    let of_kb: Vec<&Cluster> = view.clusters.iter().filter(|c| c.kb == kb.kb).collect();
    html! {
        @if of_kb.is_empty() { p.empty { (text::NO_CLUSTER_OF_KB.of(reader.lang)) } }
        (cluster::lines(&of_kb, reader))
    }
}

fn slices(slices: &[Slice], kb: &KbStatus, by_class: bool, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let bounds = slices.iter().map(bound).chain(kb.usual_rate);
    let scale = RateScale::over(bounds);
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (if by_class { text::CLASS } else { text::RING }.of(lang)) }
                        th.num scope="col" { (text::FAILED_OF_TRIED.of(lang)) }
                        th.num scope="col" { (text::FAILURE_RATE.of(lang)) }
                        th.wide scope="col" { (text::INTERVAL_95.of(lang)) }
                        th.wide scope="col" { (text::OUTCOMES.of(lang)) }
                    }
                }
                tbody { @for slice in slices { (slice_row(slice, kb, by_class, scale, reader)) } }
            }
        }
        p.legend { (text::RATE_LEGEND.of(lang).replace("{max}", &percent(scale.top))) }
    }
}

/// How far a scale must reach for a slice. Few devices have an interval that
/// says little and would press all others together: it may run out of sight.
fn bound(slice: &Slice) -> f64 {
    match slice.rate.tried {
        0 => 0.0,
        1..50 => slice.rate.value,
        _ => slice.rate.high,
    }
}

fn slice_row(
    slice: &Slice,
    kb: &KbStatus,
    by_class: bool,
    scale: RateScale,
    reader: &Reader,
) -> Markup {
    let lang = reader.lang;
    let fillings = [
        ("n", html! { b { (count(slice.rate.failed)) } }),
        ("m", html! { (count(slice.rate.tried)) }),
    ];
    html! {
        tr {
            th scope="row" {
                @if slice.name.is_empty() { span.muted { (text::UNNAMED.of(lang)) } }
                @else if by_class { (word(CLASSES, lang, &slice.name)) }
                @else { (data(&slice.name)) }
            }
            td.num data-label=(text::FAILED_OF_TRIED.of(lang)) { (text::N_OF_M.fill(lang, &fillings)) }
            td.num data-label=(text::FAILURE_RATE.of(lang)) {
                @if slice.rate.tried > 0 { (percent(slice.rate.value)) } @else { "–" }
            }
            td.wide data-label=(text::INTERVAL_95.of(lang)) {
                @if slice.rate.tried > 0 { (rate_bar(lang, &slice.rate, kb.usual_rate, scale)) } @else { "–" }
            }
            td.wide data-label=(text::OUTCOMES.of(lang)) { (standing::bar(&standing::of_outcomes(&slice.outcomes), lang, 14)) }
        }
    }
}

fn codes_table(kb: &KbStatus, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if kb.codes.is_empty() {
        return html! { p.empty { (text::NO_CODE.of(lang)) } };
    }
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::RESULT_CODE.of(lang)) }
                        th scope="col" { (text::MEANING.of(lang)) }
                        th.num scope="col" { (text::DEVICES.of(lang)) }
                    }
                }
                tbody {
                    @for code in &kb.codes {
                        tr {
                            th scope="row" { (codes::code(lang, &code.hresult, &code.symbol)) }
                            td data-label=(text::MEANING.of(lang)) {
                                @if let Some(meaning) = codes::meaning(lang, &code.hresult) { (meaning) }
                                @else { span.muted { (text::NOT_KNOWN.of(lang)) } }
                            }
                            td.num data-label=(text::DEVICES.of(lang)) { (count(code.devices)) }
                        }
                    }
                }
            }
        }
    }
}

/// What stands where a KB has no attempt in the window.
pub(super) fn unknown(name: &str, reader: &Reader) -> Markup {
    let headline = text::KB_UNKNOWN.fill(reader.lang, &[("kb", data(name))]);
    let hint = html! { (text::NOT_FOUND_HINT.of(reader.lang)) };
    super::layout::absence(reader, &headline, &hint)
}

/// KBs of a release: `KB… on 17763`, as links where an attempt was seen.
pub(super) fn of_builds(kbs: &BTreeMap<String, String>, view: &View, reader: &Reader) -> Markup {
    let shown = |kb: &str| {
        let tried = view.kbs.iter().any(|known| known.kb == kb);
        if tried { kb_link(kb) } else { data(kb) }
    };
    html! {
        @for (i, (build, kb)) in kbs.iter().enumerate() {
            @if i > 0 { ", " }
            (text::ROLLOUT_KB_OF_BUILD.fill(reader.lang, &[("kb", shown(kb)), ("build", data(build))]))
        }
    }
}
