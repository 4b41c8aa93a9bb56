//! What people planned around a rollout, and how it will go on.

use serde::Serialize;

/// A device that is excused from a rollout for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ExceptionLine {
    /// Device.
    pub device_id: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when; afterwards the device counts again by itself.
    pub until_ms: i64,
    /// Still excused.
    pub in_force: bool,
}

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct WindowLine {
    /// Its name.
    pub name: String,
    /// Ring that it is for; empty: any.
    pub ring: String,
    /// Branch that it is for; empty: any.
    pub branch: String,
    /// Device class that it is for; empty: any.
    pub class: String,
    /// When, as it was written: `sat sun 22:00-05:00 +08:00`.
    pub when: String,
    /// Open at this moment.
    pub open: bool,
    /// Begin of the next one; `None`: there is none any more.
    pub next_ms: Option<i64>,
}

/// When a rollout will be through, from how earlier updates went.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Forecast {
    /// Share of the reachable targets that counts as through.
    pub goal: f64,
    /// Targets that can be done: neither taken out, excused nor unconcerned.
    pub reachable: u64,
    /// Of these, done.
    pub done: u64,
    /// When the first of them began; 0: none did.
    pub begun_at_ms: i64,
    /// Earlier updates that it rests on.
    pub from_kbs: Vec<String>,
    /// Share that was done by earlier updates at this age: least, middle, most.
    pub at_this_age: Option<(f64, f64, f64)>,
    /// When the goal is reached: earliest, middle, latest of what earlier
    /// updates say; `None` where there is nothing to say.
    pub at_ms: Option<(i64, i64, i64)>,
    /// Chance that it falls between earliest and latest, if this update goes
    /// like the earlier ones.
    pub confidence: f64,
    /// Why there is no forecast: `thin_history`, `not_begun`, `stalls`; empty
    /// where there is one.
    pub why_not: String,
    /// Targets whose next maintenance window is still to come.
    pub waiting_for_window: u64,
}
