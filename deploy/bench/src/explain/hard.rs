//! Families that are hard in one way each: sparse leaves with rates of their
//! own, a short or missing comparison, everything moving at once, weak causes,
//! storms of one client, attributes of thousands of values.

use super::families::Family;

/// A service of five attributes whose values differ much in their usual rate.
fn service(name: &'static str) -> Family {
    Family {
        sizes: vec![(6, 6), (8, 8), (20, 31), (4, 4), (5, 5)],
        density: (0.5, 0.9),
        shape: (0.5, 0.8),
        total: (2e5, 5e5),
        rate: (0.01, 0.03),
        by_value: 0.5,
        usual: Some((1.0, 1.0)),
        noise: (0.2, 0.2),
        wander: 0.1,
        lift: (3.0, 15.0),
        items: (1, 2),
        ..Family::plain(name)
    }
}

/// Those with causes.
pub(super) fn families() -> Vec<Family> {
    vec![
        Family {
            total: (1.5e4, 3e4),
            ..service("sparse leaves")
        },
        Family {
            items: (3, 3),
            ..service("three of five attributes")
        },
        Family {
            lift: (1.4, 2.5),
            by_leaf: 0.6,
            wander: 0.02,
            total: (3e5, 3e6),
            ..service("weak causes")
        },
        Family {
            usual: Some((0.05, 0.2)),
            ..service("short comparison")
        },
        Family {
            wander: 0.3,
            ..service("drifting values")
        },
        Family {
            causes: (2, 4),
            lift: (2.0, 20.0),
            ..service("causes of all sizes")
        },
        Family {
            drift: (2.0, 5.0),
            noise: (0.1, 0.1),
            ..service("all fail more")
        },
        Family {
            sizes: vec![(1_500, 3_000), (200, 600), (20, 40), (3, 8)],
            total: (1e5, 1e6),
            ..service("thousands of values")
        },
        Family {
            shape: (0.3, 0.4),
            giant: 0.25,
            ..service("one giant leaf")
        },
        Family {
            absent: 0.3,
            ..service("gaps in the comparison")
        },
        Family {
            storms: (1, 3),
            ..service("cause and storms")
        },
        Family {
            usual: None,
            items: (1, 3),
            by_value: 0.4,
            lift: (5.0, 20.0),
            ..service("service, alone")
        },
        Family {
            usual: Some((0.1, 0.5)),
            by_leaf: 0.5,
            ..Family::stream()
        }
        .named("stream, short comparison"),
        Family {
            absent: 0.2,
            drift: (1.0, 3.0),
            giant: 0.2,
            ..Family::stream()
        }
        .named("stream, all worse"),
    ]
}

/// Those without.
pub(super) fn nulls() -> Vec<Family> {
    let none = |family: Family| Family {
        causes: (0, 0),
        noise: (0.0, 0.1),
        wander: 0.0,
        ..family
    };
    vec![
        none(Family {
            drift: (3.0, 3.0),
            ..Family::plain("all three times as often")
        }),
        none(Family {
            drift: (10.0, 10.0),
            rate: (0.005, 0.02),
            ..Family::plain("all ten times as often")
        }),
        none(Family {
            total: (1.5e4, 3e4),
            by_value: 0.9,
            ..service("nothing in sparse leaves")
        }),
        none(Family {
            storms: (1, 3),
            ..service("nothing but storms")
        }),
        none(Family {
            usual: Some((0.05, 0.2)),
            ..service("nothing, short comparison")
        }),
        none(Family {
            usual: None,
            by_value: 0.4,
            ..service("nothing in a service, alone")
        }),
    ]
}
