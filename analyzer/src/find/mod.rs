//! Is this KB failing beyond the usual, and with which code?
//!
//! Per KB, final code and phase a test compares how many devices fail with how
//! many usually do. It may be looked at after every event without raising the
//! chance of a false alarm, and devices of one branch that fail together count
//! once. See [`evidence`] for why that holds.

pub(crate) mod evidence;
pub(crate) mod parts;
pub(crate) mod rate;
#[cfg(test)]
mod spent;
mod together;
#[cfg(test)]
mod trials_of_fleets;
pub(crate) mod usual;

use kbwatch_proto::words::Phase;

use crate::facts::Facts;
use parts::Parts;
use usual::Usual;

/// Part of the stake that is laid on the fleet as a whole.
const ON_THE_WHOLE: f64 = 0.8;

/// Fewest failing devices beside the branch with most of them.
const SPREAD: u64 = 2;

/// What a failure ends with: the final code and the phase in which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ending {
    /// Final HRESULT, where a record states one.
    pub hresult: Option<u32>,
    /// Phase.
    pub phase: Phase,
}

impl Ending {
    /// The code as it stands in tables and names: 0 where none is stated. No
    /// failure ends with 0, which means success.
    pub(crate) fn kept_code(self) -> u32 {
        self.hresult.unwrap_or_default()
    }
}

/// A failure of a device, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Every way in which an attempt of it failed, and when it first did.
    pub ever: Vec<Failing>,
    /// It has a closed attempt.
    pub closed: bool,
    /// Facts from before its first attempt.
    pub facts: Facts,
}

impl Trial {
    /// When an attempt of it first ended so, if one ever did.
    pub(crate) fn first_at(&self, ending: Ending) -> Option<i64> {
        let mut ever = self.ever.iter();
        ever.find(|one| one.ending == ending).map(|one| one.at_ms)
    }
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
    /// Upper bound of the share of tried devices that usually ends so; `None`
    /// where no earlier update tells.
    pub usual_rate: Option<f64>,
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

/// Tests every ending that enough devices stand at; strongest evidence first.
///
/// Most of the stake is laid on the fleet as a whole, the rest is spread over
/// its parts (devices that share a fact): a cause that few devices have is lost
/// in the whole and plain in its part.
pub(crate) fn find(trials: &[Trial], usual: &Usual, demands: Demands) -> Vec<Signal> {
    // In order of first sight, healed ones too: what was spent on them is spent.
    let endings = evidence::endings(trials);
    let enough = |ending: &Ending| evidence::failing(trials, *ending) >= demands.min_devices;
    let mut unheard_of = 0;
    let mut tested: Vec<(usize, Ending)> = Vec::new();
    for ending in endings {
        if enough(&ending) {
            tested.push((unheard_of, ending));
        }
        unheard_of += usize::from(!usual.knows(ending));
    }
    if tested.is_empty() {
        return Vec::new();
    }
    let parts = Parts::of(trials, demands.min_devices);
    let mut signals: Vec<Signal> = tested
        .into_iter()
        .map(|(order, ending)| signal(trials, &parts, (order, ending), usual, demands))
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
    parts: &Parts,
    (order, ending): (usize, Ending),
    usual: &Usual,
    demands: Demands,
) -> Signal {
    // A code born from the data is not tested on the device that bore it.
    let left_out = if usual.knows(ending) {
        None
    } else {
        evidence::first_to_show(trials, ending)
    };
    let bound = usual.upper_rate(ending);
    let null = usual.null_at(ending, bound);
    let counted = evidence::count(trials.iter(), ending, left_out, null);
    let whole = evidence::e_value(&counted, null.rate);
    let in_parts = parts.e_value(trials, ending, left_out, usual);
    let e_value = ON_THE_WHOLE * whole + (1.0 - ON_THE_WHOLE) * in_parts;
    let needed = 1.0 / (demands.alpha * usual.share(ending, order));
    // One branch alone may have lost its link or its server, and a device or
    // two fail elsewhere in any month.
    let spread = counted.failing - counted.most_in_a_block >= SPREAD;
    Signal {
        ending,
        failing: counted.failing,
        blocks: counted.blocks_failing,
        usual_rate: usual.is_learned().then_some(bound),
        e_value,
        needed,
        called: e_value >= needed && spread,
    }
}
