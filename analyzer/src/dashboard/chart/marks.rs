//! Small pictures inside tables: stacked bars, rates and ratios with their
//! intervals, failures at a glance.

use maud::{Markup, html};

use super::super::number::{percent, real, times, usual as usual_words};
use super::super::reader::{Lang, Reader};
use super::super::text;
use super::axis::{Buckets, height_of};
use super::{at, px, trend::bars};
use crate::view::{Point, Rate};

/// One part of a stacked bar.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Part {
    /// Class of its colour.
    pub(in crate::dashboard) class: &'static str,
    /// Name for people.
    pub(in crate::dashboard) name: String,
    /// Devices.
    pub(in crate::dashboard) n: u64,
}

/// A bar whose parts fill it; a part that is not empty never vanishes.
pub(in crate::dashboard) fn stacked(parts: &[Part], height: u32) -> Markup {
    let shares = visible_shares(parts);
    let mut left = 0.0;
    let placed: Vec<(&Part, f64, f64)> = parts
        .iter()
        .zip(shares)
        .filter(|(part, _)| part.n > 0)
        .map(|(part, share)| {
            let from = left;
            left += share;
            (part, from, share)
        })
        .collect();
    let label: Vec<String> = placed
        .iter()
        .map(|(part, ..)| format!("{} {}", part.name, super::super::number::count(part.n)))
        .collect();
    html! {
        svg.stacked role="img" width="100%" height=(height) aria-label=(label.join(", ")) {
            rect.none x="0" y="0" width="100%" height=(height) {}
            @for (part, from, share) in placed {
                rect class={ "part " (part.class) } x=(at(from)) width=(at(share)) y="0" height=(height) {
                    title { (part.name) " " (super::super::number::count(part.n)) }
                }
            }
        }
    }
}

/// Shares of the bar, none of a present part below 0.6 %.
fn visible_shares(parts: &[Part]) -> Vec<f64> {
    let total = real(parts.iter().map(|part| part.n).sum::<u64>().max(1));
    let raised: Vec<f64> = parts
        .iter()
        .map(|part| {
            if part.n == 0 {
                0.0
            } else {
                (real(part.n) / total).max(0.006)
            }
        })
        .collect();
    let sum: f64 = raised.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    raised.into_iter().map(|share| share / sum).collect()
}

/// The common scale of several rates in one table.
#[derive(Debug, Clone, Copy)]
pub(in crate::dashboard) struct RateScale {
    /// Rate at the right end.
    pub(in crate::dashboard) top: f64,
}

impl RateScale {
    /// The smallest round scale that holds all upper bounds.
    pub(in crate::dashboard) fn over(bounds: impl Iterator<Item = f64>) -> Self {
        let max = bounds.filter(|bound| bound.is_finite()).fold(0.0, f64::max);
        let tops = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
        let top = tops.into_iter().find(|top| max <= *top).unwrap_or(1.0);
        Self { top }
    }
}

/// A rate as a dot, its interval as a bar, the usual rate as a dashed line.
pub(in crate::dashboard) fn rate_bar(
    lang: Lang,
    rate: &Rate,
    usual: Option<f64>,
    scale: RateScale,
) -> Markup {
    let label = text::RATE_BAR
        .of(lang)
        .replace("{rate}", &percent(rate.value))
        .replace("{low}", &percent(rate.low))
        .replace("{high}", &percent(rate.high))
        .replace("{usual}", &usual_words(lang, usual));
    let above = usual.is_some_and(|usual| rate.low > usual);
    let class = if above { "above" } else { "within" };
    html! {
        svg class={ "interval " (class) } role="img" width="100%" height="18" aria-label=(label) {
            title { (label) }
            line.grid x1="0" x2="100%" y1="9" y2="9" {}
            @if let Some(usual) = usual {
                @let x = at(usual / scale.top);
                line.usual x1=(x) x2=(x) y1="1" y2="17" {}
            }
            line.bar x1=(at(rate.low / scale.top)) x2=(at(rate.high / scale.top)) y1="9" y2="9" {}
            circle cx=(at(rate.value / scale.top)) cy="9" r="4" {}
        }
    }
}

/// Right end of a scale that holds all ratios.
pub(in crate::dashboard) fn ratio_top(ratios: impl Iterator<Item = f64>) -> f64 {
    let max = ratios.filter(|ratio| ratio.is_finite()).fold(1.0, f64::max);
    let tops = [4.0, 10.0, 100.0, 1_000.0, 10_000.0];
    tops.into_iter()
        .find(|top| max <= *top)
        .unwrap_or(100_000.0)
}

/// A risk ratio on a logarithmic scale from ¼ to `top`, with a line at 1.
pub(in crate::dashboard) fn ratio_bar(
    lang: Lang,
    ratio: f64,
    interval: (f64, f64),
    top: f64,
) -> Markup {
    let bottom = 0.25_f64;
    let x = |ratio: f64| {
        let ratio = if ratio.is_nan() {
            1.0
        } else {
            ratio.clamp(bottom, top)
        };
        at((ratio / bottom).ln() / (top / bottom).ln())
    };
    let label = text::CAUSE_BAR
        .of(lang)
        .replace("{ratio}", &times(ratio))
        .replace("{low}", &times(interval.0))
        .replace("{high}", &times(interval.1));
    let class = if interval.0 > 1.0 { "above" } else { "within" };
    html! {
        svg class={ "interval " (class) } role="img" width="100%" height="18" aria-label=(label) {
            title { (label) }
            line.grid x1="0" x2="100%" y1="9" y2="9" {}
            line.usual x1=(x(1.0)) x2=(x(1.0)) y1="1" y2="17" {}
            line.bar x1=(x(interval.0)) x2=(x(interval.1)) y1="9" y2="9" {}
            circle cx=(x(ratio)) cy="9" r="4" {}
        }
    }
}

/// Failures that fill a small chart: one shall not look like a flood.
const LEAST_TOP: u64 = 6;

/// Failures over time in the height of a line of text.
pub(in crate::dashboard) fn spark(reader: &Reader, points: &[Point], until_ms: i64) -> Markup {
    let Some(buckets) = Buckets::of(reader, points, until_ms) else {
        return html! {};
    };
    let most = buckets.points.iter().map(|p| p.failed).max().unwrap_or(0);
    let top = most.max(LEAST_TOP);
    html! {
        svg.spark aria-hidden="true" width="100%" height="22" {
            line.base x1="0" x2="100%" y1="21.5" y2="21.5" {}
            @for (x, width, n) in bars(&buckets.points, |p| p.failed) {
                @let tall = height_of(n, top, 20).max(1.0);
                rect.failed x=(x) width=(width) y=(px(21.0 - tall)) height=(px(tall)) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: u64) -> Part {
        Part {
            class: "failed",
            name: "a \"b\" <c>".to_owned(),
            n,
        }
    }

    #[test]
    fn the_parts_fill_the_bar_and_a_small_one_can_be_seen() {
        let shares = visible_shares(&[part(1_999_999), part(1), part(0)]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(shares[1] > 0.005);
        assert!(shares[2] == 0.0);
    }

    #[test]
    fn an_empty_bar_and_hostile_names_make_sound_markup() {
        let empty = stacked(&[part(0)], 10).into_string();
        assert!(!empty.contains("part failed"), "{empty}");
        let hostile = stacked(&[part(3)], 10).into_string();
        assert!(hostile.contains("&quot;b&quot; &lt;c&gt; 3"), "{hostile}");
    }

    #[test]
    fn ratios_without_bounds_stay_inside_the_picture() {
        let drawn = ratio_bar(Lang::En, f64::INFINITY, (0.0, f64::NAN), 10.0).into_string();
        assert!(drawn.contains("cx=\"100.00%\""), "{drawn}");
        assert!(!drawn.contains("NaN%"), "{drawn}");
    }
}
