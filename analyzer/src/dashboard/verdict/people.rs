//! What people decided on a ring.

use maud::{Markup, html};

use super::{colour, phrase};
use crate::dashboard::cluster::remedy::command;
use crate::dashboard::layout::path_part;
use crate::dashboard::number::{count, time};
use crate::dashboard::reader::Reader;
use crate::dashboard::text;
use crate::dashboard::words::{DECISIONS, data, word};
use crate::view::{Decision, RingVerdict, RolloutStatus, Verdict};

/// The newest decision, the others folded away; without any, how to record one.
pub(super) fn people(rollout: &RolloutStatus, ring: &RingVerdict, reader: &Reader) -> Markup {
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
