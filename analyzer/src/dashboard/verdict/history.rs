//! Verdicts as they were given, with the devices and records behind them.

use maud::{Markup, html};

use super::badge;
use super::figures::says;
use crate::dashboard::layout::{device_link, path_part};
use crate::dashboard::number::{count, time};
use crate::dashboard::reader::{Lang, Reader};
use crate::dashboard::text;
use crate::dashboard::words::{OUTCOMES, data, find};
use crate::view::{GivenVerdict, RingVerdict, Witness};

/// Devices of a verdict's evidence that the page lists.
const LISTED: usize = 60;

/// Verdicts as they were given: the one that stands with its evidence, the
/// others folded away.
pub(super) fn history(ring: &RingVerdict, reader: &Reader) -> Markup {
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
pub(in crate::dashboard) fn records(device_id: &str, evidence: &[String], lang: Lang) -> Markup {
    html! {
        @for (n, event) in (1..).zip(evidence) {
            " "
            a href={ "/events/" (path_part(event)) "?device=" (path_part(device_id)) } {
                (text::RECORD_N.of(lang).replace("{n}", &count(n)))
            }
        }
    }
}
