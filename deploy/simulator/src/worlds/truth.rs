//! What must be said of a world.

use std::collections::{BTreeMap, BTreeSet};

/// A trouble that is not the update's fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// `server`, `proxy`, `link`, `time`, `disk` or `policy`.
    pub kind: &'static str,
    /// Where.
    pub facts: BTreeMap<String, String>,
}

/// A cause: final code, and the facts that those who fail so share.
pub type Cause = (u32, BTreeMap<String, String>);

/// What must be said of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Updates that fail beyond the usual, through their own fault.
    pub bad: BTreeSet<String>,
    /// Updates that fail on too few devices to demand or forbid a word.
    pub few: BTreeSet<String>,
    /// Why, exactly.
    pub causes: BTreeSet<Cause>,
    /// A trouble outside.
    pub outside: Option<Outside>,
    /// Facts that look guilty and are not.
    pub innocent: BTreeMap<String, String>,
    /// Devices that the update left dark.
    pub dark: BTreeSet<String>,
}
