//! What is stored of one source of one device on one build.

use clickhouse::Row;
use kbwatch_proto::event::SourceLines;
use kbwatch_proto::words::SourceKind;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::store::time_quality::tick;

/// Device, source and build.
pub(super) type Key = (String, String, String);

#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub(super) struct LinesRow {
    device_id: String,
    source: String,
    os_build: String,
    last_heard_at: i64,
    lines: u64,
    unknown_lines: u64,
    codes: u64,
    unknown_codes: u64,
    lost_bytes: u64,
    lost_files: u64,
    cut_lines: u64,
    counted_since: i64,
    run_lines: u64,
    run_unknown_lines: u64,
    run_codes: u64,
    run_unknown_codes: u64,
    run_lost_bytes: u64,
    run_lost_files: u64,
    run_cut_lines: u64,
}

impl LinesRow {
    /// A row as if this run were the first of its device.
    pub(super) fn of(run: &Run, received_at_ms: i64, told: &SourceLines) -> Self {
        Self {
            device_id: run.device_id.to_string(),
            source: told.source.as_str().to_owned(),
            os_build: run.os_build.clone(),
            last_heard_at: tick(received_at_ms),
            lines: told.lines,
            unknown_lines: told.unknown_lines,
            codes: told.codes,
            unknown_codes: told.unknown_codes,
            lost_bytes: told.lost_bytes,
            lost_files: told.lost_files,
            cut_lines: told.cut_lines,
            counted_since: tick(run.counted_since_ms),
            run_lines: told.lines,
            run_unknown_lines: told.unknown_lines,
            run_codes: told.codes,
            run_unknown_codes: told.unknown_codes,
            run_lost_bytes: told.lost_bytes,
            run_lost_files: told.lost_files,
            run_cut_lines: told.cut_lines,
        }
    }

    pub(super) fn key(&self) -> Key {
        (
            self.device_id.clone(),
            self.source.clone(),
            self.os_build.clone(),
        )
    }

    /// The row that takes the stored one's place, and by how much it is more;
    /// `None` for what was heard before.
    pub(super) fn on_top_of(self, stored: Option<&Self>) -> Option<(Self, SourceLines)> {
        let Some(stored) = stored else {
            let more = self.run();
            return Some((self, more));
        };
        if stored.last_heard_at >= self.last_heard_at || self.is_before(stored) {
            return None;
        }
        let before = if stored.counted_since == self.counted_since {
            stored.run()
        } else {
            SourceLines::default()
        };
        let more = each(&self.run(), &before, u64::saturating_sub);
        let row = self
            .with_totals(&each(&stored.totals(), &more, u64::saturating_add))
            .with_run(&before);
        Some((row, more))
    }

    /// Whether this run began before the stored one, and so was counted before
    /// it: two machines with one identity would add their totals again in turn.
    /// A run from the future is no measure: its device's clock was wrong.
    fn is_before(&self, stored: &Self) -> bool {
        self.counted_since < stored.counted_since && stored.counted_since <= self.last_heard_at
    }

    fn totals(&self) -> SourceLines {
        SourceLines {
            source: self.source.parse().unwrap_or(SourceKind::Cbs),
            lines: self.lines,
            unknown_lines: self.unknown_lines,
            codes: self.codes,
            unknown_codes: self.unknown_codes,
            lost_bytes: self.lost_bytes,
            lost_files: self.lost_files,
            cut_lines: self.cut_lines,
        }
    }

    fn run(&self) -> SourceLines {
        SourceLines {
            source: self.source.parse().unwrap_or(SourceKind::Cbs),
            lines: self.run_lines,
            unknown_lines: self.run_unknown_lines,
            codes: self.run_codes,
            unknown_codes: self.run_unknown_codes,
            lost_bytes: self.run_lost_bytes,
            lost_files: self.run_lost_files,
            cut_lines: self.run_cut_lines,
        }
    }

    fn with_totals(self, totals: &SourceLines) -> Self {
        Self {
            lines: totals.lines,
            unknown_lines: totals.unknown_lines,
            codes: totals.codes,
            unknown_codes: totals.unknown_codes,
            lost_bytes: totals.lost_bytes,
            lost_files: totals.lost_files,
            cut_lines: totals.cut_lines,
            ..self
        }
    }

    /// Totals of a run never fall.
    fn with_run(self, before: &SourceLines) -> Self {
        let run = each(&self.run(), before, u64::max);
        Self {
            run_lines: run.lines,
            run_unknown_lines: run.unknown_lines,
            run_codes: run.codes,
            run_unknown_codes: run.unknown_codes,
            run_lost_bytes: run.lost_bytes,
            run_lost_files: run.lost_files,
            run_cut_lines: run.cut_lines,
            ..self
        }
    }
}

fn each(a: &SourceLines, b: &SourceLines, of: impl Fn(u64, u64) -> u64) -> SourceLines {
    SourceLines {
        source: a.source,
        lines: of(a.lines, b.lines),
        unknown_lines: of(a.unknown_lines, b.unknown_lines),
        codes: of(a.codes, b.codes),
        unknown_codes: of(a.unknown_codes, b.unknown_codes),
        lost_bytes: of(a.lost_bytes, b.lost_bytes),
        lost_files: of(a.lost_files, b.lost_files),
        cut_lines: of(a.cut_lines, b.cut_lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(received_at_ms: i64, counted_since_ms: i64, lines: u64) -> LinesRow {
        let run = Run {
            device_id: "pc-1".into(),
            os_build: "17763.3887".to_owned(),
            counted_since_ms,
        };
        let told = SourceLines {
            lines,
            unknown_lines: lines / 2,
            ..SourceLines::default()
        };
        LinesRow::of(&run, received_at_ms, &told)
    }

    /// Lines stored and lines counted after heartbeats, in turn.
    fn after(heartbeats: &[(i64, i64, u64)]) -> (u64, u64) {
        let mut stored: Option<LinesRow> = None;
        let mut counted = 0;
        for (received_at_ms, since_ms, lines) in heartbeats {
            let told = row(*received_at_ms, *since_ms, *lines);
            if let Some((row, more)) = told.on_top_of(stored.as_ref()) {
                counted += more.lines;
                stored = Some(row);
            }
        }
        (stored.map_or(0, |row| row.lines), counted)
    }

    #[test]
    fn a_run_that_goes_on_counts_what_grew() {
        assert_eq!(after(&[(10, 1, 0), (20, 1, 100), (30, 1, 150)]), (150, 150));
    }

    #[test]
    fn a_restart_is_added_and_a_heartbeat_read_again_is_not() {
        let told = [(10, 1, 100), (20, 5, 30), (10, 1, 100), (20, 5, 30)];
        assert_eq!(after(&told), (130, 130));
        assert_eq!(after(&[(10, 1, 100), (20, 5, 30), (30, 5, 40)]), (140, 140));
    }

    #[test]
    fn two_machines_with_one_identity_do_not_add_their_totals_again_in_turn() {
        let told = [(10, 1, 100), (20, 5, 30), (30, 1, 100), (40, 5, 30)];
        assert_eq!(after(&told), (130, 130));
    }

    #[test]
    fn a_run_from_the_future_does_not_hide_those_that_follow() {
        let told = [(10, 900, 100), (20, 15, 30), (30, 15, 40)];
        assert_eq!(after(&told), (140, 140));
    }

    #[test]
    fn totals_that_fall_for_once_are_not_counted_again_when_they_rise() {
        let told = [(10, 1, 100), (20, 1, 60), (30, 1, 100), (40, 1, 110)];
        assert_eq!(after(&told), (110, 110));
    }
}
