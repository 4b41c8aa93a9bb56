//! Families of tables, made as the published sets are described: heavy-tailed
//! leaves, a forecast with its error, causes of one to three attributes that
//! raise the rate of all their leaves alike (the ripple effect), at several
//! levels of noise; and two that are nearer to life: viewers of one live stream
//! and devices of a bank. The hard ones are in [`hard`].

use super::hard;

/// What a family's tables have in common; pairs are ranges.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// Values of each attribute.
    pub(crate) sizes: Vec<(usize, usize)>,
    /// Share of the possible leaves that there are.
    pub(crate) density: (f64, f64),
    /// Shape of the Weibull of leaf totals, and their sum.
    pub(crate) shape: (f64, f64),
    pub(crate) total: (f64, f64),
    /// Usual rate; how far values of an attribute differ in it, and leaves.
    pub(crate) rate: (f64, f64),
    pub(crate) by_value: f64,
    pub(crate) by_leaf: f64,
    /// Length of the comparison period, in periods.
    pub(crate) usual: Option<(f64, f64)>,
    /// How far a leaf strays from its forecast, and all leaves together.
    pub(crate) noise: (f64, f64),
    pub(crate) drift: (f64, f64),
    /// How far each value of an attribute strays from its forecast.
    pub(crate) wander: f64,
    pub(crate) causes: (usize, usize),
    pub(crate) items: (usize, usize),
    /// How many times the usual rate, how differently per leaf of a cause, and
    /// which share of its leaves.
    pub(crate) lift: (f64, f64),
    pub(crate) uneven: f64,
    pub(crate) covers: (f64, f64),
    /// How strongly the values of an attribute follow another one's.
    pub(crate) follows: f64,
    /// Leaves where one retrying client adds failures that nothing explains.
    pub(crate) storms: (usize, usize),
    /// Share of the whole traffic that a single leaf holds.
    pub(crate) giant: f64,
    /// Share of leaves that nothing is known of from before.
    pub(crate) absent: f64,
}

impl Family {
    pub(crate) fn plain(name: &'static str) -> Self {
        Self {
            name,
            sizes: vec![(4, 12), (3, 10), (3, 8), (2, 6)],
            density: (0.5, 1.0),
            shape: (0.5, 1.0),
            total: (2e4, 5e5),
            rate: (0.01, 0.06),
            by_value: 0.3,
            by_leaf: 0.1,
            usual: Some((1.0, 5.0)),
            noise: (0.0, 0.05),
            drift: (0.8, 1.25),
            wander: 0.0,
            causes: (1, 1),
            items: (1, 1),
            lift: (2.0, 8.0),
            uneven: 0.1,
            covers: (1.0, 1.0),
            follows: 0.0,
            storms: (0, 0),
            giant: 0.0,
            absent: 0.0,
        }
    }

    /// Every family that is scored.
    pub(crate) fn all() -> Vec<Self> {
        let plain = Self::plain;
        let noisy = |name, noise| Self {
            noise: (noise, noise),
            items: (1, 3),
            ..plain(name)
        };
        vec![
            plain("one attribute"),
            Self {
                items: (2, 2),
                ..plain("two attributes")
            },
            Self {
                items: (3, 3),
                ..plain("three attributes")
            },
            Self {
                items: (1, 3),
                usual: None,
                lift: (4.0, 12.0),
                ..plain("no comparison")
            },
            Self {
                items: (1, 2),
                causes: (2, 2),
                ..plain("two causes")
            },
            Self {
                items: (1, 2),
                causes: (3, 3),
                ..plain("three causes")
            },
            noisy("noise 0.1", 0.1),
            noisy("noise 0.2", 0.2),
            noisy("noise 0.4", 0.4),
            Self {
                shape: (0.5, 1.0),
                total: (5e6, 5e7),
                rate: (0.05, 0.3),
                noise: (0.0, 0.2),
                lift: (1.4, 3.0),
                items: (1, 3),
                causes: (1, 3),
                ..plain("derived measure")
            },
            Self::stream(),
            Self {
                uneven: 0.6,
                covers: (0.5, 0.9),
                ..Self::stream()
            }
            .named("stream, uneven"),
            Self {
                wander: 0.25,
                uneven: 0.5,
                ..Self::stream()
            }
            .named("stream, restless"),
            Self::devices("devices", Some((1.0, 3.0))),
            Self::devices("devices, alone", None),
        ]
        .into_iter()
        .chain(hard::families())
        .collect()
    }

    /// Tables without a cause: whatever is printed is wrong.
    pub(crate) fn nulls() -> Vec<Self> {
        let none = |family: Self, name| {
            Self {
                causes: (0, 0),
                ..family
            }
            .named(name)
        };
        vec![
            none(Self::plain(""), "nothing"),
            none(
                Self {
                    usual: None,
                    ..Self::plain("")
                },
                "nothing, alone",
            ),
            none(
                Self {
                    noise: (0.1, 0.4),
                    ..Self::plain("")
                },
                "nothing but noise",
            ),
            none(Self::stream(), "nothing in a stream"),
            none(
                Self {
                    wander: 0.25,
                    ..Self::stream()
                },
                "nothing, restless",
            ),
            none(Self::devices("", Some((1.0, 3.0))), "healthy devices"),
            none(Self::devices("", None), "healthy devices, alone"),
        ]
        .into_iter()
        .chain(hard::nulls())
        .collect()
    }

    pub(super) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Viewers of one channel who stall: sparse, tiny leaves, attributes that
    /// hang together, a short comparison.
    pub(super) fn stream() -> Self {
        Self {
            sizes: vec![(20, 32), (4, 8), (3, 8), (3, 6), (2, 2), (3, 5)],
            density: (0.03, 0.15),
            shape: (0.35, 0.7),
            total: (3e3, 2e5),
            rate: (0.01, 0.08),
            by_value: 0.35,
            by_leaf: 0.3,
            usual: Some((1.0, 10.0)),
            noise: (0.1, 0.4),
            drift: (0.8, 1.5),
            items: (1, 3),
            lift: (1.8, 8.0),
            uneven: 0.3,
            follows: 0.7,
            ..Self::plain("stream")
        }
    }

    /// Devices that fail an update: a few per leaf, rare failures, a high rate
    /// where something is broken.
    fn devices(name: &'static str, usual: Option<(f64, f64)>) -> Self {
        Self {
            sizes: vec![(4, 4), (6, 12), (4, 4), (5, 9), (3, 5), (3, 6)],
            density: (0.1, 0.3),
            shape: (0.6, 1.0),
            total: (1.5e3, 3e4),
            rate: (0.005, 0.03),
            by_value: 0.2,
            by_leaf: 0.2,
            usual,
            items: (1, 3),
            lift: (10.0, 60.0),
            follows: 0.5,
            ..Self::plain(name)
        }
    }
}
