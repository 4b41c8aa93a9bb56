//! Rollouts: the whole target list in rows that add up, rings, progress.

use maud::{Markup, html};

use super::chart::{RateScale, progress, rate_bar};
use super::kb::of_builds;
use super::layout::{path_part, section_head};
use super::number::{self, count, percent, share};
use super::plan;
use super::reader::Reader;
use super::standing;
use super::text;
use super::verdict;
use super::words::data;
use crate::view::{RolloutRows, RolloutStatus, View};

/// The page of all rollouts.
pub(super) fn list(view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h1 { (text::ROLLOUTS_TITLE.of(lang)) }
        @if view.rollouts.is_empty() {
            p.lead { (text::ROLLOUTS_NONE.of(lang)) }
            p { (text::ROLLOUTS_NONE_HINT.of(lang)) }
            pre translate="no" { code { "kbwatch rollout import --help" } }
        }
        @for rollout in &view.rollouts { (card(rollout, view, reader)) }
    }
}

/// A rollout at a glance.
pub(super) fn card(rollout: &RolloutStatus, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let states = standing::of_rollout(&rollout.rows);
    html! {
        article.card {
            h3 { a href={ "/rollouts/" (path_part(&rollout.name)) } { (headline(rollout, reader)) } }
            p { (release(rollout, view, reader)) }
            (standing::bar(&states, lang, 22))
            (standing::legend(&states, lang))
            (verdict::glance(rollout, lang))
        }
    }
}

fn headline(rollout: &RolloutStatus, reader: &Reader) -> Markup {
    let fillings = [
        ("name", data(&rollout.name)),
        ("done", html! { (count(rollout.rows.compliant)) }),
        ("targets", html! { (count(rollout.targets)) }),
    ];
    text::ROLLOUT_HEAD.fill(reader.lang, &fillings)
}

fn release(rollout: &RolloutStatus, view: &View, reader: &Reader) -> Markup {
    html! {
        (text::ROLLOUT_RELEASE.fill(reader.lang, &[("release", data(&rollout.release))]))
        " " (of_builds(&rollout.kbs, view, reader))
    }
}

/// The page of one rollout.
pub(super) fn page(rollout: &RolloutStatus, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h1 { (headline(rollout, reader)) }
        p.lead { (release(rollout, view, reader)) }
        @if !rollout.verdicts.is_empty() { (verdict::section(rollout, reader)) }
        section {
            (section_head(lang, text::ROLLOUT_ROWS, Some(text::ROLLOUT_ROWS_HINT)))
            (standing::table(&standing::of_rollout(&rollout.rows), 0, &format!("/rollouts/{}", path_part(&rollout.name)), reader))
        }
        section {
            (section_head(lang, text::FAILURE_RATE, None))
            (rate(rollout, view, reader))
        }
        @if !rollout.rings.is_empty() {
            section {
                (section_head(lang, text::ROLLOUT_RINGS, None))
                (rings(rollout, reader))
            }
        }
        section {
            (section_head(lang, text::ROLLOUT_PROGRESS, None))
            @if rollout.progress.is_empty() { p.empty { (text::ROLLOUT_NO_PROGRESS.of(lang)) } }
            @else { (progress(reader, &rollout.progress, rollout.targets, view.made_at_ms)) }
        }
        (plan::forecast(&rollout.forecast, reader))
        (plan::exceptions(rollout, reader))
        (plan::windows(&view.windows, reader))
    }
}

/// What stands where no rollout has the name.
pub(super) fn unknown(name: &str, reader: &Reader) -> Markup {
    let headline = text::ROLLOUT_UNKNOWN.fill(reader.lang, &[("name", data(name))]);
    let hint = html! { (text::NOT_FOUND_HINT.of(reader.lang)) };
    super::layout::absence(reader, &headline, &hint)
}

/// The rate of the release against the usual rate of its KBs.
fn rate(rollout: &RolloutStatus, view: &View, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let usual = view
        .kbs
        .iter()
        .filter(|kb| rollout.kbs.values().any(|of| *of == kb.kb))
        .max_by_key(|kb| kb.rate.tried)
        .and_then(|kb| kb.usual_rate);
    let scale = RateScale::over([rollout.rate.high, usual.unwrap_or(0.0)].into_iter());
    let fillings = [
        ("rate", html! { b { (percent(rollout.rate.value)) } }),
        ("low", html! { (percent(rollout.rate.low)) }),
        ("high", html! { (percent(rollout.rate.high)) }),
        ("usual", html! { b { (number::usual(lang, usual)) } }),
    ];
    html! {
        p { (text::KB_RATE.fill(lang, &fillings)) }
        div.narrow { (rate_bar(lang, &rollout.rate, usual, scale)) }
        p.legend { (text::RATE_LEGEND.of(lang).replace("{max}", &percent(scale.top))) }
    }
}

fn rings(rollout: &RolloutStatus, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::RING.of(lang)) }
                        th.num scope="col" { (text::ROLLOUT_TARGETS.of(lang)) }
                        th.num scope="col" { (text::DONE.of(lang)) }
                        th.widest scope="col" { (text::OUTCOMES.of(lang)) }
                    }
                }
                tbody {
                    @for (ring, rows) in &rollout.rings { (ring_row(ring, rows, reader)) }
                }
            }
        }
    }
}

fn ring_row(ring: &str, rows: &RolloutRows, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let states = standing::of_rollout(rows);
    let targets = standing::total(&states);
    html! {
        tr {
            th scope="row" {
                @if ring.is_empty() { span.muted { (text::UNNAMED.of(lang)) } } @else { (data(ring)) }
            }
            td.num data-label=(text::ROLLOUT_TARGETS.of(lang)) { (count(targets)) }
            td.num data-label=(text::DONE.of(lang)) {
                (count(rows.compliant)) " " span.muted { (percent(share(rows.compliant, targets))) }
            }
            td.widest data-label=(text::OUTCOMES.of(lang)) { (standing::bar(&states, lang, 18)) }
        }
    }
}
