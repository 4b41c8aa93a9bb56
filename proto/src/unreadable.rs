//! Why a log cannot be read: the closed vocabulary of heartbeats, tables and
//! screens.

use std::fmt;

use crate::words::{UnknownWord, find, word_of};

/// What keeps a log from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// It is not where the configuration says, or where every Windows has it.
    Absent,
    /// Access is denied.
    Denied,
    /// Another program shares it with nobody.
    InUse,
    /// Something else than a file is in its place.
    NotAFile,
    /// An archive that is damaged, or is none.
    Damaged,
    /// Any other fault, of a disk for example.
    Failed,
}

impl Unreadable {
    const TABLE: &[(Self, &'static str)] = &[
        (Self::Absent, "absent"),
        (Self::Denied, "denied"),
        (Self::InUse, "in_use"),
        (Self::NotAFile, "not_a_file"),
        (Self::Damaged, "damaged"),
        (Self::Failed, "failed"),
    ];

    /// The word as it stands on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        word_of(Self::TABLE, self)
    }
}

impl std::str::FromStr for Unreadable {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        find("reason", Self::TABLE, word)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for (value, text) in Unreadable::TABLE {
            assert_eq!(text.parse(), Ok(*value));
            assert_eq!(value.as_str(), *text);
        }
        assert!("explode".parse::<Unreadable>().is_err());
    }
}
