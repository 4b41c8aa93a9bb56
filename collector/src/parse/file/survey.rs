//! What must be known of a log before its events can be told one by one.

use std::sync::Arc;

use kbwatch_proto::event::UpdateEvent;

use super::ParseFileError;
use super::opened::{End, LogFile};
use super::reading::date;
use super::repeats::{Repeats, Seen};
use crate::parse::clock::OffsetClock;

/// What the first reading of a log learns.
pub(super) struct FirstLook {
    by_position: bool,
    few: usize,
    pub(super) kept: Option<Vec<UpdateEvent>>,
    /// Name of the log that the first event came from.
    pub(super) log: Option<Arc<str>>,
    seen: Seen,
    told: u64,
    /// The earliest place in each portion.
    earliest: Vec<u64>,
}

impl FirstLook {
    pub(super) fn new(by_position: bool, few: usize) -> Self {
        Self {
            by_position,
            few,
            kept: Some(Vec::new()),
            log: None,
            seen: Seen::new(),
            told: 0,
            earliest: Vec::new(),
        }
    }

    /// Takes in a portion as it is told.
    pub(super) fn take(&mut self, portion: &mut Vec<UpdateEvent>) {
        if self.log.is_none() {
            self.log = portion.first().map(|event| Arc::clone(&event.origin));
        }
        for event in portion.iter() {
            self.seen.note(event.event_id);
        }
        let positions = portion.iter().map(|event| event.position);
        self.earliest.push(match positions.min() {
            Some(position) if self.by_position => position,
            Some(_) => self.told,
            None => u64::MAX,
        });
        self.told += portion.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.append(portion);
        }
        self.kept = self.kept.take().filter(|kept| kept.len() <= self.few);
    }
}

/// What telling the events one by one needs to know.
pub(super) struct Survey {
    clock: Option<OffsetClock>,
    by_position: bool,
    repeats: Repeats,
    /// For each portion, before which place nothing comes any more once it is
    /// taken in.
    settled: Vec<u64>,
}

impl Survey {
    /// Looks at a log again, where it may tell events twice.
    pub(super) fn new(
        file: &LogFile,
        end: End,
        first_look: FirstLook,
    ) -> Result<Self, ParseFileError> {
        let by_position = first_look.by_position;
        let mut earliest = first_look.earliest;
        let mut repeats = first_look.seen.into_suspects();
        if !repeats.is_empty() {
            let (mut number, mut portions) = (0, earliest.iter_mut());
            file.read(|portion| {
                let mut earliest = portions.next();
                for event in portion {
                    // Where order is that of telling, a fuller telling goes to
                    // the place of the first: nothing after that may go before.
                    if let Some(place) = repeats.note(number, event)
                        && let Some(earliest) = earliest.as_deref_mut().filter(|_| !by_position)
                    {
                        *earliest = place.min(*earliest);
                    }
                    number += 1;
                }
                Ok::<(), ParseFileError>(())
            })?;
            repeats.clear_suspicions();
        }
        let mut settled = earliest;
        let mut next = u64::MAX;
        for place in settled.iter_mut().rev() {
            (*place, next) = (next, next.min(*place));
        }
        Ok(Self {
            clock: end.clock,
            by_position,
            repeats,
            settled,
        })
    }

    /// Tells the events while they are read once more.
    pub(super) fn tell<E: From<ParseFileError>>(
        &self,
        file: &LogFile,
        tell: &mut dyn FnMut(UpdateEvent) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut number, mut settled) = (0, self.settled.iter());
        let mut waiting: Vec<((u64, u64), UpdateEvent)> = Vec::new();
        file.read(|portion| {
            for event in portion.drain(..) {
                if let Some(place) = self.repeats.place(number, &event) {
                    let position = if self.by_position {
                        event.position
                    } else {
                        place
                    };
                    waiting.push(((position, place), event));
                }
                number += 1;
            }
            waiting.sort_by_key(|(place, _)| *place);
            let settled = settled.next().copied().unwrap_or(u64::MAX);
            let ready = waiting.partition_point(|((position, _), _)| *position < settled);
            waiting.drain(..ready).try_for_each(|(_, mut event)| {
                date(&mut event, self.clock.as_ref());
                tell(event)
            })
        })?;
        Ok(())
    }
}
