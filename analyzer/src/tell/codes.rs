//! Codes that are new to the fleet.
//!
//! New is the final code of a failed attempt, not benign, that nobody has shown
//! for 180 days. Two devices are told at once, one after a quarter of an hour.
//! What happened more than a day ago is history and never pages, and so are
//! the first 24 hours of an empty database, unless a baseline was brought along.

use std::collections::BTreeMap;

use crate::keep::CodeRow;

/// A code that nobody showed for this long is new again.
const FORGOTTEN_MS: i64 = 180 * 24 * 3_600_000;

/// Older failures are history.
pub(super) const LATELY_MS: i64 = 24 * 3_600_000;

/// An empty database learns for this long.
const BASELINE_MS: i64 = 24 * 3_600_000;

/// One device is given this long to be joined by a second.
const ALONE_MS: i64 = 15 * 60_000;

/// Standing of a code in `failure_codes`.
const SEEN: &str = "seen";
const BASELINE: &str = "baseline";
const ALERTED: &str = "alerted";

/// A code as a baseline brings it along.
pub(crate) fn known_code(hresult: u32, last_seen_ms: i64, now_ms: i64) -> CodeRow {
    CodeRow {
        hresult,
        first_seen_at: last_seen_ms,
        last_seen_at: last_seen_ms,
        episode: 1,
        standing: BASELINE.to_owned(),
        revised_at: now_ms,
    }
}

/// One failure with a final code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) hresult: u32,
    pub(crate) device: usize,
    pub(crate) at_ms: i64,
}

/// A code that people are to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSight {
    pub(crate) hresult: u32,
    pub(crate) episode: u32,
    pub(crate) first_seen_ms: i64,
}

/// Codes that this fleet has shown.
#[derive(Debug, Default)]
pub(crate) struct CodeMemory {
    codes: BTreeMap<u32, CodeRow>,
}

impl CodeMemory {
    /// Remembers what was kept.
    pub(crate) fn remember(rows: Vec<CodeRow>) -> Self {
        Self {
            codes: rows.into_iter().map(|row| (row.hresult, row)).collect(),
        }
    }

    /// Codes that were told of, with their episode's first sight.
    pub(crate) fn alerted(&self) -> impl Iterator<Item = &CodeRow> {
        self.codes.values().filter(|row| row.standing == ALERTED)
    }

    /// All rows, to be kept.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &CodeRow> {
        self.codes.values()
    }

    /// Takes codes over that were imported since: nobody is to be told of them.
    pub(crate) fn take_over(&mut self, rows: &[CodeRow]) {
        for row in rows {
            let known = self.codes.entry(row.hresult).or_insert_with(|| row.clone());
            if known.standing == SEEN {
                BASELINE.clone_into(&mut known.standing);
            }
        }
    }

    /// Looks at every failure that is known, and says which codes are new.
    ///
    /// `learning_until_ms`: until then the database is its own baseline.
    pub(crate) fn look(
        &mut self,
        failures: &[Failure],
        learning_until_ms: Option<i64>,
        now_ms: i64,
    ) -> Vec<NewSight> {
        let mut by_code: BTreeMap<u32, Vec<Failure>> = BTreeMap::new();
        for failure in failures {
            by_code.entry(failure.hresult).or_default().push(*failure);
        }
        let mut told = Vec::new();
        for (hresult, mut failures) in by_code {
            failures.sort_unstable_by_key(|failure| (failure.at_ms, failure.device));
            let row = self.row_after(hresult, &failures, now_ms);
            if row.standing == SEEN {
                let verdict = verdict(&row, &failures, learning_until_ms, now_ms);
                if verdict == ALERTED {
                    told.push(NewSight {
                        hresult,
                        episode: row.episode,
                        first_seen_ms: row.first_seen_at,
                    });
                }
                self.codes.insert(
                    hresult,
                    CodeRow {
                        standing: verdict.to_owned(),
                        ..row
                    },
                );
            } else {
                self.codes.insert(hresult, row);
            }
        }
        told
    }

    /// The code's row once these failures, in time order, are known.
    fn row_after(&self, hresult: u32, failures: &[Failure], now_ms: i64) -> CodeRow {
        let mut row = self.codes.get(&hresult).cloned();
        for failure in failures {
            let at = failure.at_ms;
            row = Some(match row {
                Some(row) if at <= row.last_seen_at + FORGOTTEN_MS => CodeRow {
                    // Late news may move the begin of an episode that nobody
                    // was told of yet.
                    first_seen_at: row.first_seen_at.min(at),
                    last_seen_at: row.last_seen_at.max(at),
                    ..row
                },
                before => CodeRow {
                    hresult,
                    first_seen_at: at,
                    last_seen_at: at,
                    episode: before.map_or(0, |row| row.episode) + 1,
                    standing: SEEN.to_owned(),
                    revised_at: now_ms,
                },
            });
        }
        row.unwrap_or_else(|| CodeRow {
            hresult,
            first_seen_at: now_ms,
            last_seen_at: now_ms,
            episode: 1,
            standing: SEEN.to_owned(),
            revised_at: now_ms,
        })
    }
}

/// Standing of a code that nobody was told of yet.
fn verdict(
    row: &CodeRow,
    failures: &[Failure],
    learning_until_ms: Option<i64>,
    now_ms: i64,
) -> &'static str {
    if now_ms - row.first_seen_at > LATELY_MS {
        return BASELINE;
    }
    if learning_until_ms.is_some_and(|until| now_ms < until) {
        return BASELINE;
    }
    let of_episode = failures.iter().filter(|f| f.at_ms >= row.first_seen_at);
    let mut devices: Vec<usize> = of_episode.map(|failure| failure.device).collect();
    devices.sort_unstable();
    devices.dedup();
    let waited = now_ms - row.first_seen_at >= ALONE_MS;
    if devices.len() >= 2 || (waited && !devices.is_empty()) {
        ALERTED
    } else {
        SEEN
    }
}

/// Until when a database that was born at `birth_ms` learns.
pub(crate) fn learns_until(birth_ms: Option<i64>, baseline_imported: bool) -> Option<i64> {
    if baseline_imported {
        return None;
    }
    Some(birth_ms.map_or(i64::MAX, |birth| birth + BASELINE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    const NOW: i64 = 1_000 * DAY;

    fn failure(device: usize, at_ms: i64) -> Failure {
        Failure {
            hresult: 0x800f_0985,
            device,
            at_ms,
        }
    }

    #[test]
    fn two_devices_are_told_at_once_and_once() {
        let mut memory = CodeMemory::default();
        let failures = [failure(1, NOW - HOUR), failure(2, NOW - 1_000)];
        assert_eq!(memory.look(&failures, None, NOW).len(), 1);
        assert!(memory.look(&failures, None, NOW + 1).is_empty());
        let mut again = CodeMemory::remember(memory.rows().cloned().collect());
        assert!(
            again.look(&failures, None, NOW + 2).is_empty(),
            "after a restart"
        );
    }

    #[test]
    fn one_device_is_told_after_a_quarter_of_an_hour() {
        let mut memory = CodeMemory::default();
        assert!(
            memory
                .look(&[failure(1, NOW)], None, NOW + 60_000)
                .is_empty()
        );
        assert!(
            memory
                .look(&[failure(1, NOW), failure(1, NOW + 5)], None, NOW + 60_000)
                .is_empty()
        );
        assert_eq!(
            memory
                .look(&[failure(1, NOW)], None, NOW + 16 * 60_000)
                .len(),
            1
        );
    }

    #[test]
    fn history_read_for_the_first_time_never_pages() {
        let mut memory = CodeMemory::default();
        let old = [failure(1, NOW - 3 * DAY), failure(2, NOW - 2 * DAY)];
        assert!(memory.look(&old, None, NOW).is_empty());
        let with_new = [old[0], old[1], failure(3, NOW)];
        assert!(
            memory.look(&with_new, None, NOW).is_empty(),
            "seen two days ago"
        );
    }

    #[test]
    fn a_code_is_new_again_after_180_days() {
        let mut memory = CodeMemory::default();
        let old = [failure(1, NOW - 200 * DAY)];
        memory.look(&old, None, NOW - 150 * DAY);
        let both = [old[0], failure(1, NOW - 1_000), failure(2, NOW - 500)];
        let told = memory.look(&both, None, NOW);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].episode, 2);
    }

    #[test]
    fn an_empty_database_learns_for_a_day_unless_a_baseline_came_along() {
        let failures = [failure(1, NOW - 10), failure(2, NOW - 5)];
        let mut learning = CodeMemory::default();
        assert!(
            learning
                .look(&failures, learns_until(Some(NOW - HOUR), false), NOW)
                .is_empty()
        );
        let mut given = CodeMemory::default();
        given.take_over(&[known_code(0x8007_0070, NOW, NOW)]);
        let none = learns_until(Some(NOW - HOUR), true);
        assert_eq!(given.look(&failures, none, NOW).len(), 1);
        let mut known = CodeMemory::default();
        known.take_over(&[known_code(0x800f_0985, NOW - 30 * DAY, NOW)]);
        assert!(
            known.look(&failures, None, NOW).is_empty(),
            "part of the baseline"
        );
    }
}
