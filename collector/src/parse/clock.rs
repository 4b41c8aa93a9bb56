//! Where a log prints local time, the offset from UTC is learned along the
//! file from every instant that it lets slip.
//!
//! Promise: an offset is a multiple of a quarter of an hour that real zones
//! use, backed by evidence; where there is none, the time stays unknown. The age
//! of a session, which may be of any length, is evidence right after it began or
//! where another one agrees; else a guess, for excerpts from machines whose zone
//! nobody knows, and only while nothing contradicts it.

mod hints;
#[cfg(test)]
mod tests;

use kbwatch_proto::event::UpdateEvent;
use kbwatch_proto::words::TimeSource;
use serde::{Deserialize, Serialize};

use self::hints::{Hint, Hints, is_common};

const QUARTER_MS: i64 = 15 * 60_000;
const LARGEST_LAG_MS: i64 = 90_000;
const LARGEST_LEAD_MS: i64 = 2_000;
const MAX_MARKS: usize = 64;

/// A record that follows its instant so closely does so by no accident.
const CLOSE_MS: i64 = 5_000;

/// How far a piece of evidence can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The record was printed at that instant.
    Firm,
    /// The record was printed some time after that instant, nobody knows how
    /// long. Counts only where it is close or confirmed, and while there is no
    /// firm evidence in the file.
    Later,
}

/// From `line` on, local time is `offset_min` ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    line: u64,
    offset_min: i32,
    source: u8,
}

/// Offsets of one file, learned so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetClock {
    firm: Vec<Mark>,
    vague: Vec<Mark>,
    /// Offsets that nothing confirmed yet.
    #[serde(default)]
    hints: Hints,
    /// Whether the machine's zone is known, and nothing is to be guessed.
    #[serde(skip)]
    guesses_nothing: bool,
    /// UTC moment at which the file began, until its first record is seen.
    #[serde(skip)]
    began_ms: Option<i64>,
}

const SOURCES: [TimeSource; 6] = [
    TimeSource::Unknown,
    TimeSource::CsiStamp,
    TimeSource::SessionId,
    TimeSource::FileName,
    TimeSource::LogHeader,
    TimeSource::TransactionId,
];

impl OffsetClock {
    /// Expects the first record at this instant.
    pub(crate) fn expect_start(&mut self, utc_ms: Option<i64>) {
        self.began_ms = utc_ms;
    }

    /// Takes note of a record's head; the first one tells the offset if the
    /// start of the file is known.
    pub(crate) fn note_head(&mut self, line: u64, printed_at_ms: Option<i64>) {
        if self.began_ms.is_some()
            && let Some(utc_ms) = self.began_ms.take()
            && let Some(printed_ms) = printed_at_ms
        {
            let evidence = (TimeSource::FileName, Trust::Firm);
            self.observe(line, printed_ms, utc_ms, evidence);
        }
    }

    /// Takes note that the record at `line`, which prints `printed_ms`, knows
    /// of the instant `utc_ms`.
    pub(crate) fn observe(
        &mut self,
        line: u64,
        printed_ms: i64,
        utc_ms: i64,
        (source, trust): (TimeSource, Trust),
    ) {
        let ahead = printed_ms - utc_ms;
        let rounded = (ahead + QUARTER_MS / 2).div_euclid(QUARTER_MS) * QUARTER_MS;
        let lag = ahead - rounded;
        let Ok(offset_min) = i32::try_from(rounded / 60_000) else {
            return;
        };
        let fits = match trust {
            Trust::Firm => lag.abs() <= LARGEST_LAG_MS,
            // At odd quarters and halves it is rather the age than the zone.
            Trust::Later => {
                (-LARGEST_LEAD_MS..=LARGEST_LAG_MS).contains(&lag) && is_common(offset_min)
            }
        };
        if !fits || !is_real_offset(offset_min) {
            return;
        }
        let hint = Hint {
            offset_min,
            source: place_of(source),
            utc_ms,
        };
        if trust == Trust::Firm || lag <= CLOSE_MS || self.hints.confirm(hint) {
            self.state(line, offset_min, source, trust);
        }
    }

    /// Says that the machine's zone is known: then nothing is guessed.
    pub(crate) fn guess_nothing(&mut self) {
        self.guesses_nothing = true;
    }

    /// Takes an offset that the log itself states.
    pub(crate) fn state(&mut self, line: u64, offset_min: i32, source: TimeSource, trust: Trust) {
        let source = place_of(source);
        let marks = match trust {
            Trust::Firm => &mut self.firm,
            Trust::Later => &mut self.vague,
        };
        if marks
            .last()
            .is_some_and(|last| last.offset_min == offset_min)
        {
            return;
        }
        if marks.last().is_some_and(|last| last.line >= line) {
            // Read again after a restart: what was learned then still holds.
            return;
        }
        if marks.len() == MAX_MARKS {
            marks.remove(0);
        }
        marks.push(Mark {
            line,
            offset_min,
            source,
        });
    }

    /// Offset that holds at a line, and how it is known: the last one learned
    /// before the line, else the first one after it.
    fn at(&self, line: u64) -> Option<(i32, TimeSource)> {
        let marks = if self.firm.is_empty() {
            &self.vague
        } else {
            &self.firm
        };
        let mark = marks
            .iter()
            .rev()
            .find(|mark| mark.line <= line)
            .or_else(|| marks.first());
        let Some(mark) = mark else {
            let guess = self.hints.guess().filter(|_| !self.guesses_nothing);
            return guess.map(|(offset_min, source)| (offset_min, source_at(source)));
        };
        Some((mark.offset_min, source_at(mark.source)))
    }

    /// Fills in an event's UTC time, if it prints local time and the offset is
    /// known by now.
    pub(crate) fn resolve(&self, event: &mut UpdateEvent) {
        let Some(printed_ms) = event.printed_at_ms else {
            return;
        };
        if event.occurred_at_ms.is_some() && event.time_source == TimeSource::Printed {
            return;
        }
        if let Some((offset_min, source)) = self.at(event.position) {
            event.occurred_at_ms = Some(printed_ms - i64::from(offset_min) * 60_000);
            event.time_source = source;
        }
    }
}

fn source_at(place: u8) -> TimeSource {
    let source = SOURCES.get(usize::from(place)).copied();
    source.unwrap_or_default()
}

/// Place of a source in [`SOURCES`].
fn place_of(source: TimeSource) -> u8 {
    let place = SOURCES.iter().position(|known| *known == source);
    place.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

/// Whether some zone of the world keeps this offset: whole and half hours, and
/// the few at three quarters.
fn is_real_offset(offset_min: i32) -> bool {
    let near_half = offset_min % 30 == 0;
    let three_quarters = matches!(offset_min, 345 | 525 | 765 | 825);
    (-12 * 60..=14 * 60).contains(&offset_min) && (near_half || three_quarters)
}
