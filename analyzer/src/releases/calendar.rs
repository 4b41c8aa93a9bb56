//! Maintenance windows: when a device may update at all. Outside of them it is
//! not late, it waits.
//!
//! Times are local with an offset from UTC that the list states; weekly or on
//! one date; a window that ends before it begins goes past midnight.

use clickhouse::{Client, Row};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::table::{List, ListError, Mapping, cell};
use crate::damage::short_hex;
use crate::keep::{KeepError, keep};
use crate::view::WindowLine;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// `maintenance_windows`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct WindowRow {
    pub(crate) import_id: String,
    /// From 1 on; 0 marks an import, also one without windows.
    pub(crate) position: u32,
    pub(crate) name: String,
    pub(crate) ring: String,
    pub(crate) branch: String,
    pub(crate) class: String,
    pub(crate) days: String,
    pub(crate) begins: String,
    pub(crate) ends: String,
    pub(crate) utc_offset: String,
    pub(crate) imported_at: i64,
}

/// A list of windows is refused.
#[derive(Debug, thiserror::Error)]
pub enum WindowsRefused {
    /// Correct the list.
    #[error("could not read the list of windows")]
    List(#[from] ListError),
    /// Try again.
    #[error("could not keep the windows")]
    Keep(#[from] KeepError),
}

/// Imports maintenance windows in place of those before: columns `days` or
/// `date`, `from`, `to`, `offset`, and for whom: `ring`, `branch`, `class`.
/// Returns how many there are now.
pub async fn import_windows(
    client: &Client,
    csv: &[u8],
    mapping: &Mapping,
    now_ms: i64,
) -> Result<usize, WindowsRefused> {
    let rows = window_rows(csv, mapping, now_ms)?;
    keep(client, "maintenance_windows", &rows).await?;
    Ok(rows.len() - 1)
}

fn window_rows(csv: &[u8], mapping: &Mapping, now_ms: i64) -> Result<Vec<WindowRow>, ListError> {
    let list = List::parse(csv)?;
    let days = list.mapped(mapping, "days", &["days", "day", "星期"]);
    let date = list.mapped(mapping, "date", &["date", "日期"]);
    let from = list.must_mapped(mapping, "from", &["from", "begin", "start", "开始"])?;
    let to = list.must_mapped(mapping, "to", &["to", "end", "结束"])?;
    let offset = list.must_mapped(mapping, "offset", &["offset", "utc_offset", "时差"])?;
    let named =
        |what: &'static str, chinese: &'static str| list.mapped(mapping, what, &[what, chinese]);
    let (name, ring) = (named("name", "名称"), named("ring", "批次"));
    let (branch, class) = (named("branch", "网点"), named("class", "类别"));
    let import_id = short_hex(&Sha256::digest(csv));
    let blank = WindowRow {
        import_id,
        position: 0,
        name: String::new(),
        ring: String::new(),
        branch: String::new(),
        class: String::new(),
        days: String::new(),
        begins: String::new(),
        ends: String::new(),
        utc_offset: String::new(),
        imported_at: now_ms,
    };
    let mut rows = vec![blank.clone()];
    for (position, (line, cells)) in (1..).zip(&list.rows) {
        let text = |column| cell(cells, column).trim().to_owned();
        let days = match text(date) {
            day if day.is_empty() => text(days).to_lowercase(),
            day => day,
        };
        let row = WindowRow {
            position,
            name: text(name),
            ring: text(ring).to_lowercase(),
            branch: text(branch),
            class: text(class).to_lowercase(),
            days,
            begins: text(Some(from)),
            ends: text(Some(to)),
            utc_offset: text(Some(offset)),
            ..blank.clone()
        };
        if let Err((what, value, why)) = When::parse(&row) {
            let line = *line;
            return Err(ListError::Value {
                line,
                what,
                value,
                why,
            });
        }
        rows.push(row);
    }
    Ok(rows)
}

/// When a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct When {
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

type Wrong = (&'static str, String, &'static str);

impl When {
    fn parse(row: &WindowRow) -> Result<Self, Wrong> {
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
    fn now_or_next(self, now_ms: i64) -> Option<(i64, i64)> {
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

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    windows: Vec<(WindowRow, When)>,
}

/// Whom a window may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Whom<'a> {
    pub(crate) ring: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) class: &'a str,
}

/// How a device stands with its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// No window names it, or none is to come: it may update at any time.
    Any,
    /// One is open.
    Open,
    /// The next one begins then.
    Waits(i64),
}

impl Calendar {
    /// Windows as they are kept; what this version cannot read is left out.
    pub(crate) fn of(rows: &[WindowRow]) -> Self {
        let windows = rows.iter().filter_map(|row| {
            let when = When::parse(row);
            when.ok().map(|when| (row.clone(), when))
        });
        Self {
            windows: windows.collect(),
        }
    }

    /// How one stands with the windows that name it.
    pub(crate) fn turn(&self, whom: Whom<'_>, now_ms: i64) -> Turn {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let named = self.windows.iter().filter(|(row, _)| {
            fits(&row.ring, whom.ring)
                && fits(&row.branch, whom.branch)
                && fits(&row.class, whom.class)
        });
        let next = named.filter_map(|(_, when)| when.now_or_next(now_ms)).min();
        match next {
            None => Turn::Any,
            Some((begin, _)) if begin <= now_ms => Turn::Open,
            Some((begin, _)) => Turn::Waits(begin),
        }
    }

    /// As people see them, the next to begin first.
    pub(crate) fn lines(&self, now_ms: i64) -> Vec<WindowLine> {
        let mut lines: Vec<WindowLine> = self
            .windows
            .iter()
            .map(|(row, when)| {
                let next = when.now_or_next(now_ms);
                WindowLine {
                    name: row.name.clone(),
                    ring: row.ring.clone(),
                    branch: row.branch.clone(),
                    class: row.class.clone(),
                    when: format!(
                        "{} {}-{} {}",
                        row.days, row.begins, row.ends, row.utc_offset
                    ),
                    open: next.is_some_and(|(begin, _)| begin <= now_ms),
                    next_ms: next.map(|(begin, _)| begin),
                }
            })
            .collect();
        lines.sort_by(|a, b| {
            let order = |line: &WindowLine| (line.next_ms.is_none(), line.next_ms);
            (order(a), &a.name, &a.ring).cmp(&(order(b), &b.name, &b.ring))
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    fn calendar(csv: &str) -> Calendar {
        let rows = window_rows(csv.as_bytes(), &Mapping::default(), 1).unwrap();
        Calendar::of(&rows[1..])
    }

    const TELLERS: Whom<'_> = Whom {
        ring: "ring1",
        branch: "zj-0417",
        class: "teller",
    };

    #[test]
    fn a_weekly_window_in_local_time_goes_past_midnight() {
        // 2026-03-14 is a Saturday; 22:00 in China is 14:00 UTC.
        let calendar = calendar("ring,class,days,from,to,offset\n,teller,sat,22:00,05:00,+08:00\n");
        let turn = |text| calendar.turn(TELLERS, at(text));
        assert_eq!(
            turn("2026-03-14T13:59:59Z"),
            Turn::Waits(at("2026-03-14T14:00:00Z"))
        );
        assert_eq!(turn("2026-03-14T14:00:00Z"), Turn::Open);
        assert_eq!(turn("2026-03-14T20:59:59Z"), Turn::Open);
        assert_eq!(
            turn("2026-03-14T21:00:00Z"),
            Turn::Waits(at("2026-03-21T14:00:00Z"))
        );
        let atm = Whom {
            class: "atm",
            ..TELLERS
        };
        assert_eq!(calendar.turn(atm, at("2026-03-14T13:00:00Z")), Turn::Any);
    }

    #[test]
    fn the_earliest_of_several_windows_counts_and_a_past_date_counts_no_more() {
        let calendar = calendar(
            "名称,批次,日期,星期,开始,结束,时差\n一,ring1,2026-03-10,,20:00,24:00,+08:00\n\
             二,ring1,,周一至周五,21:00,23:00,+08:00\n三,ring2,2026-01-01,,00:00,04:00,Z\n",
        );
        let turn = |whom, text| calendar.turn(whom, at(text));
        assert_eq!(turn(TELLERS, "2026-03-10T12:30:00Z"), Turn::Open);
        assert_eq!(
            turn(TELLERS, "2026-03-13T15:30:00Z"),
            Turn::Waits(at("2026-03-16T13:00:00Z"))
        );
        let second = Whom {
            ring: "ring2",
            ..TELLERS
        };
        assert_eq!(turn(second, "2026-03-10T12:30:00Z"), Turn::Any);
        let lines = calendar.lines(at("2026-03-10T12:30:00Z"));
        assert_eq!(
            (lines.len(), lines[0].open, lines[2].next_ms),
            (3, true, None)
        );
    }

    #[test]
    fn what_is_no_time_day_or_offset_is_named_with_its_line() {
        for (row, what) in [
            ("sat,25:00,05:00,+08:00", "from"),
            ("someday,22:00,05:00,+08:00", "days"),
            ("sat,22:00,05:00,CST", "offset"),
            ("sat,22:00,5,+08:00", "to"),
        ] {
            let csv = format!("days,from,to,offset\n{row}\n");
            let refused = window_rows(csv.as_bytes(), &Mapping::default(), 1).unwrap_err();
            let told = refused.to_string();
            assert!(told.starts_with(&format!("line 2: {what} ")), "{told}");
        }
    }
}
