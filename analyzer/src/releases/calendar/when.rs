//! When a window is open: days, begin, end and offset as lists write them.

use jiff::civil::Date;

use super::WindowRow;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    days: Days,
    /// Minutes after local midnight.
    begins: i64,
    /// Length in minutes, a day at most.
    lasts: i64,
    /// Local time minus UTC, in minutes.
    offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    /// Bit 0 is Monday.
    Weekly(u8),
    /// Days since 1970.
    Once(i64),
}

pub(super) type Wrong = (&'static str, String, &'static str);

impl When {
    pub(super) fn parse(row: &WindowRow) -> Result<Self, Wrong> {
        let days = days(&row.days).ok_or_else(|| {
            let why = "is no date such as 2026-03-14 and no days such as sat sun, mon-fri, daily";
            ("days", row.days.clone(), why)
        })?;
        let minute = |what, text: &str| {
            let parsed = minute(text);
            parsed.ok_or_else(|| (what, text.to_owned(), "is no time such as 22:00"))
        };
        let (begins, ends) = (minute("from", &row.begins)?, minute("to", &row.ends)?);
        let offset = offset_minutes(&row.utc_offset).ok_or_else(|| {
            let why = "is no offset from UTC such as +08:00";
            ("offset", row.utc_offset.clone(), why)
        })?;
        let lasts = ends - begins;
        Ok(Self {
            days,
            begins,
            lasts: if lasts > 0 { lasts } else { lasts + 24 * 60 },
            offset,
        })
    }

    /// Begin and end of the window that is open at `now_ms`, or else of the
    /// next one.
    pub(super) fn now_or_next(self, now_ms: i64) -> Option<(i64, i64)> {
        let open = |day: i64| {
            let begin = day * DAY_MS + (self.begins - self.offset) * MINUTE_MS;
            (begin, begin + self.lasts * MINUTE_MS)
        };
        let today = (now_ms + self.offset * MINUTE_MS).div_euclid(DAY_MS);
        let days = match self.days {
            Days::Once(day) => day..=day,
            // Yesterday's may still be open.
            Days::Weekly(_) => today - 1..=today + 7,
        };
        let on = |day: &i64| match self.days {
            Days::Once(_) => true,
            Days::Weekly(days) => days & (1 << weekday(*day)) != 0,
        };
        let mut windows = days.filter(on).map(open);
        windows.find(|(_, end)| *end > now_ms)
    }
}

/// 0 is Monday; 1970 began on a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

const NAMES: [[&str; 3]; 7] = [
    ["mon", "周一", "星期一"],
    ["tue", "周二", "星期二"],
    ["wed", "周三", "星期三"],
    ["thu", "周四", "星期四"],
    ["fri", "周五", "星期五"],
    ["sat", "周六", "星期六"],
    ["sun", "周日", "星期日"],
];

fn days(text: &str) -> Option<Days> {
    if let Ok(date) = text.replace('/', "-").parse::<Date>() {
        let epoch = Date::constant(1970, 1, 1);
        let since = date.since(epoch).ok()?.get_days();
        return Some(Days::Once(i64::from(since)));
    }
    if matches!(text, "daily" | "每天" | "每日") {
        return Some(Days::Weekly(0x7f));
    }
    let number = |name: &str| {
        let of_day = |names: &[&str; 3]| {
            let english = name.is_ascii() && name.starts_with(names[0]);
            english || names.contains(&name)
        };
        NAMES.iter().position(of_day)
    };
    let mut days = 0;
    for part in text
        .split([' ', ',', '、', ';', '+'])
        .filter(|part| !part.is_empty())
    {
        let (from, to) = match part.split_once(['-', '至']) {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(part)?, number(part)?),
        };
        let mut day = from;
        loop {
            days |= 1 << day;
            if day == to {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    (days != 0).then_some(Days::Weekly(days))
}

/// `22:00` or `24:00`, as minutes.
fn minute(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once([':', '：'])?;
    let minute = hours.parse::<u8>().ok().map(i64::from)? * 60
        + minutes
            .parse::<u8>()
            .ok()
            .filter(|m| *m < 60)
            .map(i64::from)?;
    (minute <= 24 * 60).then_some(minute)
}

/// `+08:00`, `-3`, `Z`, as minutes.
fn offset_minutes(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let minutes = hours.parse::<u8>().ok().map(i64::from)? * 60
        + minutes
            .parse::<u8>()
            .ok()
            .filter(|m| *m < 60)
            .map(i64::from)?;
    (minutes <= 14 * 60).then_some(sign * minutes)
}
