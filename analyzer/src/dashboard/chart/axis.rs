//! Axes: buckets that fit the screen, ticks at times that people name, and a
//! top value that is round.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::number::{HOUR_MS, clock, count, real, real_ms};
use super::super::reader::Reader;
use super::at;
use crate::view::Point;

const DAY_MS: i64 = 24 * HOUR_MS;

/// Most bars side by side.
const MAX_BUCKETS: i64 = 72;

/// Most labels under the time axis.
const MAX_TICKS: i64 = 7;

/// Points in buckets of equal length without gaps.
pub(super) struct Buckets {
    /// Length of a bucket.
    pub(super) step_ms: i64,
    /// Buckets in order of time.
    pub(super) points: Vec<Point>,
}

impl Buckets {
    /// Sums `points` into at most [`MAX_BUCKETS`] buckets that begin at round
    /// local times and reach to `until_ms`.
    pub(super) fn of(reader: &Reader, points: &[Point], until_ms: i64) -> Option<Self> {
        let first = points.iter().map(|p| p.at_ms).min()?;
        let last = points.iter().map(|p| p.at_ms).max()?.max(until_ms);
        let steps = [1, 2, 3, 6, 12, 24, 168, 672].map(|hours| hours * HOUR_MS);
        let step_ms = steps
            .into_iter()
            .find(|step| (last - first) / step < MAX_BUCKETS - 1)
            .unwrap_or(4 * 672 * HOUR_MS);
        let begin = floor_local(reader, first, step_ms);
        let length = usize::try_from((last - begin) / step_ms + 1).ok()?;
        let mut sums: Vec<Point> = (0..length.min(1_000))
            .zip(0_i64..)
            .map(|(_, i)| Point {
                at_ms: begin + i * step_ms,
                ..Point::default()
            })
            .collect();
        for point in points {
            let slot = usize::try_from((point.at_ms - begin) / step_ms).unwrap_or(usize::MAX);
            if let Some(sum) = sums.get_mut(slot) {
                sum.tried += point.tried;
                sum.failed += point.failed;
            }
        }
        Some(Self {
            step_ms,
            points: sums,
        })
    }
}

/// The round local time at or before `at_ms`.
fn floor_local(reader: &Reader, at_ms: i64, step_ms: i64) -> i64 {
    let offset_ms = Timestamp::from_millisecond(at_ms).map_or(0, |at| {
        i64::from(reader.zone.to_offset(at).seconds()) * 1000
    });
    let local = at_ms + offset_ms;
    local - local.rem_euclid(step_ms) - offset_ms
}

/// A stretch of time along the width.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeAxis {
    /// Left end.
    pub(super) from_ms: i64,
    /// Right end.
    pub(super) to_ms: i64,
}

impl TimeAxis {
    /// Where a time lies, between 0 and 1.
    pub(super) fn share(self, at_ms: i64) -> f64 {
        let length = (self.to_ms - self.from_ms).max(1);
        real_ms(at_ms - self.from_ms) / real_ms(length)
    }

    /// Ticks and their labels below a plot that ends at `y`. Every second label
    /// is of a class that narrow screens hide.
    pub(super) fn labels(self, reader: &Reader, y: u32) -> Markup {
        let steps = [1, 2, 3, 6, 12, 24, 48, 168, 336, 720].map(|hours| hours * HOUR_MS);
        let length = self.to_ms - self.from_ms;
        let step = steps
            .into_iter()
            .find(|step| length / step <= MAX_TICKS)
            .unwrap_or(length / MAX_TICKS + 1);
        let begin = floor_local(reader, self.from_ms, step.min(DAY_MS)) + step;
        let ticks = (0..MAX_TICKS + 2)
            .map(|i| begin + i * step)
            .filter(|tick| (0.05..=0.95).contains(&self.share(*tick)));
        html! {
            @for (i, tick) in ticks.enumerate() {
                @let x = at(self.share(tick));
                @let class = if i % 2 == 1 { "tick minor" } else { "tick" };
                line.grid x1=(x) x2=(x) y1=(y) y2=(y + 4) {}
                text class=(class) x=(x) y=(y + 16) { (tick_label(reader, tick)) }
            }
        }
    }
}

fn tick_label(reader: &Reader, at_ms: i64) -> String {
    let time = clock(reader, at_ms, "%H:%M");
    if time == "00:00" {
        clock(reader, at_ms, "%m-%d")
    } else {
        time
    }
}

/// The next value at or above `max` that reads well: 1, 2, 4, 10, 20, 40, 100 …
pub(super) fn round_top(max: u64) -> u64 {
    let mut decade = 1_u64;
    while decade < u64::MAX / 100 {
        for factor in [1, 2, 4, 6, 8] {
            if decade * factor >= max {
                return decade * factor;
            }
        }
        decade *= 10;
    }
    max
}

/// Half and full height of a plot with their values, as far as they are whole.
fn levels(top_value: u64, top: u32, height: u32) -> Vec<(u32, u64)> {
    let half = (top + height / 2, top_value / 2);
    let whole = top_value.is_multiple_of(2).then_some(half);
    [Some((top, top_value)), whole]
        .into_iter()
        .flatten()
        .collect()
}

/// Lines at half and full height of a plot between `top` and `top + height`,
/// and the line that it stands on.
pub(super) fn level_lines(top_value: u64, top: u32, height: u32) -> Markup {
    html! {
        @for (y, _) in levels(top_value, top, height) { line.grid x1="0" x2="100%" y1=(y) y2=(y) {} }
        line.base x1="0" x2="100%" y1=(top + height) y2=(top + height) {}
    }
}

/// Values of the lines, to be drawn over what the plot shows.
pub(super) fn level_values(top_value: u64, top: u32, height: u32) -> Markup {
    html! {
        @for (y, value) in levels(top_value, top, height) {
            text.level x="0" y=(y + 12) { (count(value)) }
        }
    }
}

/// Height in pixels of a value in a plot.
pub(super) fn height_of(value: u64, top_value: u64, height: u32) -> f64 {
    real(value) / real(top_value.max(1)) * f64::from(height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::reader::Lang;
    use jiff::tz::{Offset, TimeZone};

    fn reader() -> Reader {
        Reader {
            lang: Lang::En,
            zone: TimeZone::fixed(Offset::from_hours(8).unwrap()),
            now_ms: 0,
            query: String::new(),
            path: "/".to_owned(),
            chosen: None,
            offers_drop: false,
        }
    }

    fn points(hours: &[i64]) -> Vec<Point> {
        let one = |hour: &i64| Point {
            at_ms: hour * HOUR_MS,
            tried: 10,
            failed: 1,
        };
        hours.iter().map(one).collect()
    }

    #[test]
    fn buckets_lose_no_device_and_fit_the_screen() {
        let sparse = points(&[3, 4, 100, 700, 5_000]);
        let buckets = Buckets::of(&reader(), &sparse, 0).unwrap();
        assert!(buckets.points.len() <= 72, "{}", buckets.points.len());
        assert_eq!(buckets.points.iter().map(|p| p.tried).sum::<u64>(), 50);
        assert_eq!(buckets.points.iter().map(|p| p.failed).sum::<u64>(), 5);
    }

    #[test]
    fn days_begin_at_the_readers_midnight() {
        let month = points(&[10, 700]);
        let buckets = Buckets::of(&reader(), &month, 0).unwrap();
        assert_eq!(buckets.step_ms, 12 * HOUR_MS);
        assert_eq!(clock(&reader(), buckets.points[0].at_ms, "%H:%M"), "12:00");
        let year = points(&[10, 1_500]);
        let buckets = Buckets::of(&reader(), &year, 0).unwrap();
        assert_eq!(buckets.step_ms, 24 * HOUR_MS);
        assert_eq!(clock(&reader(), buckets.points[0].at_ms, "%H:%M"), "00:00");
    }

    #[test]
    fn nothing_makes_no_chart_and_a_wild_time_no_flood() {
        assert!(Buckets::of(&reader(), &[], 5).is_none());
        let wild = points(&[0, 9_000_000]);
        let buckets = Buckets::of(&reader(), &wild, 0).unwrap();
        assert!(buckets.points.len() <= 1_000);
    }

    #[test]
    fn tops_are_round_and_never_below_the_value() {
        assert_eq!(
            [0, 1, 3, 47, 61, 99, 1_312].map(round_top),
            [1, 1, 4, 60, 80, 100, 2_000]
        );
    }
}
