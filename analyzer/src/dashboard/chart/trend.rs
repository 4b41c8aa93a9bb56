//! Failures above, attempts below, over the same time.

use maud::{Markup, html};

use super::super::number::{clock, count, step_name};
use super::super::reader::Reader;
use super::super::text;
use super::axis::{Buckets, TimeAxis, height_lines, height_of, round_top};
use super::{at, px};
use crate::view::Point;

/// Height of the plot of failures.
const FAILED_HEIGHT: u32 = 96;

/// Height of the plot of attempts.
const TRIED_HEIGHT: u32 = 56;

/// Space for a panel's caption.
const CAPTION: u32 = 22;

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
    let tried_top = CAPTION + FAILED_HEIGHT + CAPTION + 8;
    let bottom = tried_top + TRIED_HEIGHT;
    html! {
        div.plot { svg.chart role="img" width="100%" height=(bottom + 22) aria-label=(failed_caption) {
            text.caption x="0" y="14" { (failed_caption) }
            (panel(&buckets, CAPTION, FAILED_HEIGHT, "failed", |p| p.failed))
            text.caption x="0" y=(tried_top - 8) { (tried_caption) }
            (panel(&buckets, tried_top, TRIED_HEIGHT, "tried", |p| p.tried))
            (axis.labels(reader, bottom))
            (hints(reader, &buckets, bottom))
        } }
    }
}

fn panel(
    buckets: &Buckets,
    top: u32,
    height: u32,
    class: &str,
    value: fn(&Point) -> u64,
) -> Markup {
    let top_value = round_top(buckets.points.iter().map(value).max().unwrap_or(0));
    let bars = bars(&buckets.points, value);
    html! {
        (height_lines(top_value, top, height))
        @for (x, width, n) in bars {
            @let tall = height_of(n, top_value, height).max(1.0);
            rect class=(class) x=(x) width=(width) y=(px(f64::from(top + height) - tall)) height=(px(tall)) {}
        }
    }
}

/// Left edge, width and value of each bar that is not empty.
pub(super) fn bars(points: &[Point], value: fn(&Point) -> u64) -> Vec<(String, String, u64)> {
    let width = 1.0 / super::super::number::real(points.len().max(1) as u64);
    points
        .iter()
        .enumerate()
        .filter(|(_, point)| value(point) > 0)
        .map(|(i, point)| {
            let left = super::super::number::real(i as u64) * width + width * 0.08;
            (at(left), at(width * 0.84), value(point))
        })
        .collect()
}

/// Columns that cannot be seen and tell their numbers under the pointer.
fn hints(reader: &Reader, buckets: &Buckets, height: u32) -> Markup {
    let width = 1.0 / super::super::number::real(buckets.points.len().max(1) as u64);
    html! {
        @for (i, point) in buckets.points.iter().enumerate().filter(|(_, p)| p.tried > 0) {
            rect.hint x=(at(super::super::number::real(i as u64) * width)) width=(at(width)) y="0" height=(height) {
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
