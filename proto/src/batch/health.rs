//! A heartbeat's health, to the wire and back.

use crate::event::{Health, MAX_SOURCES, SourceLines, UnreadableSource};
use crate::generated::events::v1 as wire;
use crate::unreadable::Unreadable;

/// Longest build that is believed, in bytes.
const MAX_BUILD_LEN: usize = 24;

pub(super) fn encode(health: &Health) -> wire::Health {
    let sources = health.sources.iter().take(MAX_SOURCES);
    let unreadable = health.unreadable.iter().take(MAX_SOURCES);
    wire::Health {
        started_at_ms: health.started_at_ms,
        lag_bytes: health.lag_bytes,
        unsent_events: health.unsent_events,
        spool_bytes: health.spool_bytes,
        refused_batches: health.refused_batches,
        skipped_lines: health.skipped_lines,
        dropped_events: health.dropped_events,
        sent_bytes_24h: health.sent_bytes_24h,
        sources: sources.map(encode_lines).collect(),
        os_build: health.os_build.clone(),
        counted_since_ms: health.counted_since_ms,
        unreadable: unreadable.map(encode_unreadable).collect(),
    }
}

fn encode_lines(lines: &SourceLines) -> wire::SourceLines {
    wire::SourceLines {
        source: lines.source.as_str().to_owned(),
        lines: lines.lines,
        unknown_lines: lines.unknown_lines,
        codes: lines.codes,
        unknown_codes: lines.unknown_codes,
        lost_bytes: lines.lost_bytes,
        lost_files: lines.lost_files,
        cut_lines: lines.cut_lines,
    }
}

fn encode_unreadable(one: &UnreadableSource) -> wire::UnreadableSource {
    wire::UnreadableSource {
        source: one.source.as_str().to_owned(),
        reason: one.reason.as_str().to_owned(),
        since_ms: one.since_ms,
        logs: one.logs,
    }
}

/// What cannot be is left out: a sign of life is worth more than its figures.
pub(super) fn decode(health: wire::Health) -> Health {
    let mut sources: Vec<SourceLines> = Vec::new();
    for lines in health.sources.iter().filter_map(decode_lines) {
        if sources.len() < MAX_SOURCES && sources.iter().all(|one| one.source != lines.source) {
            sources.push(lines);
        }
    }
    let mut unreadable: Vec<UnreadableSource> = Vec::new();
    for told in health.unreadable.iter().filter_map(decode_unreadable) {
        if unreadable.len() < MAX_SOURCES && unreadable.iter().all(|one| one.source != told.source)
        {
            unreadable.push(told);
        }
    }
    Health {
        started_at_ms: health.started_at_ms,
        lag_bytes: health.lag_bytes,
        unsent_events: health.unsent_events,
        spool_bytes: health.spool_bytes,
        refused_batches: health.refused_batches,
        skipped_lines: health.skipped_lines,
        dropped_events: health.dropped_events,
        sent_bytes_24h: health.sent_bytes_24h,
        sources,
        unreadable,
        os_build: if is_build(&health.os_build) {
            health.os_build
        } else {
            String::new()
        },
        counted_since_ms: health.counted_since_ms,
    }
}

/// A source of a newer collector has no word here yet.
fn decode_lines(lines: &wire::SourceLines) -> Option<SourceLines> {
    let possible = lines.unknown_lines <= lines.lines && lines.unknown_codes <= lines.codes;
    Some(SourceLines {
        source: lines.source.parse().ok()?,
        lines: lines.lines,
        unknown_lines: lines.unknown_lines,
        codes: lines.codes,
        unknown_codes: lines.unknown_codes,
        lost_bytes: lines.lost_bytes,
        lost_files: lines.lost_files,
        cut_lines: lines.cut_lines,
    })
    .filter(|_| possible)
}

/// A reason that a newer collector has counts as some fault or other.
fn decode_unreadable(told: &wire::UnreadableSource) -> Option<UnreadableSource> {
    Some(UnreadableSource {
        source: told.source.parse().ok()?,
        reason: told.reason.parse().unwrap_or(Unreadable::Failed),
        since_ms: told.since_ms,
        logs: told.logs.max(1),
    })
}

fn is_build(text: &str) -> bool {
    text.len() <= MAX_BUILD_LEN
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::SourceKind;

    fn lines(source: &str, lines: u64, unknown_lines: u64) -> wire::SourceLines {
        wire::SourceLines {
            source: source.to_owned(),
            lines,
            unknown_lines,
            ..wire::SourceLines::default()
        }
    }

    #[test]
    fn sources_that_cannot_be_are_left_out_and_the_others_kept() {
        let health = decode(wire::Health {
            sources: vec![
                lines("cbs", 10, 4),
                lines("of_a_newer_collector", 10, 4),
                lines("dism", 10, 11),
                lines("cbs", 99, 0),
            ],
            os_build: "17763.3887".to_owned(),
            ..wire::Health::default()
        });
        let cbs = SourceLines {
            source: SourceKind::Cbs,
            lines: 10,
            unknown_lines: 4,
            ..SourceLines::default()
        };
        assert_eq!(health.sources, [cbs]);
        assert_eq!(health.os_build, "17763.3887");
    }

    #[test]
    fn a_reason_of_a_newer_collector_is_a_fault_and_a_source_is_told_once() {
        let told = |source: &str, reason: &str| wire::UnreadableSource {
            source: source.to_owned(),
            reason: reason.to_owned(),
            since_ms: 7,
            logs: 0,
        };
        let health = decode(wire::Health {
            unreadable: vec![
                told("dism", "eaten_by_a_newer_fault"),
                told("dism", "denied"),
                told("of_a_newer_collector", "denied"),
            ],
            ..wire::Health::default()
        });
        let dism = UnreadableSource {
            source: SourceKind::Dism,
            reason: Unreadable::Failed,
            since_ms: 7,
            logs: 1,
        };
        assert_eq!(health.unreadable, [dism]);
    }

    #[test]
    fn a_build_that_is_none_is_not_believed() {
        for text in ["<script>", "1".repeat(25).as_str()] {
            let health = decode(wire::Health {
                os_build: text.to_owned(),
                ..wire::Health::default()
            });
            assert_eq!(health.os_build, "");
        }
    }
}
