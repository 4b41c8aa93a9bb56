//! What the devices of a cluster share, and the suspects that were cleared.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::dashboard::chart::{ratio_bar, ratio_top};
use crate::dashboard::layout::device_link;
use crate::dashboard::number::{count, percent, share, times};
use crate::dashboard::reader::Reader;
use crate::dashboard::text;
use crate::dashboard::words::{CLASSES, FACTS, data, find, word};
use crate::view::{CauseCandidate, Cluster, Exonerated, Waiting};

/// Devices that stand for all that have a cleared fact.
const EXAMPLES: usize = 5;

/// `image img-teller-2022b and ring ring1`.
pub(super) fn facts(facts: &BTreeMap<String, String>, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        @for (i, (key, value)) in facts.iter().enumerate() {
            @if i > 0 { (text::AND.of(lang)) }
            (text::FACT_IS.fill(lang, &[("fact", word(FACTS, lang, key)), ("value", html! { b { (value_of(key, value, reader)) } })]))
        }
    }
}

fn value_of(key: &str, value: &str, reader: &Reader) -> Markup {
    match find(CLASSES, value).filter(|_| key == "class") {
        Some(class) => html! { (class.of(reader.lang)) },
        None => data(value),
    }
}

fn rates(cause: &CauseCandidate, reader: &Reader) -> Markup {
    let fillings = [
        ("failed", html! { b { (count(cause.failed)) } }),
        ("total", html! { (count(cause.total)) }),
        (
            "failed_outside",
            html! { b { (count(cause.failed_outside)) } },
        ),
        ("total_outside", html! { (count(cause.total_outside)) }),
    ];
    text::CAUSE_RATES.fill(reader.lang, &fillings)
}

fn ratio(cause: &CauseCandidate, reader: &Reader) -> Markup {
    let fillings = [
        ("ratio", html! { b { (times(cause.risk_ratio)) } }),
        ("low", html! { (times(cause.interval.0)) }),
        ("high", html! { (times(cause.interval.1)) }),
    ];
    text::CAUSE_RATIO.fill(reader.lang, &fillings)
}

/// Whom the leading cause will meet next.
pub(super) fn waiting(waiting: &Waiting, reader: &Reader) -> Markup {
    let phrase = if waiting.listed {
        text::WAITING_LISTED
    } else {
        text::WAITING
    };
    let fillings = [
        ("n", html! { b { (count(waiting.devices)) } }),
        ("facts", facts(&waiting.facts, reader)),
        ("of", html! { (count(waiting.of)) }),
    ];
    phrase.fill(reader.lang, &fillings)
}

/// The best candidate in a few lines.
pub(super) fn glance(cluster: &Cluster, reader: &Reader) -> Markup {
    let Some(cause) = cluster.causes.first() else {
        return html! { p.muted { (text::SHARE_NONE.of(reader.lang)) } };
    };
    html! {
        p { (facts(&cause.facts, reader)) }
        p.muted { (rates(cause, reader)) }
    }
}

/// Every candidate with its ratio drawn.
pub(super) fn causes(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if cluster.causes.is_empty() {
        return html! { p.empty { (text::SHARE_NONE.of(lang)) } };
    }
    let bounds = cluster
        .causes
        .iter()
        .flat_map(|c| [c.risk_ratio, c.interval.1]);
    let top = ratio_top(bounds);
    html! {
        @for cause in &cluster.causes {
            div.cause {
                p.what { (facts(&cause.facts, reader)) }
                p {
                    (rates(cause, reader)) " "
                    span.muted { (percent(share(cause.failed, cause.total))) " · " (percent(share(cause.failed_outside, cause.total_outside))) }
                }
                p { (ratio(cause, reader)) }
                (ratio_bar(lang, cause.risk_ratio, cause.interval, top))
                @for other in &cause.inseparable {
                    p.muted { (text::CAUSE_INSEPARABLE.fill(lang, &[("facts", facts(other, reader))])) }
                }
            }
        }
        p.legend { (text::CAUSE_FOREST.of(lang)) }
    }
}

/// Every cleared suspect with its counter-examples.
pub(super) fn exonerated(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if cluster.exonerated.is_empty() {
        return html! { p.empty { (text::CLEARED_NONE.of(lang)) } };
    }
    html! {
        p.hint { (text::CLEARED_HINT.of(lang)) }
        @for suspect in &cluster.exonerated {
            div.cause.cleared {
                p.what { (facts(&suspect.facts, reader)) }
                p { (before_and_after(suspect, reader)) }
                p {
                    (text::CLEARED_EXAMPLES.fill(lang, &[("n", html! { b { (count(suspect.counter_examples)) } })]))
                    @for device in suspect.examples.iter().take(EXAMPLES) { " " (device_link(device)) }
                }
            }
        }
    }
}

fn before_and_after(suspect: &Exonerated, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let within = html! {
        @for (i, key) in suspect.within.iter().enumerate() {
            @if i > 0 { (text::AND.of(lang)) }
            (word(FACTS, lang, key))
        }
    };
    let fillings = [
        ("crude", html! { b { (times(suspect.crude_risk_ratio)) } }),
        (
            "adjusted",
            html! { b { (times(suspect.adjusted_risk_ratio)) } },
        ),
        ("within", within),
    ];
    text::CLEARED_RATIO.fill(lang, &fillings)
}
