//! What one pass over an event channel asks for, and what it keeps: all that
//! does not need Windows to be right.
//!
//! Promise: a channel without news is asked for one record and no more; Windows
//! picks the records that a grammar may know; what was read before an error is
//! kept.

use std::io;
use std::ops::RangeInclusive;

use super::channel_spool::record_id;

/// Records carried in one pass over a channel.
const MAX_RECORDS: usize = 500;

/// Who writes about updates and restarts, and the numbers of events that a
/// grammar knows of; none: all. The event log takes at most twenty conditions.
const INTEREST: [(&str, &[RangeInclusive<u32>]); 6] = [
    (
        "Microsoft-Windows-WindowsUpdateClient",
        &[16..=44, 212..=214],
    ),
    ("Microsoft-Windows-Servicing", &[1..=16, 1013..=1015]),
    ("Microsoft-Windows-WUSA", &[]),
    ("Microsoft-Windows-Kernel-Power", &[41..=41]),
    ("EventLog", &[6005..=6008]),
    ("User32", &[1074..=1074]),
];

/// How far a channel was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChannelPass {
    /// Newest record, of whatever provider, up to which all was looked at by
    /// this process.
    looked_at: u64,
}

/// What a pass has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Todo {
    /// Nothing was written since.
    Nothing,
    /// Records behind this one; 0: those of the last days.
    Behind(u64),
    /// The channel was cleared and numbers its records anew.
    Anew,
}

/// What a pass got.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Records by number, as XML.
    pub(crate) records: Vec<(u64, String)>,
    /// Whether there are more; or what ended the reading.
    pub(crate) has_more: io::Result<bool>,
}

impl ChannelPass {
    /// This process has looked at nothing yet.
    pub(crate) fn is_first(self) -> bool {
        self.looked_at == 0
    }

    /// What there is to do, by the last record that was carried and the newest
    /// that the channel holds, each 0 without one.
    pub(crate) fn todo(&mut self, carried: u64, newest: u64) -> Todo {
        if newest < carried.max(self.looked_at) {
            self.looked_at = 0;
            return Todo::Anew;
        }
        if newest == self.looked_at {
            return Todo::Nothing;
        }
        Todo::Behind(carried.max(self.looked_at))
    }

    /// Ends a pass whose records were kept: without more of them, all was
    /// looked at that the channel held when it told its newest record.
    pub(crate) fn end(&mut self, newest: u64, has_more: io::Result<bool>) -> io::Result<bool> {
        let has_more = has_more?;
        if !has_more {
            self.looked_at = newest;
        }
        Ok(has_more)
    }
}

/// Takes records until there is none, or enough of them.
pub(crate) fn take(mut next: impl FnMut() -> io::Result<Option<String>>) -> Taken {
    let mut records = Vec::new();
    let has_more = loop {
        if records.len() == MAX_RECORDS {
            break Ok(true);
        }
        match next() {
            Ok(Some(xml)) => records.extend(record_id(&xml).map(|id| (id, xml))),
            Ok(None) => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    Taken { records, has_more }
}

/// Selects what comes behind a record; of a channel seen for the first time,
/// its last days.
pub(crate) fn behind(after: u64, history_days: u32) -> String {
    let when = if after == 0 {
        let history_ms = u64::from(history_days) * 86_400_000;
        format!("TimeCreated[timediff(@SystemTime) <= {history_ms}]")
    } else {
        format!("(EventRecordID > {after})")
    };
    format!("*[System[({}) and {when}]]", interest())
}

fn interest() -> String {
    let writers = INTEREST.map(|(provider, numbers)| {
        let provider = format!("Provider[@Name='{provider}']");
        if numbers.is_empty() {
            return provider;
        }
        let numbers: Vec<String> = numbers.iter().map(number_in).collect();
        format!("({provider} and ({}))", numbers.join(" or "))
    });
    writers.join(" or ")
}

fn number_in(range: &RangeInclusive<u32>) -> String {
    let (first, last) = (range.start(), range.end());
    if first == last {
        return format!("EventID={first}");
    }
    format!("(EventID >= {first} and EventID <= {last})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{FileKind, Origin, TextParser};

    fn xml(provider: &str, number: u32, id: u64) -> String {
        format!(
            "<Event><System><Provider Name='{provider}'/><EventID>{number}</EventID>\
             <EventRecordID>{id}</EventRecordID><Channel>System</Channel></System></Event>"
        )
    }

    #[test]
    fn all_that_a_grammar_knows_is_asked_for() {
        for (provider, numbers) in INTEREST {
            let mut known = 0;
            for number in (0..1200).chain(6000..6020) {
                let origin = Origin {
                    device_id: "pc-1".to_owned(),
                    log: "System".to_owned(),
                };
                let mut parser = TextParser::new(FileKind::EventXml, origin);
                let mut events = Vec::new();
                parser.feed(xml(provider, number, 1).as_bytes(), &mut events);
                parser.finish(&mut events);
                let asked =
                    numbers.is_empty() || numbers.iter().any(|range| range.contains(&number));
                assert!(asked || events.is_empty(), "{provider} {number}");
                known += events.len();
            }
            assert!(known > 0, "nobody knows {provider}");
        }
    }

    #[test]
    fn a_question_has_fewer_conditions_than_the_event_log_takes() {
        for question in [behind(0, 90), behind(u64::MAX, 90)] {
            let conditions = question.matches(['=', '<', '>']).count()
                - question.matches(">=").count()
                - question.matches("<=").count();
            assert!(conditions <= 20, "{conditions}: {question}");
            assert_eq!(question.matches('(').count(), question.matches(')').count());
            assert_eq!(question.matches('[').count(), question.matches(']').count());
        }
        assert!(behind(7, 90).ends_with(" and (EventRecordID > 7)]]"));
    }

    #[test]
    fn a_channel_is_read_once_and_again_only_when_it_grew_or_was_cleared() {
        let mut pass = ChannelPass::default();
        assert_eq!(pass.todo(0, 0), Todo::Nothing);
        assert_eq!(pass.todo(40, 50), Todo::Behind(40));
        assert!(pass.is_first());
        let taken = take(|| Ok(None));
        pass.end(50, taken.has_more).unwrap();
        assert!(!pass.is_first());
        // Nobody of interest wrote 41 to 50: they are not looked at again.
        assert_eq!(pass.todo(40, 50), Todo::Nothing);
        assert_eq!(pass.todo(40, 51), Todo::Behind(50));
        assert_eq!(pass.todo(40, 3), Todo::Anew);
        assert_eq!(pass.todo(0, 3), Todo::Behind(0));
    }

    #[test]
    fn what_was_read_before_an_error_is_kept_and_the_rest_asked_for_again() {
        let mut pass = ChannelPass::default();
        let mut answers = vec![
            Err(io::Error::from(io::ErrorKind::TimedOut)),
            Ok(Some(String::new())),
            Ok(Some(xml("EventLog", 6005, 8))),
        ];
        let taken = take(|| answers.pop().unwrap());
        assert_eq!(taken.records.len(), 1);
        assert_eq!(taken.records[0].0, 8);
        assert!(pass.end(9, taken.has_more).is_err());
        assert_eq!(pass.todo(8, 9), Todo::Behind(8));
    }

    #[test]
    fn a_long_channel_is_read_in_several_passes() {
        let mut pass = ChannelPass::default();
        let taken = take(|| Ok(Some(xml("EventLog", 6005, 1))));
        assert_eq!(taken.records.len(), MAX_RECORDS);
        assert!(pass.end(9_000, taken.has_more).unwrap());
        assert_eq!(pass.todo(500, 9_000), Todo::Behind(500));
    }
}
