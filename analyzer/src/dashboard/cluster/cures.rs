//! What was tried, and whether it healed more often than leaving devices alone.

use maud::{Markup, html};

use crate::dashboard::layout::device_link;
use crate::dashboard::number::{count, percent};
use crate::dashboard::reader::{Lang, Reader};
use crate::dashboard::text;
use crate::view::{Cluster, Cure, HealRate};

/// Devices named for each cure.
const EXAMPLES: usize = 5;

/// All cures, the most often tried first.
pub(super) fn table(cluster: &Cluster, reader: &Reader) -> Markup {
    let lang = reader.lang;
    if cluster.cures.is_empty() {
        return html! { p.empty { (text::CURES_NONE.of(lang)) } };
    }
    html! {
        p.hint { (text::CURES_HINT.of(lang)) }
        div.scroll {
            table.cards {
                thead {
                    tr {
                        th scope="col" { (text::CURE.of(lang)) }
                        th.num scope="col" { (text::DEVICES.of(lang)) }
                        th.num scope="col" { (text::CURE_AFTER.of(lang)) }
                        th.num scope="col" { (text::CURE_UNTREATED.of(lang)) }
                        th scope="col" { (text::CURE_SAYS.of(lang)) }
                    }
                }
                tbody { @for cure in &cluster.cures { (row(cure, lang)) } }
            }
        }
    }
}

fn row(cure: &Cure, lang: Lang) -> Markup {
    let what = match cure.what.as_str() {
        "restore_health" => text::CURE_RESTORE_HEALTH,
        "other_update" => text::CURE_OTHER_UPDATE,
        _ => text::CURE_RETRY,
    };
    html! {
        tr {
            th scope="row" {
                (what.of(lang))
                p.muted {
                    @for (n, one) in cure.evidence.iter().take(EXAMPLES).enumerate() {
                        @if n > 0 { ", " }
                        (device_link(&one.device_id))
                    }
                }
            }
            td.num data-label=(text::DEVICES.of(lang)) {
                (count(cure.devices))
                @if cure.waiting > 0 {
                    p.muted { (text::CURE_WAITING.fill(lang, &[("n", html! { (count(cure.waiting)) })])) }
                }
            }
            td.num data-label=(text::CURE_AFTER.of(lang)) { (rate(&cure.after, lang)) }
            td.num data-label=(text::CURE_UNTREATED.of(lang)) {
                @if let Some(untreated) = &cure.untreated { (rate(untreated, lang)) } @else { "–" }
            }
            td data-label=(text::CURE_SAYS.of(lang)) { (says(cure).of(lang)) }
        }
    }
}

/// A share with its interval.
fn rate(rate: &HealRate, lang: Lang) -> Markup {
    if rate.devices == 0 {
        return html! { (text::NOT_KNOWN.of(lang)) };
    }
    let fillings = [
        ("share", html! { (percent(rate.value)) }),
        ("low", html! { (percent(rate.low)) }),
        ("high", html! { (percent(rate.high)) }),
        ("n", html! { (count(rate.devices)) }),
    ];
    text::CURE_RATE.fill(lang, &fillings)
}

/// What the two intervals allow to be said.
fn says(cure: &Cure) -> text::Phrase {
    match &cure.untreated {
        None => text::CURE_NO_OTHERS,
        Some(other) if cure.after.low > other.high => text::CURE_HELPS,
        Some(other) if cure.after.high < other.low => text::CURE_HARMS,
        Some(_) => text::CURE_OPEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intervals_that_lie_apart_say_that_a_cure_helps() {
        let share = |low, high| HealRate {
            devices: 40,
            low,
            high,
            ..HealRate::default()
        };
        let said = |after, untreated| {
            let cure = Cure {
                after,
                untreated,
                ..Cure::default()
            };
            says(&cure).of(Lang::En)
        };
        let helps = text::CURE_HELPS.of(Lang::En);
        assert_eq!(said(share(0.6, 0.8), Some(share(0.2, 0.4))), helps);
        assert_ne!(said(share(0.3, 0.5), Some(share(0.2, 0.4))), helps);
        assert_ne!(said(share(0.6, 0.8), None), helps);
    }
}
