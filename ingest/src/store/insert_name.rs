//! What a group is written into, and by what ClickHouse knows each insert.

use prost::bytes::Bytes;

use super::batch::Closed;
use super::opened::Opened;

/// What a group is written into.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    /// One of the group's parts.
    Events(usize),
    Facts,
    Letters,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Events(_) => "update_events",
            Self::Facts => "device_facts",
            Self::Letters => "dead_letters",
        }
    }

    /// Names what is inserted beside the group's other inserts.
    fn part(self) -> String {
        match self {
            Self::Events(number) => format!("events{number}"),
            Self::Facts => "facts".to_owned(),
            Self::Letters => "letters".to_owned(),
        }
    }

    /// Bytes that a group sends here, about.
    pub(super) fn bytes(self, group: &Closed) -> usize {
        match self {
            Self::Events(number) => group.parts[number].block.iter().map(Bytes::len).sum(),
            // Few and short.
            Self::Facts => 0,
            Self::Letters => group.batches.iter().map(Opened::letter_len).sum(),
        }
    }
}

/// By what ClickHouse knows an insert, and one try of it.
pub(super) struct Name {
    token: String,
    pub(super) query_id: String,
}

impl Name {
    pub(super) fn of(table: Table, token: &str, tries: u32) -> Self {
        let token = format!("{token}-{}", table.part());
        Self {
            query_id: format!("{token}-{tries}"),
            token,
        }
    }

    /// Settings of every insert: at once, and under a name of its own.
    pub(super) fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("async_insert", "0".to_owned()),
            // A group holds every event once: to look for repetitions in it
            // would cost as much as all the rest of the insert.
            ("optimize_on_insert", "0".to_owned()),
            ("insert_deduplication_token", self.token.clone()),
            ("query_id", self.query_id.clone()),
        ]
    }
}
