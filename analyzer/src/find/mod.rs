//! Is this KB failing beyond the usual, and with which code?
//!
//! Per KB, final code and phase a test compares how many devices fail with how
//! many usually do. It may be looked at after every event without raising the
//! chance of a false alarm, and devices of one branch that fail together count
//! once. See [`evidence`] for why that holds.

pub(crate) mod evidence;
pub(crate) mod rate;
pub(crate) mod usual;

use kbwatch_proto::words::Phase;

/// What a failure ends with: the final code and the phase in which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ending {
    /// Final HRESULT; 0 where no record states one.
    pub hresult: u32,
    /// Phase.
    pub phase: Phase,
}

/// A failure that a device stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failing {
    /// With what.
    pub ending: Ending,
    /// When the failed attempt ended.
    pub at_ms: i64,
}

/// One device that began to install one KB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// Number of the device.
    pub device: usize,
    /// Devices of one block fail together: its branch, or itself.
    pub block: u64,
    /// Begin of its first attempt.
    pub started_at_ms: i64,
    /// Its latest closed attempt, if that failed and is not benign.
    pub failing: Option<Failing>,
    /// Every way in which an attempt of it failed.
    pub ever: Vec<Ending>,
    /// It has a closed attempt.
    pub closed: bool,
}

/// What the test says of one ending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signal {
    /// Final code and phase.
    pub ending: Ending,
    /// Devices that fail so now.
    pub failing: u64,
    /// Blocks that they are in.
    pub blocks: u64,
    /// Share of tried devices that usually ends so; an upper bound of it.
    pub usual_rate: f64,
    /// Evidence against "as usual": an e-value, at most 1 ÷ x of the usual
    /// worlds ever show x.
    pub e_value: f64,
    /// Evidence that is asked for.
    pub needed: f64,
    /// Beyond chance and the usual rate.
    pub called: bool,
}

impl Signal {
    /// Chance of such evidence, at any look, if all is as usual.
    pub(crate) fn p_value(&self) -> f64 {
        (1.0 / self.e_value).min(1.0)
    }
}

/// What finding needs to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Demands {
    /// False alarms accepted per KB, over all codes and looks.
    pub alpha: f64,
    /// Fewest devices of a cluster.
    pub min_devices: u64,
}

/// Tests every ending that devices stand at; strongest evidence first.
pub(crate) fn find(trials: &[Trial], usual: &usual::Usual, demands: Demands) -> Vec<Signal> {
    let mut signals: Vec<Signal> = evidence::endings(trials)
        .into_iter()
        .enumerate()
        .map(|(order, ending)| signal(trials, ending, order, usual, demands))
        .collect();
    signals.sort_by(|a, b| {
        b.e_value
            .total_cmp(&a.e_value)
            .then_with(|| a.ending.cmp(&b.ending))
    });
    signals
}

fn signal(
    trials: &[Trial],
    ending: Ending,
    order: usize,
    usual: &usual::Usual,
    demands: Demands,
) -> Signal {
    let known = usual.knows(ending);
    let usual_rate = usual.upper_rate(ending);
    let counted = evidence::count(trials, ending, !known);
    let e_value = evidence::e_value(&counted, usual_rate);
    let share = usual.share(ending, order);
    let needed = 1.0 / (demands.alpha * share);
    // One branch alone may have lost its link or its server.
    let spread = counted.blocks_failing >= 2;
    Signal {
        ending,
        failing: counted.failing,
        blocks: counted.blocks_failing,
        usual_rate,
        e_value,
        needed,
        called: e_value >= needed && counted.failing >= demands.min_devices && spread,
    }
}
