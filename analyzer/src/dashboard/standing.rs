//! Where devices stand: exclusive states that add up, as a bar and as rows.

use maud::{Markup, html};

use super::chart::{Part, stacked};
use super::number::{count, percent, share};
use super::reader::{Lang, Reader};
use super::text::{self, Phrase};
use crate::view::{Outcomes, RolloutRows};

/// One state: class of its colour, name, devices.
pub(super) type State = (&'static str, Phrase, u64);

/// The states of a KB's devices. They add up to every device with an attempt.
pub(super) fn of_outcomes(outcomes: &Outcomes) -> [State; 6] {
    [
        ("done", text::OUT_SUCCEEDED, outcomes.succeeded),
        ("failed", text::OUT_FAILED, outcomes.failed),
        ("pending", text::OUT_PENDING, outcomes.pending),
        ("running", text::OUT_UNKNOWN, outcomes.unknown),
        ("excluded", text::OUT_CANCELLED, outcomes.cancelled),
        ("silent", text::OUT_SILENT, outcomes.gone_silent),
    ]
}

/// The states of a rollout's targets. They add up to the target list.
pub(super) fn of_rollout(rows: &RolloutRows) -> [State; 11] {
    [
        ("done", text::ROW_COMPLIANT, rows.compliant),
        ("failed", text::ROW_FAILED, rows.failed),
        ("pending", text::ROW_PENDING, rows.pending_reboot),
        ("running", text::ROW_IN_PROGRESS, rows.in_progress),
        ("window", text::ROW_WAITING_WINDOW, rows.waiting_window),
        ("waiting", text::ROW_NOT_OFFERED, rows.not_offered),
        ("silent", text::ROW_SILENT, rows.silent),
        ("unheard", text::ROW_NO_COLLECTOR, rows.no_collector),
        (
            "inapplicable",
            text::ROW_NOT_APPLICABLE,
            rows.not_applicable,
        ),
        ("excused", text::ROW_EXCUSED, rows.excused),
        ("excluded", text::ROW_EXCLUDED, rows.excluded),
    ]
}

/// All states together.
pub(super) fn total(states: &[State]) -> u64 {
    states.iter().map(|(.., n)| n).sum()
}

/// The states as one bar.
pub(super) fn bar(states: &[State], lang: Lang, height: u32) -> Markup {
    let parts: Vec<Part> = states
        .iter()
        .map(|(class, name, n)| Part {
            class,
            name: name.of(lang).to_owned(),
            n: *n,
        })
        .collect();
    stacked(&parts, height)
}

/// The states that occur, in one line.
pub(super) fn legend(states: &[State], lang: Lang) -> Markup {
    html! {
        ul.states {
            @for (class, name, n) in states.iter().filter(|(.., n)| *n > 0) {
                li { span class={ "swatch " (class) } {} (name.of(lang)) " " b { (count(*n)) } }
            }
        }
    }
}

/// The state whose colour class is named in an address.
pub(super) fn named<'s>(states: &'s [State], class: &str) -> Option<&'s State> {
    states.iter().find(|(name, ..)| *name == class)
}

/// The bar and below it a row for each state that occurs, with the sum; each
/// count leads to its devices, under `address`.
pub(super) fn table(states: &[State], healed: u64, address: &str, reader: &Reader) -> Markup {
    let lang = reader.lang;
    let sum = total(states);
    html! {
        (bar(states, lang, 30))
        table.standing {
            thead {
                tr {
                    th scope="col" { (text::STATE.of(lang)) }
                    th.num scope="col" { (text::DEVICES.of(lang)) }
                    th.num scope="col" { (text::SHARE.of(lang)) }
                }
            }
            tbody {
                @for (class, name, n) in states.iter().filter(|(.., n)| *n > 0) {
                    tr {
                        th scope="row" {
                            span class={ "swatch " (class) } {} (name.of(lang))
                            @if healed > 0 && *class == "done" {
                                " " span.muted { "(" (text::OUT_HEALED.of(lang).replace("{n}", &count(healed))) ")" }
                            }
                        }
                        td.num { a href={ (address) "/devices?state=" (class) } { (count(*n)) } }
                        td.num { (percent(share(*n, sum))) }
                    }
                }
            }
            tfoot {
                tr {
                    th scope="row" { (text::TOTAL.of(lang)) }
                    td.num { (count(sum)) }
                    td.num { (percent(share(sum, sum))) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_state_of_a_target_is_left_out_of_the_rows() {
        let rows = RolloutRows {
            compliant: 1,
            failed: 2,
            pending_reboot: 4,
            in_progress: 8,
            not_offered: 16,
            not_applicable: 32,
            excluded: 64,
            silent: 128,
            no_collector: 256,
            excused: 512,
            waiting_window: 1_024,
        };
        assert_eq!(total(&of_rollout(&rows)), 2_047);
    }

    #[test]
    fn no_state_of_a_device_is_left_out_of_the_rows() {
        let outcomes = Outcomes {
            succeeded: 1,
            failed: 2,
            pending: 4,
            cancelled: 8,
            unknown: 16,
            gone_silent: 32,
            healed: 1,
        };
        assert_eq!(total(&of_outcomes(&outcomes)), 63);
    }
}
