//! Tables that were told wrongly once.

use std::fmt::Write;

use super::{ExplainError, explain_csv};

/// How many of `trials` fail at `rate`, from a seed.
fn failed(dice: &mut fastrand::Rng, trials: u32, rate: f64) -> u32 {
    let hits = (0..trials).filter(|_| dice.f64() < rate).count();
    u32::try_from(hits).unwrap()
}

/// `values`, then failed and total now and usually.
fn row(dice: &mut fastrand::Rng, values: &str, trials: u32, now: f64, usual: f64) -> String {
    let (now, usual) = (failed(dice, trials, now), failed(dice, trials, usual));
    format!("{values},{now},{trials},{usual},{trials}\n")
}

fn causes(csv: &str) -> Vec<String> {
    let found = explain_csv(csv.as_bytes()).unwrap();
    let facts = |cause: &super::Cause| {
        let facts = cause
            .cause
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        facts.collect::<Vec<_>>().join(",")
    };
    found.iter().map(facts).collect()
}

#[test]
fn a_value_of_sparse_leaves_is_compared_with_its_own_usual_rate() {
    for seed in 0..10 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut worse = String::from("x,y,failed,total,usual_failed,usual_total\n");
        let mut same = worse.clone();
        for leaf in 0..100 {
            worse += &row(&mut dice, &format!("a,y{leaf}"), 10, 0.06, 0.01);
            worse += &row(&mut dice, &format!("b,y{leaf}"), 200, 0.08, 0.08);
            same += &row(&mut dice, &format!("a,y{leaf}"), 3, 0.3, 0.3);
            same += &row(&mut dice, &format!("b,y{leaf}"), 100, 0.03, 0.03);
        }
        assert_eq!(causes(&worse), ["x=a"], "seed {seed}");
        assert_eq!(causes(&same), [""; 0], "seed {seed}");
    }
}

#[test]
fn where_all_fail_ten_times_as_often_chance_is_no_cause() {
    let mut wrong = 0;
    for seed in 0..20 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut csv = String::from("x,y,failed,total,usual_failed,usual_total\n");
        for leaf in 0..48 {
            let values = format!("a{},b{}", leaf % 6, leaf / 6);
            csv += &row(&mut dice, &values, 300, 0.2, 0.02);
        }
        wrong += usize::from(!causes(&csv).is_empty());
    }
    assert!(wrong <= 2, "{wrong} of 20");
}

#[test]
fn one_client_that_retries_is_no_cause_and_hides_none() {
    let mut dice = fastrand::Rng::with_seed(7);
    let header = "c,i,p,u,failed,total,usual_failed,usual_total\n";
    let (mut storm, mut both) = (String::from(header), String::from(header));
    for leaf in 0..480 {
        let (c, i, p, u) = (leaf % 4, leaf / 4 % 6, leaf / 24 % 10, leaf / 240);
        let values = format!("c{c},i{i},p{p},u{u}");
        if leaf == 77 {
            writeln!(storm, "{values},123,270,3,150").unwrap();
            writeln!(both, "{values},123,270,3,150").unwrap();
            continue;
        }
        storm += &row(&mut dice, &values, 150, 0.02, 0.02);
        let now = if p == 9 { 0.08 } else { 0.02 };
        both += &row(&mut dice, &values, 150, now, 0.02);
    }
    assert_eq!(causes(&storm), [""; 0]);
    assert_eq!(causes(&both), ["p=p9"]);
}

#[test]
fn half_a_comparison_is_an_error_and_no_attribute() {
    let error = explain_csv(b"x,failed,total,usual_failed\na,1,2,1\n").unwrap_err();
    assert!(matches!(error, ExplainError::Column("usual_total")));
    let error = explain_csv(b"x,failed,total,usual_total\na,1,2,1\n").unwrap_err();
    assert!(matches!(error, ExplainError::Column("usual_failed")));
}

#[test]
fn an_empty_value_is_not_named() {
    let mut dice = fastrand::Rng::with_seed(3);
    let mut csv = String::from("x,y,failed,total,usual_failed,usual_total\n");
    for leaf in 0..40 {
        let x = leaf % 8;
        let (name, now) = if x == 0 {
            (String::new(), 0.2)
        } else {
            (format!("p{x}"), 0.02)
        };
        csv += &row(&mut dice, &format!("{name},b{}", leaf / 8), 300, now, 0.02);
    }
    assert_eq!(causes(&csv), [""; 0]);
}

#[test]
fn without_a_comparison_two_bad_values_are_no_conjunction() {
    for seed in 0..10 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut csv = String::from("x,y,z,failed,total\n");
        for leaf in 0..(8 * 8 * 5) {
            let (x, y, z) = (leaf % 8, leaf / 8 % 8, leaf / 64);
            let by_x = if x == 0 { 2.2 } else { 1.0 };
            let by_y = if y == 0 { 2.2 } else { 1.0 };
            let now = failed(&mut dice, 400, 0.02 * by_x * by_y);
            writeln!(csv, "x{x},y{y},z{z},{now},400").unwrap();
        }
        assert_eq!(causes(&csv), [""; 0], "seed {seed}");
    }
}
