//! The ledger of lines: how much of each source no rule understood, so that a
//! Windows that writes something new is seen.
//!
//! Counted from the start of a run and never set back within it. A run ends
//! with the process, or with the build of the system: what an older build wrote
//! is not held against a newer one. Totals rather than differences are told, so
//! that a heartbeat that is lost, replaced or repeated makes no difference.

use kbwatch_proto::event::{FactsSnapshot, SourceLines};
use kbwatch_proto::words::SourceKind;

use crate::parse::ParseCounts;
use crate::watch::losses::Losses;

/// What is counted of each source.
pub(super) type Read = Vec<(SourceKind, Counted)>;

/// What was read and what was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub(super) parsed: ParseCounts,
    pub(super) losses: Losses,
}

impl Counted {
    pub(super) fn add(&mut self, more: Self) {
        self.parsed.add(more.parsed);
        self.losses += more.losses;
    }
}

/// One run of counting.
#[derive(Debug, Default)]
pub(super) struct LineLedger {
    since_ms: i64,
    os_build: String,
    /// What earlier runs of this process had counted.
    base: Read,
    /// What was counted when it was told last.
    told: Read,
}

/// A run's totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) sources: Vec<SourceLines>,
    pub(super) os_build: String,
    pub(super) since_ms: i64,
}

impl LineLedger {
    /// Whether there is something that was not told yet.
    pub(super) fn has_news(&self, read: &Read) -> bool {
        self.told != *read
    }

    /// The totals of this run; `started_at_ms` is the start of the process.
    pub(super) fn tell(
        &mut self,
        read: Read,
        facts: &FactsSnapshot,
        (started_at_ms, now_ms): (i64, i64),
    ) -> Told {
        let os_build = build(facts);
        // A fact that cannot be read for once is no other build.
        if !os_build.is_empty() && os_build != self.os_build {
            if !self.os_build.is_empty() {
                self.base = std::mem::take(&mut self.told);
                self.since_ms = now_ms.max(self.since_ms + 1);
            }
            self.os_build = os_build;
        }
        if self.since_ms == 0 {
            self.since_ms = started_at_ms;
        }
        let sources = read.iter().map(|(source, counts)| {
            let known = self.base.iter().find(|(kind, _)| kind == source);
            let earlier = known.map(|(_, counts)| *counts).unwrap_or_default();
            lines(*source, counts, &earlier)
        });
        let sources = sources.collect();
        self.told = read;
        Told {
            sources,
            os_build: self.os_build.clone(),
            since_ms: self.since_ms,
        }
    }
}

fn lines(source: SourceKind, counted: &Counted, earlier: &Counted) -> SourceLines {
    let counts = counted.parsed.since(&earlier.parsed);
    let (lost, lost_before) = (counted.losses, earlier.losses);
    SourceLines {
        lost_bytes: lost.bytes.saturating_sub(lost_before.bytes),
        lost_files: lost.files.saturating_sub(lost_before.files),
        cut_lines: counts.cut_lines,
        source,
        lines: counts.lines,
        unknown_lines: counts.unknown_lines(),
        codes: counts.codes,
        unknown_codes: counts.unknown_codes.min(counts.codes),
    }
}

/// `17763.3887`, or empty.
fn build(facts: &FactsSnapshot) -> String {
    let fact = |name: &str| facts.facts.get(name).map(String::as_str);
    match (fact("os_build"), fact("ubr")) {
        (Some(build), Some(ubr)) if !ubr.is_empty() => format!("{build}.{ubr}"),
        (Some(build), _) => build.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: u64, unknown: u64) -> Read {
        let counts = ParseCounts {
            lines,
            records: lines,
            unknown,
            ..ParseCounts::default()
        };
        let counted = Counted {
            parsed: counts,
            ..Counted::default()
        };
        vec![(SourceKind::Cbs, counted)]
    }

    fn facts(ubr: &str) -> FactsSnapshot {
        let mut facts = FactsSnapshot::default();
        if !ubr.is_empty() {
            facts
                .facts
                .insert("os_build".to_owned(), "17763".to_owned());
            facts.facts.insert("ubr".to_owned(), ubr.to_owned());
        }
        facts
    }

    fn told(told: &Told) -> (&str, i64, u64, u64) {
        let cbs = told.sources[0];
        let build = told.os_build.as_str();
        (build, told.since_ms, cbs.lines, cbs.unknown_lines)
    }

    #[test]
    fn totals_of_a_run_only_grow_and_a_new_build_begins_another() {
        let mut ledger = LineLedger::default();
        let first = ledger.tell(read(10, 4), &facts("3770"), (100, 100));
        assert_eq!(told(&first), ("17763.3770", 100, 10, 4));
        let later = ledger.tell(read(30, 9), &facts("3770"), (100, 200));
        assert_eq!(told(&later), ("17763.3770", 100, 30, 9));
        let unread = ledger.tell(read(31, 9), &facts(""), (100, 250));
        assert_eq!(told(&unread), ("17763.3770", 100, 31, 9));
        let updated = ledger.tell(read(41, 19), &facts("3887"), (100, 300));
        assert_eq!(told(&updated), ("17763.3887", 300, 10, 10));
    }

    #[test]
    fn what_was_told_is_no_news() {
        let mut ledger = LineLedger::default();
        assert!(ledger.has_news(&read(1, 0)));
        ledger.tell(read(1, 0), &facts(""), (1, 1));
        assert!(!ledger.has_news(&read(1, 0)));
        assert!(ledger.has_news(&read(2, 0)));
    }
}
