//! Dates as cultures write them, where only one reading is possible.

use super::civil_ms;

/// Wall clock of the first date with a time in a text: `2023/1/11 9:00:00`,
/// `11.01.2023 09:00:00`, `1/31/2023 9:00:00 AM`. A day that could be a month
/// leaves it unknown.
pub(crate) fn culture_instant(text: &str) -> Option<i64> {
    let words: Vec<&str> = text
        .split([' ', '\t', ',', '"', ';', '\u{a0}', '\u{202f}'])
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let date = date(word)?;
        let clock = clock(words.get(at + 1)?)?;
        let half = words.get(at + 2).copied().unwrap_or_default();
        let hour = match half.to_ascii_uppercase().as_str() {
            "PM" if clock[0] < 12 => clock[0] + 12,
            "AM" if clock[0] == 12 => 0,
            _ => clock[0],
        };
        civil_ms(date, [hour, clock[1], clock[2]], 0)
    })
}

/// Year, month and day.
fn date(word: &str) -> Option<[i64; 3]> {
    let separator = word.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '-' | '.') {
        return None;
    }
    let word = word.trim_end_matches('.');
    let mut parts = word.split(separator);
    let mut part = || parts.next().filter(|part| part.len() <= 4)?.parse().ok();
    let [first, second, third]: [i64; 3] = [part()?, part()?, part()?];
    if parts.next().is_some() {
        return None;
    }
    if first > 31 {
        return Some([first, second, third]);
    }
    match separator {
        '.' => Some([third, second, first]),
        _ if first > 12 => Some([third, second, first]),
        _ if second > 12 || first == second => Some([third, first, second]),
        _ => None,
    }
}

/// Hour, minute and second.
fn clock(word: &str) -> Option<[i64; 3]> {
    let mut parts = word.split(':');
    let mut part = || parts.next().filter(|part| part.len() <= 2)?.parse().ok();
    let clock = [part()?, part()?, part().unwrap_or(0)];
    parts.next().is_none().then_some(clock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::time::show;

    #[test]
    fn a_date_is_read_where_no_other_reading_is_possible() {
        for (text, wanted) in [
            ("2023/1/31 9:05:07", Some("2023-01-31T09:05:07")),
            ("2023-01-31 09:05", Some("2023-01-31T09:05:00")),
            ("31.01.2023 09:05:07", Some("2023-01-31T09:05:07")),
            ("1/31/2023 9:05:07 PM", Some("2023-01-31T21:05:07")),
            ("31/01/2023 12:05:07 AM", Some("2023-01-31T00:05:07")),
            ("2023. 1. 31. 9:05:07", None),
            ("1/11/2023 9:05:07 AM", None),
            (
                "Error,31.01.2023 09:05:07,Source,20",
                Some("2023-01-31T09:05:07"),
            ),
            ("10.0.17763 9:05:07", None),
            ("no date at all", None),
        ] {
            assert_eq!(culture_instant(text).map(show).as_deref(), wanted, "{text}");
        }
    }
}
