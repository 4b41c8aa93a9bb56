//! Devices that are excused from a rollout until a date, and who answers for
//! that. Nobody has to remember the end: afterwards the device counts again.

use std::collections::HashMap;

use clickhouse::{Client, Row};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::table::{List, ListError, Mapping, cell};
use super::targets::{DEVICE, resolve};
use crate::keep::{KeepError, keep};
use crate::load::LoadError;
use crate::load::plans::{read_names, rollout_exists};
use crate::view::ExceptionLine;

const OWNER: [&str; 4] = ["owner", "responsible", "负责人", "责任人"];
const REASON: [&str; 4] = ["reason", "why", "原因", "理由"];
const UNTIL: [&str; 5] = ["until", "expires", "expiry", "到期", "截止"];

/// Longest time that a device can be excused for at once.
const LONGEST_DAYS: i64 = 366;

const DAY_MS: i64 = 86_400_000;

/// `rollout_exceptions`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(crate) struct ExceptionRow {
    pub(crate) rollout: String,
    pub(crate) device_id: String,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) until_at: i64,
    pub(crate) recorded_at: i64,
}

/// Devices to excuse, or to take back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excuse {
    /// Rollout.
    pub rollout: String,
    /// Devices, as a list of people names them.
    pub devices: Vec<ExcusedDevice>,
}

/// One device to excuse.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcusedDevice {
    /// Its id or host name.
    pub device: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when: a day (its end, by this machine's zone) or a time with an
    /// offset; `now` takes the exception back.
    pub until: String,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Excused {
    /// Devices that are excused now.
    pub excused: usize,
    /// Devices whose exception ended with this.
    pub taken_back: usize,
}

/// Devices cannot be excused.
#[derive(Debug, thiserror::Error)]
pub enum ExcuseRefused {
    /// Correct the list.
    #[error("could not read the list of exceptions")]
    List(#[source] ListError),
    /// Correct the line.
    #[error("exception {number} ({device:?}): {what}")]
    Wrong {
        /// Which one, from 1 on.
        number: usize,
        /// Device that it names.
        device: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Name one that exists.
    #[error("no rollout is named {0:?}")]
    Unknown(String),
    /// Try again.
    #[error("could not read what stands")]
    Load(#[from] LoadError),
    /// Try again.
    #[error("could not keep the exceptions")]
    Keep(#[from] KeepError),
}

/// Reads a list of exceptions: device, owner, reason and until.
pub fn read_exception_list(
    bytes: &[u8],
    mapping: &Mapping,
) -> Result<Vec<ExcusedDevice>, ExcuseRefused> {
    let read = || {
        let list = List::parse(bytes)?;
        let device = list.must_mapped(mapping, "device", &DEVICE)?;
        let owner = list.must_mapped(mapping, "owner", &OWNER)?;
        let reason = list.must_mapped(mapping, "reason", &REASON)?;
        let until = list.must_mapped(mapping, "until", &UNTIL)?;
        let text = |cells: &[String], column| cell(cells, Some(column)).to_owned();
        let devices = list.rows.iter().map(|(_, cells)| ExcusedDevice {
            device: text(cells, device),
            owner: text(cells, owner),
            reason: text(cells, reason),
            until: text(cells, until),
        });
        Ok(devices.collect())
    };
    read().map_err(ExcuseRefused::List)
}

/// Records exceptions; the newest of a device counts.
pub async fn excuse(
    client: &Client,
    order: &Excuse,
    now_ms: i64,
) -> Result<Excused, ExcuseRefused> {
    if !rollout_exists(client, &order.rollout).await? {
        return Err(ExcuseRefused::Unknown(order.rollout.clone()));
    }
    let names = read_names(client).await?;
    let rows = rows(order, &names, now_ms)?;
    keep(client, "rollout_exceptions", &rows).await?;
    let excused = rows.iter().filter(|row| row.until_at > now_ms).count();
    Ok(Excused {
        excused,
        taken_back: rows.len() - excused,
    })
}

fn rows(
    order: &Excuse,
    names: &HashMap<String, String>,
    now_ms: i64,
) -> Result<Vec<ExceptionRow>, ExcuseRefused> {
    let mut rows = Vec::with_capacity(order.devices.len());
    for (number, one) in (1..).zip(&order.devices) {
        let wrong = |what| ExcuseRefused::Wrong {
            number,
            device: one.device.chars().take(80).collect(),
            what,
        };
        if one.device.trim().is_empty() {
            return Err(wrong("names no device"));
        }
        if one.owner.trim().is_empty() {
            return Err(wrong("names no owner who answers for it"));
        }
        if one.reason.trim().is_empty() {
            return Err(wrong("gives no reason"));
        }
        let until = until_ms(&one.until, now_ms).ok_or_else(|| {
            wrong("has no end: write until as 2026-03-31, 2026-03-31T18:00+08:00 or now")
        })?;
        if until > now_ms + LONGEST_DAYS * DAY_MS {
            return Err(wrong("ends more than a year from now"));
        }
        rows.push(ExceptionRow {
            rollout: order.rollout.clone(),
            device_id: resolve(&one.device, names),
            owner: one.owner.trim().to_owned(),
            reason: one.reason.trim().to_owned(),
            until_at: until.max(0),
            recorded_at: now_ms,
        });
    }
    Ok(rows)
}

/// End of a day in this machine's zone, a time with an offset, or now.
fn until_ms(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Some(now_ms);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let day: Date = text.replace('/', "-").parse().ok()?;
    let next = day.tomorrow().ok()?;
    let end = next.to_zoned(TimeZone::system()).ok()?;
    Some(end.timestamp().as_millisecond())
}

/// Exceptions of one rollout by device id.
pub(crate) fn of_rollout<'r>(
    rows: &'r [ExceptionRow],
    rollout: &str,
) -> HashMap<&'r str, &'r ExceptionRow> {
    let of_rollout = rows.iter().filter(|row| row.rollout == rollout);
    of_rollout
        .map(|row| (row.device_id.as_str(), row))
        .collect()
}

/// As people see them, those that end first first; ended ones last.
pub(crate) fn lines(rows: &HashMap<&str, &ExceptionRow>, now_ms: i64) -> Vec<ExceptionLine> {
    let mut lines: Vec<ExceptionLine> = rows
        .values()
        .map(|row| ExceptionLine {
            device_id: row.device_id.clone(),
            owner: row.owner.clone(),
            reason: row.reason.clone(),
            until_ms: row.until_at,
            in_force: row.until_at > now_ms,
        })
        .collect();
    lines.sort_by(|a, b| {
        (!a.in_force, a.until_ms, &a.device_id).cmp(&(!b.in_force, b.until_ms, &b.device_id))
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn one(device: &str, owner: &str, reason: &str, until: &str) -> Excuse {
        Excuse {
            rollout: "january".into(),
            devices: vec![ExcusedDevice {
                device: device.into(),
                owner: owner.into(),
                reason: reason.into(),
                until: until.into(),
            }],
        }
    }

    #[test]
    fn nobody_is_excused_without_owner_reason_and_end() {
        let names = HashMap::from([("pc-1".to_owned(), "id-1".to_owned())]);
        for wrong in [
            one("", "Li", "x", "2023-11-20"),
            one("pc-1", " ", "x", "2023-11-20"),
            one("pc-1", "Li", "", "2023-11-20"),
            one("pc-1", "Li", "x", "some day"),
            one("pc-1", "Li", "x", "2033-01-01"),
        ] {
            assert!(rows(&wrong, &names, NOW).is_err(), "{wrong:?}");
        }
        let sound = rows(
            &one("PC-1.bank.example", "Li", "x", "2023-11-20"),
            &names,
            NOW,
        )
        .unwrap();
        assert_eq!(sound[0].device_id, "id-1");
        assert!(sound[0].until_at > NOW + 4 * DAY_MS);
        let exact = rows(
            &one("pc-1", "Li", "x", "2023-11-20T08:00+08:00"),
            &names,
            NOW,
        )
        .unwrap();
        assert_eq!(exact[0].until_at, 1_700_438_400_000);
    }

    #[test]
    fn an_exception_ends_by_itself() {
        let row = ExceptionRow {
            rollout: "january".into(),
            device_id: "pc-1".into(),
            owner: "Li".into(),
            reason: "x".into(),
            until_at: NOW,
            recorded_at: 1,
        };
        let rows = [row];
        let rows = of_rollout(&rows, "january");
        assert!(lines(&rows, NOW - 1)[0].in_force);
        assert!(!lines(&rows, NOW)[0].in_force);
    }

    #[test]
    fn a_list_in_chinese_is_read() {
        let list = "设备,负责人,原因,到期\nPC-1,李伟,网点装修,2023-11-20\n";
        let (bytes, _, _) = encoding_rs::GBK.encode(list);
        let read = read_exception_list(&bytes, &Mapping::default()).unwrap();
        assert_eq!(read[0].reason, "网点装修");
    }
}
