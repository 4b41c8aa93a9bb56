//! What the figures say of a ring, and what stands in the way of go.

use maud::{Markup, html};

use crate::dashboard::cluster::chance;
use crate::dashboard::layout::path_part;
use crate::dashboard::number::{self, count, percent};
use crate::dashboard::reader::{Lang, Reader};
use crate::dashboard::text;
use crate::dashboard::words::{BLOCKERS, CLASSES, data, word};
use crate::view::{RingCluster, RingEvidence, Verdict};

/// The figures of this moment, and what stands in the way of go.
pub(super) fn says(verdict: Verdict, evidence: &RingEvidence, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        @if verdict != Verdict::Go && !evidence.blockers.is_empty() {
            ul.plain {
                @for blocker in &evidence.blockers { li { (word(BLOCKERS, lang, blocker)) } }
            }
        }
        @for cluster in evidence.clusters.iter().filter(|one| one.failed_here > 0) {
            p { (cluster_line(cluster, lang)) }
        }
        @if verdict != Verdict::Stop { (sureness(evidence, lang)) }
        (figures(evidence, lang))
        (cover(evidence, lang))
    }
}

fn cluster_line(cluster: &RingCluster, lang: Lang) -> Markup {
    let name = if cluster.hresult.is_empty() {
        &cluster.id
    } else {
        &cluster.hresult
    };
    let link = html! { a href={ "/clusters/" (path_part(&cluster.id)) } { (data(name)) } };
    let fillings = [
        ("cluster", link),
        ("n", html! { b { (count(cluster.failed_here)) } }),
    ];
    html! {
        (text::VERDICT_CLUSTER.fill(lang, &fillings))
        @if let Some(p) = cluster.p_value {
            " " span.muted { (text::VERDICT_CHANCE.of(lang).replace("{p}", &chance(p))) }
        }
    }
}

/// How sure go is, and what it still needs.
fn sureness(evidence: &RingEvidence, lang: Lang) -> Markup {
    let Some(limit) = evidence.limit else {
        return html! {};
    };
    let fillings = [
        ("confidence", html! { b { (percent(evidence.confidence)) } }),
        ("limit", html! { (percent(limit)) }),
        ("wanted", html! { (percent(evidence.confidence_wanted)) }),
    ];
    let left = evidence.targets.saturating_sub(evidence.settled);
    html! {
        p {
            (text::VERDICT_SURE.fill(lang, &fillings))
            @match evidence.needed {
                Some(0) => {}
                Some(n) => {
                    " " (text::VERDICT_NEEDED.fill(lang, &[("n", html! { b { (count(n)) } })]))
                    @if n > left {
                        " " (text::VERDICT_TOO_SMALL.of(lang).replace("{n}", &count(left)))
                    }
                }
                None => { " " (text::VERDICT_NEEDED_NEVER.of(lang)) }
            }
        }
    }
}

fn figures(evidence: &RingEvidence, lang: Lang) -> Markup {
    let fillings = [
        ("failed", html! { (count(evidence.rate.failed)) }),
        ("tried", html! { (count(evidence.rate.tried)) }),
        ("silent", html! { (count(evidence.gone_silent)) }),
        ("soaked", html! { (count(evidence.soaked)) }),
        ("hours", html! { (evidence.soak_h) }),
        ("upper", html! { (percent(evidence.upper)) }),
        (
            "usual",
            html! { (number::usual(lang, evidence.usual_rate)) },
        ),
    ];
    html! { p.hint { (text::VERDICT_FIGURES.fill(lang, &fillings)) } }
}

/// Classes of which too few devices settled.
fn cover(evidence: &RingEvidence, lang: Lang) -> Markup {
    let lacking = evidence
        .classes
        .iter()
        .filter(|one| one.settled < one.wanted);
    html! {
        ul.states {
            @for class in lacking {
                li {
                    (text::COVER_CLASS.fill(lang, &[
                        ("class", word(CLASSES, lang, &class.class)),
                        ("n", html! { (count(class.settled)) }),
                        ("m", html! { (count(class.wanted)) }),
                    ]))
                }
            }
        }
    }
}
