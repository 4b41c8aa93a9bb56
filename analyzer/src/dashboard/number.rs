//! Numbers, times and ages as people read them.

use jiff::Timestamp;
use maud::{Markup, html};

use super::reader::{Lang, Reader};
use super::text;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// A count with thousands separators: `1,312`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count as a real number; counts of devices are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "devices and events are counted far below 2^52"
)]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

/// A span of milliseconds as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "spans of milliseconds stay far below 2^52"
)]
pub(super) fn real_ms(ms: i64) -> f64 {
    ms as f64
}

/// `part` ÷ `whole`, and 0 of nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        real(part) / real(whole)
    }
}

/// A share between 0 and 1 as percent with two or three telling digits.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        "–".to_owned()
    } else if value == 0.0 || value >= 99.95 {
        format!("{value:.0}%")
    } else if value >= 1.0 {
        format!("{value:.1}%")
    } else if value >= 0.01 {
        format!("{value:.2}%")
    } else {
        "<0.01%".to_owned()
    }
}

/// How many times as often: `6.1`, `1,130`.
pub(super) fn times(ratio: f64) -> String {
    if !ratio.is_finite() {
        "∞".to_owned()
    } else if ratio >= 99.95 {
        count(whole(ratio))
    } else if ratio >= 9.95 {
        format!("{ratio:.0}")
    } else {
        format!("{ratio:.1}")
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what u32 holds"
)]
fn whole(value: f64) -> u64 {
    u64::from(value.round().clamp(0.0, f64::from(u32::MAX)) as u32)
}

/// A rate as devices out of the smallest round number that tells it to a tenth:
/// `2 of 1,000`.
pub(super) fn out_of(lang: Lang, rate: f64) -> String {
    if !rate.is_finite() || rate <= 0.0 {
        return text::RATE_NONE.of(lang).to_owned();
    }
    let (per, n) = [100_u64, 1_000, 10_000, 100_000]
        .into_iter()
        .map(|per| (per, whole(rate * real(per))))
        .find(|(per, n)| *n >= 1 && (real(*n) / real(*per) / rate - 1.0).abs() < 0.1)
        .unwrap_or((100_000, whole(rate * 100_000.0).max(1)));
    text::RATE_OUT_OF
        .of(lang)
        .replace("{n}", &count(n))
        .replace("{per}", &count(per))
}

/// A usual rate in words: unknown where no earlier update tells.
pub(super) fn usual(lang: Lang, rate: Option<f64>) -> String {
    rate.map_or_else(
        || text::NOT_KNOWN.of(lang).to_owned(),
        |rate| out_of(lang, rate),
    )
}

/// A bound of a usual rate in words: unknown where no earlier update tells.
pub(super) fn at_most(lang: Lang, bound: Option<f64>) -> String {
    bound.map_or_else(
        || text::NOT_KNOWN.of(lang).to_owned(),
        |bound| {
            text::AT_MOST
                .of(lang)
                .replace("{rate}", &out_of(lang, bound))
        },
    )
}

/// A time in the reader's zone, to the minute; the whole of it stands in the
/// element's title.
pub(super) fn time(reader: &Reader, at_ms: i64) -> Markup {
    stamp(reader, at_ms, "%Y-%m-%d %H:%M")
}

/// A time in the reader's zone, to the second.
pub(super) fn time_to_second(reader: &Reader, at_ms: i64) -> Markup {
    stamp(reader, at_ms, "%Y-%m-%d %H:%M:%S")
}

/// A time in the reader's zone with the offset: `2026-01-12 09:14 +08:00`.
pub(super) fn time_with_zone(reader: &Reader, at_ms: i64) -> Markup {
    stamp(reader, at_ms, "%Y-%m-%d %H:%M %:z")
}

fn stamp(reader: &Reader, at_ms: i64, format: &str) -> Markup {
    if at_ms == 0 {
        return html! { span.muted { "–" } };
    }
    let iso = clock(reader, at_ms, "%Y-%m-%dT%H:%M:%S%:z");
    html! { time datetime=(iso) title=(iso) { (clock(reader, at_ms, format)) } }
}

/// A time in the reader's zone by a strftime pattern.
pub(super) fn clock(reader: &Reader, at_ms: i64, format: &str) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else {
        return "–".to_owned();
    };
    at.to_zoned(reader.zone.clone())
        .strftime(format)
        .to_string()
}

/// How long ago, in the largest telling unit; a little ahead of the reader's
/// clock is now.
pub(super) fn ago(reader: &Reader, at_ms: i64) -> String {
    let passed = reader.now_ms.saturating_sub(at_ms);
    if at_ms == 0 {
        text::NEVER.of(reader.lang).to_owned()
    } else if passed < -60_000 {
        let span = span(reader.lang, passed.saturating_neg());
        text::AHEAD.of(reader.lang).replace("{span}", &span)
    } else if passed < 1_000 {
        text::NOW.of(reader.lang).to_owned()
    } else {
        text::AGO
            .of(reader.lang)
            .replace("{span}", &span(reader.lang, passed))
    }
}

/// A length of time in its largest telling unit: `3 min`, `2 d`.
pub(super) fn span(lang: Lang, ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (n, unit) = match seconds {
        0..120 => (seconds, text::UNIT_SECONDS),
        120..7_200 => (seconds / 60, text::UNIT_MINUTES),
        7_200..172_800 => (seconds / 3_600, text::UNIT_HOURS),
        _ => (seconds / 86_400, text::UNIT_DAYS),
    };
    unit.of(lang).replace("{n}", &count(n.unsigned_abs()))
}

/// The length of a bucket: whole hours or days.
pub(super) fn step_name(lang: Lang, step_ms: i64) -> String {
    let hours = (step_ms / HOUR_MS).unsigned_abs();
    let (n, unit) = if hours.is_multiple_of(24) {
        (hours / 24, text::UNIT_DAYS)
    } else {
        (hours, text::UNIT_HOURS)
    };
    unit.of(lang).replace("{n}", &count(n))
}

/// Time and age together: `2026-01-12 09:14 (3 h ago)`.
pub(super) fn time_and_age(reader: &Reader, at_ms: i64) -> Markup {
    html! { (time(reader, at_ms)) " " span.age { (ago(reader, at_ms)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::{Offset, TimeZone};

    fn reader(now_ms: i64) -> Reader {
        Reader {
            lang: Lang::En,
            zone: TimeZone::fixed(Offset::from_hours(8).unwrap()),
            now_ms,
            query: String::new(),
            path: "/".to_owned(),
            chosen: None,
            offers_drop: false,
        }
    }

    #[test]
    fn a_usual_rate_that_nobody_measured_is_unknown_not_none() {
        assert_eq!(usual(Lang::En, None), "not known");
        assert_eq!(usual(Lang::Zh, None), "未知");
        assert_eq!(usual(Lang::En, Some(0.002)), "2 of 1,000");
        assert_eq!(at_most(Lang::En, None), "not known");
        assert_eq!(at_most(Lang::En, Some(0.002)), "at most 2 of 1,000");
        assert_eq!(at_most(Lang::Zh, Some(0.002)), "至多每 1,000 台约 2 台");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        let shown: Vec<String> = [0, 7, 999, 1_000, 1_312, 20_000, 1_234_567]
            .map(count)
            .to_vec();
        assert_eq!(
            shown,
            ["0", "7", "999", "1,000", "1,312", "20,000", "1,234,567"]
        );
    }

    #[test]
    fn a_rate_is_told_in_devices_that_one_can_imagine() {
        assert_eq!(out_of(Lang::En, 0.002), "2 of 1,000");
        assert_eq!(out_of(Lang::En, 0.0215), "2 of 100");
        assert_eq!(out_of(Lang::En, 0.0157), "16 of 1,000");
        assert_eq!(out_of(Lang::En, 0.31), "31 of 100");
        assert_eq!(out_of(Lang::En, 0.0004), "4 of 10,000");
        assert_eq!(out_of(Lang::Zh, 0.002), "每 1,000 台约 2 台");
        assert_eq!(out_of(Lang::En, 0.0), "none");
        assert_eq!(out_of(Lang::En, f64::NAN), "none");
    }

    #[test]
    fn shares_keep_two_telling_digits() {
        let shown = [0.0, 0.000_01, 0.0004, 0.0358, 0.9, 1.0, f64::NAN].map(percent);
        assert_eq!(
            shown,
            ["0%", "<0.01%", "0.04%", "3.6%", "90.0%", "100%", "–"]
        );
    }

    #[test]
    fn times_stand_in_the_readers_zone() {
        let at_ms = 1_673_486_040_000;
        let reader = reader(at_ms + 3 * HOUR_MS);
        assert_eq!(
            clock(&reader, at_ms, "%Y-%m-%d %H:%M %:z"),
            "2023-01-12 09:14 +08:00"
        );
        assert_eq!(ago(&reader, at_ms), "3 h ago");
    }

    #[test]
    fn a_clock_that_runs_ahead_and_a_time_out_of_range_do_no_harm() {
        let reader = reader(1_000_000);
        assert_eq!(ago(&reader, 1_010_000), "now");
        assert_eq!(
            ago(&reader, 1_000_000 + 2 * HOUR_MS),
            "2 h ahead of this clock"
        );
        assert_eq!(ago(&reader, 0), "never");
        assert_eq!(clock(&reader, i64::MAX, "%Y"), "–");
        assert!(ago(&reader, i64::MIN).ends_with("ago"));
    }
}
