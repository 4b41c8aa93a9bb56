//! What the logs of a device tell, record by record, and what must be read
//! out of each.
//!
//! Every telling carries its own expectation, written where the record is
//! written: the ledger is their sum and knows nothing of any parser.

mod attempt;
mod events;
mod everyday;
mod servicing;

use kbwatch_proto::words::{EventResult, SourceKind};

use crate::dice::Dice;
use crate::plan::{DevicePlan, FleetPlan};
use crate::render::clock::Clock;

/// An event that must come out of a record, where its result is more than
/// `start` or `info`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// Which log.
    pub source: SourceKind,
    /// What happened.
    pub result: EventResult,
    /// KB that the record states, or empty.
    pub kb: String,
    /// Result code that the record states.
    pub hresult: Option<u32>,
    /// Component file that it names, or empty.
    pub file: String,
}

/// A record of an event log, before it is numbered and printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// `Name='…' Guid='…'` of the provider.
    pub provider: &'static str,
    /// Event id.
    pub id: u32,
    /// Version of its template.
    pub version: u8,
    /// 2 error, 4 information, 0 always.
    pub level: u8,
    /// Keyword bits.
    pub keywords: &'static str,
    /// Channel.
    pub channel: &'static str,
    /// Element that holds the fields: `EventData`, or the name of a
    /// user-data template.
    pub template: &'static str,
    /// Fields by name, in order.
    pub fields: Vec<(&'static str, String)>,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A record of CBS.log; further lines after `\n`.
    Cbs {
        /// Info or Error.
        level: &'static str,
        /// Who speaks.
        column: &'static str,
        /// Message.
        text: String,
    },
    /// A record of the CSI column, numbered when printed.
    Csi {
        /// Info or Error.
        level: &'static str,
        /// Prints the UTC time beside its number.
        stamped: bool,
        /// Message.
        text: String,
    },
    /// The servicing stack starts: CSI numbers begin anew.
    StackStart,
    /// `CBS.log` is renamed to `CbsPersist_*.log`.
    Rotate,
    /// A record of an event log.
    Event(EventRecord),
    /// A line of dism.log.
    Dism {
        /// Info, Warning or Error.
        level: &'static str,
        /// Message.
        text: String,
    },
}

/// One record at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// True UTC, milliseconds since 1970; the device's skew comes on top.
    pub at_ms: i64,
    /// The record.
    pub what: What,
    /// What must be read out of it.
    pub expected: Option<Expected>,
}

/// Collects the tellings of one device.
pub(crate) struct Story<'a> {
    pub(crate) device: &'a DevicePlan,
    pub(crate) plan: &'a FleetPlan,
    pub(crate) dice: Dice,
    tellings: Vec<Telling>,
}

impl Story<'_> {
    pub(crate) fn tell(&mut self, at_ms: i64, what: What) {
        self.tellings.push(Telling {
            at_ms,
            what,
            expected: None,
        });
    }

    pub(crate) fn tell_expecting(&mut self, at_ms: i64, what: What, expected: Expected) {
        self.tellings.push(Telling {
            at_ms,
            what,
            expected: Some(expected),
        });
    }

    /// A moment in a field of an event, by the device's clock.
    pub(crate) fn stamp(&self, at_ms: i64) -> String {
        Clock::of(self.device).event(at_ms)
    }

    pub(crate) fn cbs(&mut self, at_ms: i64, text: impl Into<String>) {
        self.tell(at_ms, cbs_line(text));
    }

    pub(crate) fn csi(&mut self, at_ms: i64, stamped: bool, text: impl Into<String>) {
        let what = What::Csi {
            level: "Info",
            stamped,
            text: text.into(),
        };
        self.tell(at_ms, what);
    }
}

pub(crate) fn cbs_line(text: impl Into<String>) -> What {
    What::Cbs {
        level: "Info",
        column: "CBS",
        text: text.into(),
    }
}

/// A session id: the halves of the FILETIME at which it was made, by the
/// device's clock.
pub fn session_id(device: &DevicePlan, at_ms: i64) -> String {
    let ticks = (at_ms + device.clock_skew_s * 1_000) * 10_000 + 116_444_736_000_000_000;
    format!("{}_{}", ticks >> 32, ticks & 0xffff_ffff)
}

/// Everything that the logs of a device tell, in time order.
pub fn tell(plan: &FleetPlan, device: &DevicePlan) -> Vec<Telling> {
    let mut story = Story {
        device,
        plan,
        dice: Dice::new(plan.config.seed, device.stream),
        tellings: Vec::with_capacity(256),
    };
    everyday::tell(&mut story);
    for (turn, attempt) in device.attempts.iter().enumerate() {
        if turn == 1 && device.rotates {
            story.tell(attempt.started_at_ms - 1_000, What::Rotate);
        }
        attempt::tell(&mut story, attempt);
    }
    let mut tellings = story.tellings;
    tellings.sort_by_key(|telling| telling.at_ms);
    tellings
}
