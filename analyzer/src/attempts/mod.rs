//! One device's events become its attempts: one try of one KB each, joined
//! over event log, servicing events, CBS verdicts, build level and lists.
//!
//! [`join`] is a pure function of what is stored: the order in which events
//! arrived does not matter, and running it twice changes nothing. What depends
//! on the clock (an open attempt that has gone silent) is left to [`settle`].

mod build;
mod damage;
mod join;
mod record;
mod repairs;
mod settle;
mod sign;
#[cfg(test)]
mod stories;
mod verify;

pub(crate) use damage::is_damage;
pub use join::{Knowledge, Level, join};
pub use record::Record;
pub(crate) use repairs::{Repair, cleaned_at, repairs};
pub use settle::{Clock, final_code, settle};
pub(crate) use sign::switched_off_at;

use kbwatch_proto::ids::EventId;
use kbwatch_proto::words::Phase;

use crate::kb::{Build, UpdateKind};

/// How an attempt stands, in the words that tables and screens use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Verified to be on the machine.
    Succeeded,
    /// Ended with a result code.
    Failed,
    /// Failed after the reboot and was undone.
    RolledBack,
    /// Installed but for a reboot.
    PendingReboot,
    /// Called off.
    Cancelled,
    /// Open, or without a verdict that could be believed.
    Unknown,
    /// Began and was never heard of again.
    GoneSilent,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Failed,
        Self::RolledBack,
        Self::PendingReboot,
        Self::Cancelled,
        Self::Unknown,
        Self::GoneSilent,
    ];

    /// The word as it stands in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::PendingReboot => "pending_reboot",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
            Self::GoneSilent => "gone_silent",
        }
    }

    /// Failed or rolled back.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack)
    }

    /// Counts in the failure rate: succeeded, failed or rolled back.
    pub fn is_closed(self) -> bool {
        self.is_failure() || self == Self::Succeeded
    }
}

/// How an attempt stands before the clock is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// A verdict was given.
    Closed(Outcome),
    /// Something began and no verdict is known.
    Open,
    /// Installed; waits for a reboot.
    AwaitsReboot {
        /// A shutdown for servicing was seen and no boot since.
        rebooting: bool,
        /// First boot since, where one was seen.
        booted_at_ms: Option<i64>,
    },
    /// The update agent means to fetch it again after this code.
    AwaitsRetry {
        /// The code it gave up with for now.
        hresult: u32,
    },
}

/// A component file that an attempt's records call broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// WinSxS key or assembly name as printed.
    pub component: String,
    /// Version as printed, or empty.
    pub version: String,
    /// Architecture as printed, or empty.
    pub arch: String,
    /// File as printed.
    pub file: String,
    /// Hash the manifest demands, or empty.
    pub hash_expected: String,
    /// Record that says so.
    pub evidence: EventId,
}

/// One try of one KB on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// First sign of it.
    pub started_at_ms: i64,
    /// Verdict, or the newest sign.
    pub ended_at_ms: i64,
    /// How it stands before the clock is asked.
    pub stand: Stand,
    /// Phase in which it stands or ended.
    pub phase: Phase,
    /// Final code of a failure or cancellation.
    pub hresult: Option<u32>,
    /// Its result looks like failure and is not.
    pub benign: bool,
    /// Records that decide it, verdict first, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<EventId>,
    /// Broken files that its records name.
    pub broken: Vec<Broken>,
}

/// Most evidence ids of one attempt.
pub const MAX_EVIDENCE: usize = 12;

/// All attempts of one KB on one device, in time order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KbAttempts {
    /// `KB5022286`.
    pub kb: String,
    /// Build it brings, where known.
    pub build: Option<Build>,
    /// Kind of update.
    pub kind: UpdateKind,
    /// Newest title printed.
    pub title: String,
    /// At least one.
    pub attempts: Vec<Attempt>,
    /// When it was last removed again, as a record says.
    pub removed_at_ms: Option<i64>,
}
