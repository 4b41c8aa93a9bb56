//! Months of events: each is a partition, so each costs an insert a file of its
//! own that is brought to disk.
//!
//! An insert of a hundred years takes a minute, and whoever waits for it waits
//! as long. A batch may hold history of so many months, and an insert touches
//! few of them: it ends long before its deadline, whatever a device sends.

use kbwatch_proto::batch::{Block, RejectedRow};

use super::order::Place;
use super::time_quality::filed_at;

/// Months that one batch may hold: twenty years. A log that spans more is none
/// that Windows wrote.
pub(super) const MOST_IN_BATCH: usize = 240;

/// Months that one insert touches.
const MOST_IN_INSERT: usize = 32;

/// Months of the years 2000 to 2099, in which everything is filed.
const ALL: usize = 1_200;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Which of all months a time lies in.
fn month_of(filed_at_ms: i64) -> usize {
    // Howard Hinnant's civil_from_days; years begin in March there.
    let days = filed_at_ms.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let since = (era * 400 + year - 2_000) * 12 + month + 2;
    usize::try_from(since).unwrap_or(0).min(ALL - 1)
}

/// Months that were met, each once.
struct Met {
    is_met: [bool; ALL],
    count: usize,
}

impl Met {
    fn new() -> Self {
        Self {
            is_met: [false; ALL],
            count: 0,
        }
    }

    /// Meets a month, unless that were one too many.
    fn meet(&mut self, month: usize, most: usize) -> bool {
        if self.is_met[month] {
            return true;
        }
        if self.count == most {
            return false;
        }
        self.is_met[month] = true;
        self.count += 1;
        true
    }
}

/// Keeps the rows of as many months as a batch may hold, in the order in which
/// they come; the others are rejected.
pub(super) fn keep_few_months(block: &mut Block, rejected: &mut Vec<RejectedRow>) {
    let mut met = Met::new();
    block.rows.retain(|row| {
        let is_kept = met.meet(month_of(filed_at(row)), MOST_IN_BATCH);
        if !is_kept {
            rejected.push(RejectedRow {
                row: row.number,
                reason: format!("over {MOST_IN_BATCH} months in one batch"),
            });
        }
        is_kept
    });
}

/// Parts the rows of a group so that each part touches few months; a part keeps
/// their order.
pub(super) fn parted(order: Vec<Place>) -> Vec<Vec<Place>> {
    let mut met = Met::new();
    for place in &order {
        met.meet(month_of(place.filed_at), ALL);
    }
    if met.count <= MOST_IN_INSERT {
        return vec![order];
    }
    let mut part_of = [0; ALL];
    let mut rank = 0;
    for (part, is_met) in part_of.iter_mut().zip(met.is_met) {
        *part = rank / MOST_IN_INSERT;
        rank += usize::from(is_met);
    }
    let mut parts = vec![Vec::new(); met.count.div_ceil(MOST_IN_INSERT)];
    for place in order {
        parts[part_of[month_of(place.filed_at)]].push(place);
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kbwatch_proto::batch::Row;

    use super::*;
    use crate::store::time_quality::BUCKET_MS;

    #[test]
    fn a_month_begins_with_its_first_day_and_ends_with_its_last() {
        for (ms, month) in [
            (BUCKET_MS, 0),
            // 2000-02-29, 2000-03-01, 2023-01-31 and a millisecond before 2100.
            (951_782_400_000, 1),
            (951_868_800_000, 2),
            (1_675_209_599_999, 276),
            (1_675_209_600_000, 277),
            (4_102_444_799_999, 1_199),
        ] {
            assert_eq!(month_of(ms), month, "{ms}");
        }
    }

    #[test]
    fn a_group_of_a_century_is_written_by_few_months_at_a_time_and_whole() {
        let order: Vec<Place> = (0..5_000)
            .map(|row| Place::at(BUCKET_MS + row % 1_200 * 31 * DAY_MS, row.unsigned_abs()))
            .collect();
        let parts = parted(order.clone());
        assert!(parts.len() > 30, "{}", parts.len());
        for part in &parts {
            let months: BTreeSet<usize> =
                part.iter().map(|place| month_of(place.filed_at)).collect();
            assert!(months.len() <= MOST_IN_INSERT);
            assert!(part.is_sorted_by_key(|place| place.row));
        }
        assert_eq!(parts.concat().len(), order.len());
        let same_month = order.into_iter().filter(|place| place.row % 1_200 == 7);
        assert_eq!(parted(same_month.collect()).len(), 1);
    }

    #[test]
    fn rows_of_more_months_than_a_log_can_span_are_rejected() {
        let mut block = Block::default();
        let rows = (0..1_000).map(|number| Row {
            number,
            printed_at_ms: Some(BUCKET_MS + i64::from(number) * 31 * DAY_MS),
            ..Row::default()
        });
        block.rows = rows.collect();
        let mut rejected = Vec::new();
        keep_few_months(&mut block, &mut rejected);
        assert_eq!(block.rows.len(), MOST_IN_BATCH);
        assert_eq!(rejected.len(), 1_000 - MOST_IN_BATCH);
        assert!(rejected[0].reason.contains("240 months"));
    }
}
