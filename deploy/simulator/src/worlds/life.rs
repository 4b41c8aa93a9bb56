//! What happens to one device: its tries, and how it tells of them.

use kbwatch_proto::words::{EventResult, Phase, SourceKind};

use crate::plan::{AttemptPlan, DamagedFile, Fate};

/// A record that says nothing of any install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noise {
    /// Which log.
    pub source_kind: SourceKind,
    /// Part of an update's life.
    pub phase: Phase,
    /// What happened.
    pub result: EventResult,
    /// When.
    pub at_ms: i64,
    /// Code.
    pub hresult: Option<u32>,
    /// KB, or empty.
    pub kb: String,
}

/// The life of one device in a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// In time order.
    pub tries: Vec<AttemptPlan>,
    /// Level before all of them.
    pub base_ubr: u32,
    /// When its collector read its facts first.
    pub first_read_ms: i64,
    /// What it sends arrives this much later.
    pub delay_ms: i64,
    /// How far its clock runs ahead.
    pub skew_ms: i64,
    /// Times during which nothing of it arrives; what was held back comes after.
    pub away: Vec<(i64, i64)>,
    /// Not heard of again from then on.
    pub dark_from_ms: Option<i64>,
    /// All its logs are read; else those of the update agent and CBS alone.
    pub plain: bool,
    /// It sends everything twice.
    pub repeats: bool,
    /// What it prints beside its tries.
    pub noise: Vec<Noise>,
    /// Damaged component files.
    pub damage: Vec<DamagedFile>,
}

impl Life {
    /// Level after every try that was verified before `at_ms`.
    pub fn ubr_at(&self, at_ms: i64) -> u32 {
        let verified = |t: &&AttemptPlan| t.fate == Fate::Succeeded && t.ended_at_ms <= at_ms;
        let levels = self.tries.iter().filter(verified).map(|t| t.kb.ubr);
        levels.fold(self.base_ubr, u32::max)
    }

    /// When something of `at_ms` arrives.
    pub fn arrival(&self, at_ms: i64) -> i64 {
        let sent = (at_ms + self.delay_ms).max(self.first_read_ms);
        let held = self
            .away
            .iter()
            .find(|(from, to)| (*from..*to).contains(&sent));
        let arrives = held.map_or(sent, |(_, to)| *to);
        match self.dark_from_ms {
            Some(dark) if arrives > dark && at_ms > dark => i64::MAX,
            _ => arrives,
        }
    }

    /// When it was last heard of by `now_ms`: it speaks every few minutes.
    pub fn heard_ms(&self, now_ms: i64) -> i64 {
        let away = self
            .away
            .iter()
            .find(|(from, to)| (*from..*to).contains(&now_ms));
        let heard = away.map_or(now_ms, |(from, _)| *from);
        self.dark_from_ms.map_or(heard, |dark| dark.min(heard))
    }
}
