//! Failures above, attempts below, over the same time.

use maud::{Markup, html};

use super::super::number::{clock, count, real, step_name};
use super::super::reader::Reader;
use super::super::text;
use super::axis::{Buckets, TimeAxis, height_of, level_lines, level_values, round_top};
use super::{at, px};
use crate::view::Point;

/// Height of the plot of failures.
const FAILED_HEIGHT: u32 = 96;

/// Height of the plot of attempts.
const TRIED_HEIGHT: u32 = 56;

/// Space below a plot for the labels of its time axis.
const LABELS: u32 = 22;

/// Least value at the top: one failure shall not look like a flood.
const LEAST_TOP: u64 = 4;

/// Failed and tried devices per bucket, each on a scale of its own.
pub(in crate::dashboard) fn trend(reader: &Reader, points: &[Point], until_ms: i64) -> Markup {
    let Some(buckets) = Buckets::of(reader, points, until_ms) else {
        return html! { p.empty { (text::TREND_EMPTY.of(reader.lang)) } };
    };
    let lang = reader.lang;
    let step = step_name(lang, buckets.step_ms);
    let failed_caption = text::TREND_FAILED.of(lang).replace("{span}", &step);
    let tried_caption = text::TREND_TRIED.of(lang).replace("{span}", &step);
    let axis = TimeAxis {
        from_ms: buckets.points.first().map_or(0, |p| p.at_ms),
        to_ms: buckets.points.last().map_or(0, |p| p.at_ms) + buckets.step_ms,
    };
    let below = TRIED_HEIGHT + LABELS;
    html! {
        div.plot {
            p.caption { (failed_caption) }
            svg role="img" width="100%" height=(FAILED_HEIGHT + 1) aria-label=(failed_caption) {
                (panel(&buckets, FAILED_HEIGHT, "failed", |p| p.failed))
                (hints(reader, &buckets, FAILED_HEIGHT))
            }
            p.caption { (tried_caption) }
            svg role="img" width="100%" height=(below) aria-label=(tried_caption) {
                (panel(&buckets, TRIED_HEIGHT, "tried", |p| p.tried))
                (axis.labels(reader, TRIED_HEIGHT))
                (hints(reader, &buckets, below))
            }
        }
    }
}

fn panel(buckets: &Buckets, height: u32, class: &str, value: fn(&Point) -> u64) -> Markup {
    let max = buckets.points.iter().map(value).max().unwrap_or(0);
    let top_value = round_top(max.max(LEAST_TOP));
    html! {
        (level_lines(top_value, 0, height))
        @for (x, width, n) in bars(&buckets.points, value) {
            @let tall = height_of(n, top_value, height).max(1.0);
            rect class=(class) x=(x) width=(width) y=(px(f64::from(height) - tall)) height=(px(tall)) {}
        }
        (level_values(top_value, 0, height))
    }
}

/// Left edge, width and value of each bar that is not empty.
pub(super) fn bars(points: &[Point], value: fn(&Point) -> u64) -> Vec<(String, String, u64)> {
    let width = 1.0 / real(points.len().max(1) as u64);
    points
        .iter()
        .enumerate()
        .filter(|(_, point)| value(point) > 0)
        .map(|(i, point)| {
            let left = real(i as u64) * width + width * 0.08;
            (at(left), at(width * 0.84), value(point))
        })
        .collect()
}

/// Columns that cannot be seen and tell their numbers under the pointer.
fn hints(reader: &Reader, buckets: &Buckets, height: u32) -> Markup {
    let width = 1.0 / real(buckets.points.len().max(1) as u64);
    let tried = buckets
        .points
        .iter()
        .enumerate()
        .filter(|(_, p)| p.tried > 0);
    html! {
        @for (i, point) in tried {
            rect.hint x=(at(real(i as u64) * width)) width=(at(width)) y="0" height=(height) {
                title {
                    (text::TREND_BAR.of(reader.lang)
                        .replace("{time}", &clock(reader, point.at_ms, "%Y-%m-%d %H:%M"))
                        .replace("{failed}", &count(point.failed))
                        .replace("{tried}", &count(point.tried)))
                }
            }
        }
    }
}
