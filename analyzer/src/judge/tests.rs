//! Lives of clusters, told by what is seen of them.

use super::*;
use kbwatch_proto::words::Phase;

const ENDING: Ending = Ending {
    hresult: Some(0x800f_0985),
    phase: Phase::Install,
};

fn holding(since_ms: i64) -> Fails {
    Fails {
        since_ms,
        holds: true,
    }
}

fn sight(called: bool, failing: &[i64]) -> Sight {
    Sight {
        kb: "KB5022286".into(),
        ending: ENDING,
        called,
        usual_rate: called.then_some(0.002),
        p_value: called.then_some(1e-9),
        failing: failing.iter().map(|at| holding(*at)).collect(),
        ever_failed: failing.len() as u64,
        healed: 0,
        last_healed_ms: None,
        tried: 100,
        since_ms: failing.first().copied().unwrap_or_default(),
    }
}

#[test]
fn a_cluster_stays_open_without_evidence_until_its_last_device_leaves() {
    let mut judge = Judge::default();
    assert!(judge.judge(&sight(false, &[1, 2, 3]), 10).is_none());
    let id = judge
        .judge(&sight(true, &[1, 2, 3]), 20)
        .unwrap()
        .cluster_id
        .clone();
    let open = judge.judge(&sight(false, &[3]), 30).unwrap();
    assert_eq!(
        (open.closed_at, open.cluster_id.as_str()),
        (None, id.as_str())
    );
    let closed = judge.judge(&sight(false, &[]), 40).unwrap();
    assert_eq!(closed.closed_at, Some(40));
    assert_eq!(life_of(&closed.life), Life::Closed);
}

#[test]
fn a_closed_cluster_returns_under_its_name_when_devices_fail_anew() {
    let mut judge = Judge::default();
    let id = judge
        .judge(&sight(true, &[1, 2, 3]), 20)
        .unwrap()
        .cluster_id
        .clone();
    judge.judge(&sight(false, &[]), 40);
    let one = judge.judge(&sight(false, &[50]), 60).unwrap();
    assert_eq!(life_of(&one.life), Life::Closed, "one device is no return");
    let back = judge.judge(&sight(false, &[50, 51, 52]), 70).unwrap();
    assert_eq!(life_of(&back.life), Life::Returned);
    assert_eq!(back.cluster_id, id);
}

#[test]
fn a_return_that_was_not_kept_is_the_same_return_when_seen_again() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[1, 2, 3]), 20);
    judge.judge(&sight(false, &[]), 40);
    let kept: Vec<ClusterRow> = judge.rows().cloned().collect();
    let returned = |mut judge: Judge, now_ms| {
        let row = judge.judge(&sight(false, &[52, 50, 51]), now_ms).cloned();
        row.unwrap().returned_at
    };
    let first = returned(Judge::remember(kept.clone()), 70);
    assert_eq!(first, Some(52));
    assert_eq!(returned(Judge::remember(kept), 10 * 60_000), first);
}

#[test]
fn the_evidence_of_the_strongest_look_stays_when_devices_heal() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[1, 2, 3]), 20);
    let stronger = Sight {
        usual_rate: Some(0.003),
        p_value: Some(1e-12),
        ..sight(true, &[1, 2, 3, 4])
    };
    judge.judge(&stronger, 30);
    judge.judge(&sight(true, &[1, 2]), 40);
    let row = judge.judge(&sight(false, &[1]), 50).unwrap();
    assert_eq!((row.usual_rate, row.p_value), (Some(0.003), Some(1e-12)));
}

#[test]
fn a_restart_changes_no_name() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[1, 2, 3]), 20);
    let rows: Vec<ClusterRow> = judge.rows().cloned().collect();
    let mut again = Judge::remember(rows.clone());
    let row = again.judge(&sight(false, &[1, 2, 3]), 30).unwrap();
    assert_eq!(row.cluster_id, rows[0].cluster_id);
    assert_eq!(row.called_at, 20);
}

#[test]
fn a_cluster_grows_then_steadies_then_fades() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[0, 1, 2]), 0);
    let grown = judge
        .judge(&sight(true, &[0, 1, 2, HOUR_MS]), 2 * HOUR_MS)
        .unwrap();
    assert_eq!(life_of(&grown.life), Life::Growing);
    let calm = judge.judge(&sight(true, &[0, 1, 2]), 40 * HOUR_MS).unwrap();
    assert_eq!(life_of(&calm.life), Life::Steady);
    let mut leaving = sight(true, &[0, 1]);
    leaving.last_healed_ms = Some(40 * HOUR_MS);
    let fading = judge.judge(&leaving, 41 * HOUR_MS).unwrap();
    assert_eq!(life_of(&fading.life), Life::Fading);
}

#[test]
fn failures_of_before_the_closing_that_arrive_late_bring_the_cluster_back() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[10, 11, 12]), 20);
    judge.judge(&sight(false, &[]), 18 * HOUR_MS);
    let of_a_dark_branch = vec![14 * HOUR_MS; 40];
    let late = judge.judge(&sight(true, &of_a_dark_branch), 19 * HOUR_MS);
    let late = late.unwrap().clone();
    assert_eq!((late.closed_at, late.failed), (None, 40));
    assert_eq!(late.returned_at, Some(18 * HOUR_MS + 1));
}

#[test]
fn long_after_the_closing_late_failures_begin_another_cluster() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[10, 11, 12]), 20);
    judge.judge(&sight(false, &[]), 40);
    let now_ms = 41 + MEMORY_MS;
    let row = judge.judge(&sight(true, &[30, 31, 32]), now_ms).unwrap();
    assert_eq!((row.generation, row.closed_at), (2, None));
}

#[test]
fn devices_that_take_no_part_hold_no_cluster_open_and_bring_none_back() {
    let mut judge = Judge::default();
    judge.judge(&sight(true, &[1, 2, 3]), 20);
    let mut hopeless = sight(true, &[3, 4, 5]);
    for one in &mut hopeless.failing {
        one.holds = false;
    }
    let row = judge.judge(&hopeless, 30).unwrap();
    assert_eq!((row.closed_at, row.failed), (Some(30), 3));
    assert_eq!(judge.judge(&hopeless, 40).unwrap().closed_at, Some(30));
    // They are heard of again.
    let back = judge.judge(&sight(true, &[3, 4, 5]), 50).unwrap();
    assert_eq!(back.closed_at, None);
}

#[test]
fn devices_that_take_no_part_begin_no_cluster() {
    let mut hopeless = sight(true, &[3, 4, 5]);
    for one in &mut hopeless.failing {
        one.holds = false;
    }
    assert!(Judge::default().judge(&hopeless, 40).is_none());
}
