//! May a ring go on: what the figures say beside what people decided, and what
//! each rested on when it was said.

mod figures;
mod history;
mod people;

use maud::{Markup, html};

use super::layout::section_head;
use super::reader::{Lang, Reader};
use super::text::{self, Phrase};
use super::words::data;
use crate::view::{RingVerdict, RolloutStatus, Verdict};
use figures::says;
use history::history;
pub(super) use history::records;
use people::people;

/// All rings of a rollout.
pub(super) fn section(rollout: &RolloutStatus, reader: &Reader) -> Markup {
    html! {
        section #verdicts {
            (section_head(reader.lang, text::VERDICTS, Some(text::VERDICTS_HINT)))
            @for ring in &rollout.verdicts { (one(rollout, ring, reader)) }
        }
    }
}

/// Verdicts of all rings in a line.
pub(super) fn glance(rollout: &RolloutStatus, lang: Lang) -> Markup {
    html! {
        ul.states {
            @for ring in &rollout.verdicts {
                li { (ring_name(&ring.ring, lang)) " " (badge(ring.verdict, lang)) }
            }
        }
    }
}

fn ring_name(ring: &str, lang: Lang) -> Markup {
    if ring.is_empty() {
        return html! { (text::NO_RING.of(lang)) };
    }
    data(ring)
}

fn phrase(verdict: Verdict) -> Phrase {
    match verdict {
        Verdict::Go => text::VERDICT_GO,
        Verdict::Watch => text::VERDICT_WATCH,
        Verdict::Stop => text::VERDICT_STOP,
    }
}

fn colour(word: &str) -> &'static str {
    match word {
        "go" => "done",
        "stop" => "failed",
        _ => "pending",
    }
}

fn badge(verdict: Verdict, lang: Lang) -> Markup {
    html! { span class={ "badge " (colour(verdict.as_str())) } { (phrase(verdict).of(lang)) } }
}

fn one(rollout: &RolloutStatus, ring: &RingVerdict, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        article class={ "card verdict " (ring.verdict.as_str()) } {
            h3 { (ring_name(&ring.ring, lang)) " " (badge(ring.verdict, lang)) }
            div.sides {
                div {
                    h4 { (text::VERDICT_SAYS.of(lang)) }
                    (says(ring.verdict, &ring.evidence, reader))
                }
                div {
                    h4 { (text::VERDICT_PEOPLE.of(lang)) }
                    (people(rollout, ring, reader))
                }
            }
            (history(ring, reader))
        }
    }
}
