//! The table of the gates.

use super::rivals::{NAMES, real};
use super::score::Tally;
use crate::gates::{Better, Gate, Hits, share_interval};

/// Floor and aim.
type Limits = (f64, f64);

/// All gates that come from whole rollouts.
pub(super) fn gates(tally: &Tally) -> Vec<Gate> {
    let mut gates = vec![
        false_calls(tally),
        share(
            "this KB is bad: precision",
            (0.93, 0.99),
            tally.bad.map(|hits| (hits.right, hits.right + hits.wrong)),
        ),
        share(
            "this KB is bad: recall",
            (0.99, 1.0),
            tally.bad.map(|hits| (hits.right, hits.right + hits.missed)),
        ),
    ];
    let causes = [
        ("exact cause F1: S1 and S2", (0.95, 0.99)),
        ("exact cause F1: S3", (0.80, 0.90)),
        ("exact cause F1: S4", (0.80, 0.90)),
        ("exact cause F1: other families", (0.80, 0.90)),
    ];
    for ((measure, limits), hits) in causes.into_iter().zip(tally.causes) {
        gates.push(f1(measure, limits, &hits));
    }
    gates.push(f1("external cause F1: S6", (0.90, 0.97), &tally.outside));
    gates.push(wrong_blame(tally));
    let repairs = count(tally.repairs);
    let [first, three] = tally.right_at.map(count);
    gates.push(alone(
        "repair source right at 1",
        (0.95, 1.0),
        (first, repairs),
    ));
    gates.push(alone(
        "repair source right at 3",
        (0.99, 1.0),
        (three, repairs),
    ));
    let dark = tally.dark;
    gates.push(alone(
        "dark in reboot, as such: precision",
        (0.95, 0.99),
        (dark.right, dark.right + dark.wrong),
    ));
    gates.push(alone(
        "dark in reboot, as such: recall",
        (0.95, 0.99),
        (dark.right, dark.right + dark.missed),
    ));
    let lineages = (count(tally.exact_lineages), count(tally.lineages));
    gates.push(alone("attempt lineage, exact", (0.99, 1.0), lineages));
    gates
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn beside(values: &[f64]) -> Vec<(&'static str, f64)> {
    NAMES
        .into_iter()
        .zip(values.iter().skip(1).copied())
        .collect()
}

fn false_calls(tally: &Tally) -> Gate {
    let nulls = real(tally.nulls);
    let values = tally
        .false_calls
        .map(|calls| 100.0 * real(calls) / nulls.max(1.0));
    let interval = share_interval(real(tally.false_calls[0]), nulls);
    Gate {
        measure: "false calls per 100 null rollouts".to_owned(),
        better: Better::Lower,
        ours: values[0],
        interval: (100.0 * interval.0, 100.0 * interval.1),
        rivals: beside(&values),
        floor: 1.0,
        aim: 0.0,
        cases: tally.nulls,
    }
}

fn wrong_blame(tally: &Tally) -> Gate {
    let worlds = real(tally.misled);
    let values = tally.misblamed.map(|blamed| real(blamed) / worlds.max(1.0));
    Gate {
        measure: "wrong blame: S12".to_owned(),
        better: Better::Lower,
        ours: values[0],
        interval: share_interval(real(tally.misblamed[0]), worlds),
        rivals: beside(&values),
        floor: 0.05,
        aim: 0.0,
        cases: tally.misled,
    }
}

/// Right ÷ all, for the analyzer and each rival.
fn share<const N: usize>(measure: &str, limits: Limits, counts: [(u32, u32); N]) -> Gate {
    let value = |(right, all): (u32, u32)| {
        if all > 0 {
            f64::from(right) / f64::from(all)
        } else {
            1.0
        }
    };
    let values = counts.map(value);
    let (right, all) = counts.first().copied().unwrap_or_default();
    Gate {
        measure: measure.to_owned(),
        better: Better::Higher,
        ours: values.first().copied().unwrap_or(1.0),
        interval: share_interval(f64::from(right), f64::from(all)),
        rivals: beside(&values),
        floor: limits.0,
        aim: limits.1,
        cases: usize::try_from(all).unwrap_or(usize::MAX),
    }
}

/// A share that no rival has an opinion on.
fn alone(measure: &str, limits: Limits, counts: (u32, u32)) -> Gate {
    share(measure, limits, [counts])
}

fn f1(measure: &str, limits: Limits, hits: &[Hits]) -> Gate {
    let values: Vec<f64> = hits.iter().map(|hits| hits.f1()).collect();
    let ours = hits.first().copied().unwrap_or_default();
    Gate {
        measure: measure.to_owned(),
        better: Better::Higher,
        ours: ours.f1(),
        interval: ours.f1_interval(),
        rivals: beside(&values),
        floor: limits.0,
        aim: limits.1,
        cases: cases_of(ours),
    }
}

/// What there was to say; where there was nothing, what was said all the same
/// is a case.
fn cases_of(hits: Hits) -> usize {
    let all = hits.right + hits.missed;
    let cases = if all > 0 { all } else { hits.wrong };
    usize::try_from(cases).unwrap_or(usize::MAX)
}
