//! Puts the picture together that people see.

mod silence;

use std::collections::BTreeMap;

use crate::attempts::Outcome;
use crate::board::{Board, Standing, ending_of};
use crate::clusters::{code_text, symbol};
use crate::find::rate::wilson;
use crate::find::usual::Usual;
use crate::fleet::Fleet;
use crate::keep::CodeRow;
use crate::tell::Failure;
use crate::view::{CodeCount, Fleet as FleetView, KbStatus, NewCode, Outcomes, Point, Rate, Slice};
pub(crate) use silence::{is_silent, silent};

const HOUR_MS: i64 = 3_600_000;

/// Charts show this many hours at most.
const MAX_POINTS: usize = 24 * 45;

/// New codes are shown for as long as they are remembered.
const NEW_CODES_MS: i64 = 180 * 24 * HOUR_MS;

/// How one KB fares.
pub(crate) fn kb_status(board: &Board<'_>, usual: &Usual, clusters: Vec<String>) -> KbStatus {
    let all = || board.standings.iter();
    let mut codes: BTreeMap<Option<u32>, u64> = BTreeMap::new();
    let closed = || all().filter_map(Standing::closed);
    for (attempt, _) in closed().filter(|(_, outcome)| outcome.is_failure()) {
        *codes.entry(ending_of(attempt).hresult).or_default() += 1;
    }
    let mut codes: Vec<CodeCount> = codes
        .into_iter()
        .map(|(hresult, devices)| CodeCount {
            hresult: code_text(hresult),
            symbol: symbol(hresult),
            devices,
        })
        .collect();
    codes.sort_by(|a, b| {
        b.devices
            .cmp(&a.devices)
            .then_with(|| a.hresult.cmp(&b.hresult))
    });
    KbStatus {
        kb: board.kb.to_owned(),
        title: board.title.to_owned(),
        build: board
            .build
            .map_or_else(String::new, |build| build.to_string()),
        outcomes: outcomes(all()),
        rate: rate(all()),
        usual_rate: usual.failure_rate(),
        first_attempt_at_ms: board.first_started_ms,
        last_attempt_at_ms: closed()
            .map(|(attempt, _)| attempt.ended_at_ms)
            .max()
            .unwrap_or_default(),
        codes,
        series: series(
            closed().map(|(attempt, outcome)| (attempt.ended_at_ms, outcome.is_failure())),
        ),
        by_ring: slices(board, |standing| standing.ring),
        by_class: slices(board, |standing| standing.class),
        clusters,
    }
}

fn slices<'b>(board: &'b Board<'_>, name: impl Fn(&'b Standing<'_>) -> &'b str) -> Vec<Slice> {
    let mut groups: BTreeMap<&str, Vec<&Standing<'_>>> = BTreeMap::new();
    for standing in &board.standings {
        groups.entry(name(standing)).or_default().push(standing);
    }
    groups
        .into_iter()
        .map(|(name, standings)| Slice {
            name: name.to_owned(),
            outcomes: outcomes(standings.iter().copied()),
            rate: rate(standings.iter().copied()),
        })
        .collect()
}

fn outcomes<'s, 'a: 's>(standings: impl Iterator<Item = &'s Standing<'a>>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for standing in standings {
        let outcome = standing.latest.1;
        let row = match outcome {
            Outcome::Succeeded => &mut outcomes.succeeded,
            Outcome::Failed | Outcome::RolledBack => &mut outcomes.failed,
            Outcome::PendingReboot => &mut outcomes.pending,
            Outcome::Cancelled => &mut outcomes.cancelled,
            Outcome::Unknown => &mut outcomes.unknown,
            Outcome::GoneSilent => &mut outcomes.gone_silent,
        };
        *row += 1;
        outcomes.healed += u64::from(standing.healed());
    }
    outcomes
}

/// Devices whose latest closed attempt failed ÷ devices with a closed attempt.
pub(crate) fn rate<'s, 'a: 's>(standings: impl Iterator<Item = &'s Standing<'a>>) -> Rate {
    let (mut failed, mut tried) = (0, 0);
    for (_, outcome) in standings.filter_map(Standing::closed) {
        tried += 1;
        failed += u64::from(outcome.is_failure());
    }
    wilson(failed, tried)
}

/// What ended per hour, and how much of it failed; hours without any left out.
pub(crate) fn series(closings: impl Iterator<Item = (i64, bool)>) -> Vec<Point> {
    let mut points: BTreeMap<i64, Point> = BTreeMap::new();
    for (at_ms, failed) in closings {
        let hour = at_ms.div_euclid(HOUR_MS) * HOUR_MS;
        let point = points.entry(hour).or_insert(Point {
            at_ms: hour,
            ..Point::default()
        });
        point.tried += 1;
        point.failed += u64::from(failed);
    }
    let skipped = points.len().saturating_sub(MAX_POINTS);
    points.into_values().skip(skipped).collect()
}

/// The fleet in numbers.
pub(crate) fn fleet_view(fleet: &Fleet, now_ms: i64, presence_limit_ms: i64) -> FleetView {
    let mut view = FleetView::default();
    for device in &fleet.devices {
        view.events += device.events;
        if !device.counts() {
            continue;
        }
        view.devices += 1;
        view.last_heard_ms = view.last_heard_ms.max(device.last_heard_ms.unwrap_or(0));
        if is_silent(device, now_ms, presence_limit_ms) {
            view.silent += 1;
        } else if device.last_heard_ms.is_some() {
            view.present += 1;
        }
        let class = device
            .facts_now()
            .map(|facts| fleet.words.value(facts, "class"));
        if let Some(class) = class.filter(|class| !class.is_empty()) {
            *view.by_class.entry(class.to_owned()).or_default() += 1;
        }
    }
    view
}

/// A failure and the KB that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KbFailure<'a> {
    pub(crate) kb: &'a str,
    pub(crate) failure: Failure,
}

/// Codes that people were told of, newest first.
pub(crate) fn new_codes<'a>(
    rows: impl Iterator<Item = &'a CodeRow>,
    failures: &[KbFailure<'_>],
    now_ms: i64,
) -> Vec<NewCode> {
    let lately = rows.filter(|row| now_ms - row.first_seen_at <= NEW_CODES_MS);
    let mut codes: Vec<NewCode> = lately
        .map(|row| {
            let of_code = failures.iter().filter(|f| {
                f.failure.hresult == row.hresult && f.failure.at_ms >= row.first_seen_at
            });
            let mut kbs: Vec<String> = of_code.clone().map(|f| f.kb.to_owned()).collect();
            kbs.sort_unstable();
            kbs.dedup();
            let mut devices: Vec<usize> = of_code.map(|f| f.failure.device).collect();
            devices.sort_unstable();
            devices.dedup();
            NewCode {
                hresult: code_text(Some(row.hresult)),
                symbol: symbol(Some(row.hresult)),
                kbs,
                first_seen_ms: row.first_seen_at,
                devices: devices.len() as u64,
            }
        })
        .collect();
    codes.sort_by(|a, b| {
        b.first_seen_ms
            .cmp(&a.first_seen_ms)
            .then_with(|| a.hresult.cmp(&b.hresult))
    });
    codes
}

/// Every failure of every attempt, with its final code, benign ones left out.
pub(crate) fn failures<'a>(boards: &[Board<'a>]) -> Vec<KbFailure<'a>> {
    let mut failures = Vec::new();
    for board in boards {
        for standing in &board.standings {
            for (attempt, outcome) in &standing.attempts {
                let stated = ending_of(attempt).hresult;
                if let Some(hresult) = stated.filter(|_| outcome.is_failure()) {
                    failures.push(KbFailure {
                        kb: board.kb,
                        failure: Failure {
                            hresult,
                            device: standing.number,
                            at_ms: attempt.ended_at_ms,
                        },
                    });
                }
            }
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::board::{Frame, boards};
    use crate::fleet::samples::{HRESULT, failed, open, succeeded};

    #[test]
    fn a_failure_without_a_code_is_not_called_success() {
        let fleet = Fleet::default()
            .with("pc-1", &[], vec![failed(None, 100)])
            .with("pc-2", &[], vec![failed(Some(0), 100)]);
        let rings = HashMap::new();
        let frame = Frame {
            now_ms: 1_000,
            gone_silent_ms: 1_000,
            rings: &rings,
        };
        let boards = boards(&fleet, frame);
        let status = kb_status(&boards[0], &Usual::default(), Vec::new());
        let unstated = CodeCount {
            devices: 2,
            ..CodeCount::default()
        };
        assert_eq!(status.codes, [unstated]);
    }

    #[test]
    fn a_device_that_failed_and_tries_again_still_counts_as_failed() {
        let mut fleet = Fleet::default();
        for number in 0..100 {
            let attempts = if number < 60 {
                vec![failed(Some(HRESULT), 100), open(200)]
            } else {
                vec![succeeded(100)]
            };
            fleet = fleet.with(&format!("pc-{number}"), &[("ring", "ring0")], attempts);
        }
        let rings = HashMap::new();
        let frame = Frame {
            now_ms: 1_000,
            gone_silent_ms: 1_000,
            rings: &rings,
        };
        let boards = boards(&fleet, frame);
        let status = kb_status(&boards[0], &Usual::default(), Vec::new());
        for rate in [status.rate, status.by_ring[0].rate] {
            assert_eq!((rate.failed, rate.tried), (60, 100));
        }
        assert_eq!((status.outcomes.unknown, status.outcomes.failed), (60, 0));
        assert_eq!(status.codes[0].devices, 60);
    }
}
