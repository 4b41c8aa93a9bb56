//! When a rollout will be through, from how earlier updates went.
//!
//! Of each earlier update the age curve is known: which share of its devices
//! was done so long after the first began. What is left of this one is taken to
//! go as that update went on from the same age. k earlier updates give k
//! answers; if this one is like them, it falls between the first and the last
//! with a chance of (k - 1) ÷ (k + 1), whatever the curves look like (order
//! statistics). With fewer than three there is nothing to say.

use crate::attempts::Outcome;
use crate::board::Board;
use crate::find::rate::real;
use crate::view::Forecast;

/// Share of the reachable targets that counts as through: the last ones are
/// waited for on the telephone.
const GOAL: f64 = 0.95;

/// Fewest earlier updates.
const FEWEST_CURVES: usize = 3;

/// Fewest devices of an earlier update that make a curve.
const FEWEST_DEVICES: usize = 20;

/// How one earlier update went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AgeCurve {
    kb: String,
    /// Ages at which its devices were done, ascending.
    ages_ms: Vec<i64>,
    /// Devices that began.
    devices: usize,
}

impl AgeCurve {
    /// Of a board; `None` where it is too small.
    pub(super) fn of(board: &Board<'_>) -> Option<Self> {
        let devices = board.standings.len();
        let done = board
            .standings
            .iter()
            .filter(|one| one.latest.1 == Outcome::Succeeded);
        let age = |at_ms: i64| at_ms - board.first_started_ms;
        let mut ages_ms: Vec<i64> = done.map(|one| age(one.latest.0.ended_at_ms)).collect();
        ages_ms.sort_unstable();
        (devices >= FEWEST_DEVICES && !ages_ms.is_empty()).then(|| Self {
            kb: board.kb.to_owned(),
            ages_ms,
            devices,
        })
    }

    fn done_by(&self, age_ms: i64) -> usize {
        self.ages_ms.partition_point(|age| *age <= age_ms)
    }

    /// Share of its devices that was done at this age.
    fn share_at(&self, age_ms: i64) -> f64 {
        real(self.done_by(age_ms) as u64) / real(self.devices as u64)
    }

    /// Age at which a part of what was left at `age_ms` was done; `None` where
    /// that part never was.
    fn age_when(&self, age_ms: i64, part: f64) -> Option<i64> {
        let before = self.done_by(age_ms);
        let left = real((self.devices - before) as u64);
        let wanted = before as u64 + whole(left * part);
        let index = usize::try_from(wanted).ok()?.checked_sub(1)?;
        self.ages_ms.get(index).copied().map(|age| age.max(age_ms))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a count of devices, never below zero"
)]
fn whole(devices: f64) -> u64 {
    devices.ceil().max(0.0) as u64
}

/// Where a rollout stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Progressed {
    pub(super) reachable: u64,
    pub(super) done: u64,
    /// First attempt among the targets.
    pub(super) begun_at_ms: Option<i64>,
    /// Begins of the next windows of those that wait for one, ascending.
    pub(super) windows_ms: Vec<i64>,
    pub(super) now_ms: i64,
}

/// When it will be through.
pub(super) fn forecast(now: &Progressed, curves: &[AgeCurve]) -> Forecast {
    let told = Forecast {
        goal: GOAL,
        reachable: now.reachable,
        done: now.done,
        begun_at_ms: now.begun_at_ms.unwrap_or_default(),
        from_kbs: curves.iter().map(|curve| curve.kb.clone()).collect(),
        waiting_for_window: now.windows_ms.len() as u64,
        ..Forecast::default()
    };
    let why_not = |why: &str, told: Forecast| Forecast {
        why_not: why.to_owned(),
        ..told
    };
    let Some(begun_at_ms) = now.begun_at_ms else {
        return why_not("not_begun", told);
    };
    if curves.len() < FEWEST_CURVES {
        return why_not("thin_history", told);
    }
    let age_ms = now.now_ms - begun_at_ms;
    let mut shares: Vec<f64> = curves.iter().map(|curve| curve.share_at(age_ms)).collect();
    shares.sort_by(f64::total_cmp);
    let at_this_age = ends_and_middle(&shares);
    let told = Forecast {
        at_this_age,
        ..told
    };
    let goal = whole(real(now.reachable) * GOAL);
    if now.done >= goal {
        return why_not("through", told);
    }
    let part = real(goal - now.done) / real(now.reachable - now.done);
    let ages = curves
        .iter()
        .filter_map(|curve| curve.age_when(age_ms, part));
    let opens_ms = window_for(now, goal);
    let mut ends: Vec<i64> = ages.map(|age| (begun_at_ms + age).max(opens_ms)).collect();
    ends.sort_unstable();
    // An earlier update that never got so far says that it may take for ever.
    if ends.len() < curves.len() {
        return why_not("stalls", told);
    }
    let k = real(ends.len() as u64);
    Forecast {
        at_ms: ends_and_middle(&ends),
        confidence: (k - 1.0) / (k + 1.0),
        ..told
    }
}

/// When so many windows will have opened that the goal can be reached at all.
fn window_for(now: &Progressed, goal: u64) -> i64 {
    let without = now.reachable - now.windows_ms.len() as u64;
    let waited_for = usize::try_from(goal.saturating_sub(without)).unwrap_or(usize::MAX);
    let at = waited_for
        .checked_sub(1)
        .and_then(|at| now.windows_ms.get(at));
    at.copied().unwrap_or(now.now_ms)
}

fn ends_and_middle<T: Copy>(sorted: &[T]) -> Option<(T, T, T)> {
    let middle = sorted.get(sorted.len() / 2)?;
    Some((*sorted.first()?, *middle, *sorted.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// 100 devices of which `done` were done evenly over `hours`.
    fn curve(done: i64, hours: i64) -> AgeCurve {
        AgeCurve {
            kb: format!("KB{hours}"),
            ages_ms: (1..=done).map(|nth| nth * hours * HOUR_MS / done).collect(),
            devices: 100,
        }
    }

    fn now(done: u64, age_hours: i64) -> Progressed {
        Progressed {
            reachable: 1_000,
            done,
            begun_at_ms: Some(1),
            windows_ms: Vec::new(),
            now_ms: 1 + age_hours * HOUR_MS,
        }
    }

    #[test]
    fn three_earlier_updates_give_an_interval_and_how_sure_it_is() {
        let curves = [curve(99, 100), curve(99, 200), curve(99, 150)];
        let told = forecast(&now(500, 50), &curves);
        let (first, middle, last) = told.at_ms.unwrap();
        assert!(1 + 50 * HOUR_MS < first && first < middle && middle < last);
        assert!(last <= 1 + 200 * HOUR_MS);
        assert!((told.confidence - 0.5).abs() < 1e-9);
        let (fewest, _, most) = told.at_this_age.unwrap();
        assert!(fewest > 0.2 && most < 0.52, "{fewest} {most}");
    }

    #[test]
    fn without_enough_history_nothing_is_said() {
        let curves = [curve(99, 100), curve(99, 200)];
        assert_eq!(forecast(&now(500, 50), &curves).why_not, "thin_history");
        let idle = Progressed {
            begun_at_ms: None,
            ..now(0, 0)
        };
        assert_eq!(forecast(&idle, &curves).why_not, "not_begun");
        let stalling = [curve(99, 100), curve(99, 200), curve(60, 100)];
        let told = forecast(&now(500, 50), &stalling);
        assert_eq!((told.why_not.as_str(), told.at_ms), ("stalls", None));
        let through = forecast(&now(960, 50), &[curve(99, 9), curve(99, 8), curve(99, 7)]);
        assert_eq!(through.why_not, "through");
    }

    #[test]
    fn nothing_is_through_before_the_windows_open() {
        let curves = [curve(99, 100), curve(99, 110), curve(99, 120)];
        let opens = 1 + 500 * HOUR_MS;
        let waiting = Progressed {
            windows_ms: vec![opens; 300],
            ..now(500, 50)
        };
        let told = forecast(&waiting, &curves);
        assert_eq!(told.at_ms, Some((opens, opens, opens)));
        assert_eq!(told.waiting_for_window, 300);
        // A few that wait longer do not hold up the goal.
        let few = Progressed {
            windows_ms: vec![opens; 30],
            ..now(500, 50)
        };
        assert!(forecast(&few, &curves).at_ms.unwrap().2 < opens);
    }
}
