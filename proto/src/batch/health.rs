//! A heartbeat's health, to the wire and back.

use crate::event::{Health, MAX_SOURCES, SourceLines};
use crate::generated::events::v1 as wire;

/// Longest build that is believed, in bytes.
const MAX_BUILD_LEN: usize = 24;

pub(super) fn encode(health: &Health) -> wire::Health {
    let sources = health.sources.iter().take(MAX_SOURCES);
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
    }
}

fn encode_lines(lines: &SourceLines) -> wire::SourceLines {
    wire::SourceLines {
        source: lines.source.as_str().to_owned(),
        lines: lines.lines,
        unknown_lines: lines.unknown_lines,
        codes: lines.codes,
        unknown_codes: lines.unknown_codes,
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
    })
    .filter(|_| possible)
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
