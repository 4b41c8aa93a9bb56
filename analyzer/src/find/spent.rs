//! What evidence is worth where a code was born, and what was spent on others.

use std::collections::BTreeSet;
use std::sync::Arc;

use kbwatch_proto::words::Phase;

use super::usual::Usual;
use super::{Demands, Ending, Failing, Signal, Trial, find};

const DEMANDS: Demands = Demands {
    alpha: 0.001,
    min_devices: 3,
};

fn ending(hresult: u32) -> Ending {
    Ending {
        hresult: Some(hresult),
        phase: Phase::Install,
    }
}

/// A device of its own block that holds.
fn trial(device: usize) -> Trial {
    Trial {
        device,
        block: 1_000_000 + device as u64,
        started_at_ms: i64::try_from(device).unwrap(),
        failing: None,
        ever: Vec::new(),
        closed: true,
        facts: Arc::from([]),
    }
}

fn fails(trial: &mut Trial, ending: Ending, at_ms: i64) {
    let failing = Failing { ending, at_ms };
    trial.failing = Some(failing);
    trial.ever = vec![failing];
}

/// A long history without a failure.
fn usual() -> Usual {
    let history: Vec<Trial> = (0..10_000).map(trial).collect();
    let mut usual = Usual::default();
    usual.learn(&history, &BTreeSet::new());
    usual.learned()
}

fn signal_of(trials: &[Trial], ending: Ending) -> Signal {
    let signals = find(trials, &usual(), DEMANDS);
    signals.into_iter().find(|s| s.ending == ending).unwrap()
}

#[test]
fn branch_mates_of_the_device_that_bore_a_code_are_no_strangers_to_it() {
    let born = ending(0x800f_0985);
    let mut trials: Vec<Trial> = (0..500).map(trial).collect();
    for (number, at) in [10, 11, 12, 13].into_iter().zip(1_000..) {
        trials[number].block = 7;
        fails(&mut trials[number], born, at);
    }
    for (number, at) in [100, 200].into_iter().zip(2_000..) {
        fails(&mut trials[number], born, at);
    }
    let signal = signal_of(&trials, born);
    assert!(signal.e_value < 50.0, "{signal:?}");
}

#[test]
fn a_code_that_healed_leaves_its_share_to_no_other() {
    let (first, second) = (ending(0x8007_0001), ending(0x8007_0002));
    let mut trials: Vec<Trial> = (0..500).map(trial).collect();
    for number in 0..5 {
        fails(&mut trials[number], first, 1_000);
        fails(&mut trials[100 + number], second, 2_000);
    }
    let before = signal_of(&trials, second).needed;
    for trial in &mut trials[..5] {
        trial.failing = None;
    }
    assert!((signal_of(&trials, second).needed - before).abs() < 1e-6);
}
