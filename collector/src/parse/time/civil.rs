//! The calendar: dates to days and back.

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01 of a proleptic Gregorian date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_index = (month + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Milliseconds of a wall clock; `None` where no calendar has it.
pub(crate) fn civil_ms(date: [i64; 3], clock: [i64; 3], ms: i64) -> Option<i64> {
    let [year, month, day] = date;
    let [hour, minute, second] = clock;
    let sound = (1601..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !sound {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Some(days(year, month, day) * DAY_MS + seconds * 1000 + ms)
}

/// `2023-01-11T09:00:00.123`: a wall clock for output.
pub(crate) fn show(ms: i64) -> String {
    let day = ms.div_euclid(DAY_MS);
    let of_day = ms.rem_euclid(DAY_MS);
    let (year, month, date) = civil(day);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let clock = format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        clock
    } else {
        format!("{clock}.{fraction:03}")
    }
}

/// Date of a day since 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month_index + 2) / 5 + 1;
    let month = (month_index + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, date)
}

#[cfg(test)]
mod tests {
    use super::super::panther_stamp;
    use super::*;

    #[test]
    fn dates_survive_the_round_trip() {
        for (text, ms) in [
            ("1970-01-01 00:00:00,", 0),
            ("2023-01-11 09:00:00,", 1_673_427_600_000),
            ("2024-02-29 23:59:59,", 1_709_251_199_000),
        ] {
            assert_eq!(panther_stamp(text.as_bytes()), Some(ms), "{text}");
            assert_eq!(show(ms), text[..19].replace(' ', "T"));
        }
        assert_eq!(panther_stamp(b"2023-00-11 09:00:00,"), None);
    }
}
