//! Curves that only grow: a cluster's devices, a rollout's progress.

use maud::{Markup, html};

use super::super::number::{clock, count};
use super::super::reader::Reader;
use super::super::text::{self, Phrase};
use super::at;
use super::axis::{TimeAxis, height_of, level_lines, level_values, round_top};
use crate::view::Point;

const TOP: u32 = 4;
const HEIGHT: u32 = 120;

/// A value that stands from a time on.
type Step = (i64, u64);

/// Devices that failed, cumulative, with the moment at which the cluster was
/// called.
pub(in crate::dashboard) fn growth(
    reader: &Reader,
    points: &[Point],
    called_at_ms: i64,
    until_ms: i64,
) -> Markup {
    let mut sorted: Vec<Point> = points.iter().copied().filter(|p| p.failed > 0).collect();
    sorted.sort_by_key(|point| point.at_ms);
    let mut sum = 0_u64;
    let steps: Vec<Step> = sorted
        .iter()
        .map(|point| {
            sum += point.failed;
            (point.at_ms, sum)
        })
        .collect();
    let mark = (called_at_ms, text::GROWTH_CALLED);
    let plot = Plot {
        caption: text::GROWTH_HINT.of(reader.lang).to_owned(),
        class: "failed",
        limit: None,
        mark: (called_at_ms > 0).then_some(mark),
    };
    plot.draw(reader, &steps, until_ms)
}

/// Targets that are done, cumulative, under the line of all targets.
pub(in crate::dashboard) fn progress(
    reader: &Reader,
    steps: &[Step],
    targets: u64,
    until_ms: i64,
) -> Markup {
    let plot = Plot {
        caption: text::ROLLOUT_PROGRESS_HINT
            .of(reader.lang)
            .replace("{n}", &count(targets)),
        class: "done",
        limit: Some(targets),
        mark: None,
    };
    plot.draw(reader, steps, until_ms)
}

struct Plot {
    caption: String,
    class: &'static str,
    limit: Option<u64>,
    mark: Option<(i64, Phrase)>,
}

impl Plot {
    fn draw(&self, reader: &Reader, steps: &[Step], until_ms: i64) -> Markup {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            return html! {};
        };
        let to_ms = until_ms.max(last.0 + 1);
        let axis = TimeAxis {
            from_ms: first.0 - (to_ms - first.0) / 40,
            to_ms,
        };
        let top_value = round_top(last.1.max(self.limit.unwrap_or(0)));
        let bottom = TOP + HEIGHT;
        html! {
            div.plot {
                p.caption { (self.caption) }
                svg role="img" width="100%" height=(bottom + 22) aria-label=(self.caption) {
                    (level_lines(top_value, TOP, HEIGHT))
                    svg x="0" y=(TOP) width="100%" height=(HEIGHT) viewBox="0 0 1000 100" preserveAspectRatio="none" {
                        path class={ "area " (self.class) } d=(area(axis, steps, top_value)) {}
                        path class={ "curve " (self.class) } d=(outline(axis, steps, top_value)) {}
                    }
                    @if let Some(limit) = self.limit {
                        @let y = super::px(f64::from(bottom) - height_of(limit, top_value, HEIGHT));
                        line.limit x1="0" x2="100%" y1=(y) y2=(y) {}
                    }
                    @if let Some((at_ms, word)) = self.mark.filter(|(at_ms, _)| *at_ms >= axis.from_ms) {
                        @let share = axis.share(at_ms);
                        line.mark x1=(at(share)) x2=(at(share)) y1=(TOP) y2=(bottom) {}
                        text class={ "mark " (side(share)) } x=(at(share)) dx=(if share > 0.8 { -5 } else { 5 }) y=(TOP + 12) { (word.of(reader.lang)) }
                    }
                    (level_values(top_value, TOP, HEIGHT))
                    (axis.labels(reader, bottom))
                    (hints(reader, axis, steps, bottom))
                }
            }
        }
    }
}

/// On which side of a mark its word has room.
fn side(share: f64) -> &'static str {
    if share > 0.8 { "before" } else { "after" }
}

fn corner(axis: TimeAxis, step: Step, top_value: u64) -> (f64, f64) {
    let x = axis.share(step.0).clamp(0.0, 1.0) * 1000.0;
    (x, 100.0 - height_of(step.1, top_value, 100))
}

/// Stairs: each value stands until the next.
fn outline(axis: TimeAxis, steps: &[Step], top_value: u64) -> String {
    let mut strokes: Vec<String> = Vec::with_capacity(steps.len() + 2);
    for step in steps {
        let (x, y) = corner(axis, *step, top_value);
        if strokes.is_empty() {
            strokes.push(format!("M{x:.1} 100"));
        }
        strokes.push(format!("H{x:.1}V{y:.1}"));
    }
    strokes.push("H1000".to_owned());
    strokes.concat()
}

fn area(axis: TimeAxis, steps: &[Step], top_value: u64) -> String {
    let mut path = outline(axis, steps, top_value);
    path.push_str("V100Z");
    path
}

fn hints(reader: &Reader, axis: TimeAxis, steps: &[Step], height: u32) -> Markup {
    let ends = steps.iter().skip(1).map(|next| next.0).chain([axis.to_ms]);
    html! {
        @for (step, end) in steps.iter().zip(ends) {
            @let from = axis.share(step.0);
            rect.hint x=(at(from)) width=(at(axis.share(end) - from)) y="0" height=(height) {
                title {
                    (text::GROWTH_POINT.of(reader.lang)
                        .replace("{time}", &clock(reader, step.0, "%Y-%m-%d %H:%M"))
                        .replace("{n}", &count(step.1)))
                }
            }
        }
    }
}
