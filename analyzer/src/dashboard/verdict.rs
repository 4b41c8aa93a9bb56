//! May a ring go on: what the figures say beside what people decided, and what
//! each rested on when it was said.

use maud::{Markup, html};

use super::cluster::{chance, remedy::command};
use super::layout::{device_link, path_part, section_head};
use super::number::{self, count, percent, time};
use super::reader::{Lang, Reader};
use super::text::{self, Phrase};
use super::words::{BLOCKERS, CLASSES, DECISIONS, OUTCOMES, data, find, word};
use crate::view::{
    Decision, GivenVerdict, RingCluster, RingEvidence, RingVerdict, RolloutStatus, Verdict, Witness,
};

/// Devices of a verdict's evidence that the page lists.
const LISTED: usize = 60;

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

/// The figures of this moment, and what stands in the way of go.
fn says(verdict: Verdict, evidence: &RingEvidence, reader: &Reader) -> Markup {
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
            " " span.muted { "(" (text::VERDICT_CHANCE.of(lang).replace("{p}", &chance(p))) ")" }
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

fn people(rollout: &RolloutStatus, ring: &RingVerdict, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let Some((newest, earlier)) = ring.decisions.split_first() else {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let line = format!(
            "kbwatch rollout decide --data DIR --rollout {} --ring {} --decision hold --who NAME --why TEXT",
            quoted(&rollout.name),
            quoted(&ring.ring)
        );
        let id = format!("decide-{}", path_part(&ring.ring).replace('%', "_"));
        return html! {
            p.muted { (text::DECISION_NONE.of(lang)) }
            (command(&line, &id, lang))
        };
    };
    html! {
        p { (decision(newest, reader)) }
        p { (data(&newest.why)) }
        @if !earlier.is_empty() {
            details {
                summary { (text::DECISION_MORE.of(lang).replace("{n}", &count(earlier.len() as u64))) }
                ul.list {
                    @for one in earlier { li { p { (decision(one, reader)) } p { (data(&one.why)) } } }
                }
            }
        }
    }
}

fn decision(decision: &Decision, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let said = html! {
        span class={ "badge " (colour(&decision.decision)) } { (word(DECISIONS, lang, &decision.decision)) }
    };
    let fillings = [
        ("decision", said),
        ("who", data(&decision.who)),
        ("time", time(reader, decision.decided_at_ms)),
        ("n", html! { (decision.verdict_number) }),
        (
            "verdict",
            html! { (phrase(Verdict::of(&decision.verdict)).of(lang)) },
        ),
    ];
    if decision.verdict_number == 0 {
        return text::DECISION_ON_NONE.fill(lang, &fillings[..3]);
    }
    text::DECISION_ON.fill(lang, &fillings)
}

/// Verdicts as they were given: the one that stands with its evidence, the
/// others folded away.
fn history(ring: &RingVerdict, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let Some((newest, earlier)) = ring.given.split_first() else {
        return html! {};
    };
    let id = path_part(&ring.ring).replace('%', "_");
    html! {
        p.hint { (given_line(newest, reader)) }
        details id={ "evidence-" (id) } {
            summary { (text::VERDICT_EVIDENCE.of(lang)) }
            (given(newest, reader))
        }
        @if !earlier.is_empty() {
            details id={ "earlier-" (id) } {
                summary { (text::VERDICT_EARLIER.of(lang).replace("{n}", &count(earlier.len() as u64))) }
                ul.list {
                    @for one in earlier {
                        li {
                            p { (badge(one.verdict, lang)) " " (given_line(one, reader)) }
                            (says(one.verdict, &one.evidence, reader))
                        }
                    }
                }
            }
        }
    }
}

fn given_line(given: &GivenVerdict, reader: &Reader) -> Markup {
    let fillings = [
        ("n", html! { (given.number) }),
        ("time", time(reader, given.given_at_ms)),
        ("version", data(&given.code_version)),
    ];
    text::VERDICT_GIVEN.fill(reader.lang, &fillings)
}

fn given(given: &GivenVerdict, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let witnesses = &given.evidence.witnesses;
    html! {
        (says(given.verdict, &given.evidence, reader))
        @if !witnesses.is_empty() {
            h4 { (text::VERDICT_WITNESSES.of(lang)) }
            ul.list {
                @for one in witnesses.iter().take(LISTED) { li { (witness(one, reader)) } }
            }
            @if witnesses.len() > LISTED {
                p.muted {
                    (text::FIRST_N.fill(lang, &[
                        ("n", html! { (count(LISTED as u64)) }),
                        ("m", html! { (count(witnesses.len() as u64)) }),
                    ]))
                }
            }
        }
    }
}

fn witness(witness: &Witness, reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        (device_link(&witness.device_id)) " "
        @match find(OUTCOMES, &witness.outcome) {
            Some(outcome) => (outcome.of(lang)),
            None => (data(&witness.outcome)),
        }
        " " (time(reader, witness.at_ms)) " "
        (records(&witness.device_id, &witness.evidence, lang))
    }
}

/// Links to the records that say so.
pub(super) fn records(device_id: &str, evidence: &[String], lang: Lang) -> Markup {
    html! {
        @for (n, event) in (1..).zip(evidence) {
            " "
            a href={ "/events/" (path_part(event)) "?device=" (path_part(device_id)) } {
                (text::RECORD_N.of(lang).replace("{n}", &count(n)))
            }
        }
    }
}
